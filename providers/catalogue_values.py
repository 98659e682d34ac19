"""The kinds of value that `providers.yaml` is made of: prices, addresses, secrets, seconds, dates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from urllib.parse import urlsplit

from hyperinfer.providers.catalogue_records import Pricing
from hyperinfer.providers.catalogue_yaml import Value
from hyperinfer.providers.secret import Secret

PRICING_KEYS = ("prompt", "completion", "cached_prompt", "cache_write", "cache_write_1h")

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# `$NAME` alone, or in capitals where a word may begin; `${NAME` and `$(NAME)`.
_ALMOST_VARIABLE = re.compile(
    r"\A\$([A-Za-z_][A-Za-z0-9_]*)\Z|(?:\A|(?<=[\s/:@=]))\$([A-Z_][A-Z0-9_]+)(?![A-Za-z0-9_$])|\$[{(]([A-Za-z_][A-Za-z0-9_]*)"
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_PICO_PER_USD = 10**12
# The proxy hop owns these; a provider's configuration must not.
_OWN_HEADERS = ("host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding")


@dataclass(frozen=True, slots=True)
class Filled:
    """Text with its `${NAME}` filled in, and the names that the environment does not set (or sets to nothing)."""

    text: str
    unset: tuple[str, ...]


def filled(value: Value, environ: Mapping[str, str]) -> Filled | None:
    """Read text and fill in its variables. Reports what only looks like `${NAME}`; never quotes a value."""
    raw = value.text()
    if raw is None:
        return None
    rest = _VARIABLE.sub("", raw)
    almost = _ALMOST_VARIABLE.search(rest.strip())
    if almost or "${" in rest:
        name = next(filter(None, almost.groups()), "") if almost else ""
        # In capitals it is a variable's name. Anything else may be a part of a key, which is not for a screen.
        guess = f"; did you mean ${{{name}}}?" if name and name == name.upper() else ""
        value.error(f"expected ${{NAME}} with a name of letters, digits and _{guess}")
        return None
    unset = tuple(dict.fromkeys(name for name in _VARIABLE.findall(raw) if not environ.get(name, "").strip()))
    # Surrounding blanks are what an environment file leaves behind, never a part of a key or an address.
    return Filled(_VARIABLE.sub(lambda found: environ.get(found[1], "").strip(), raw), unset)


def secret(value: Value, environ: Mapping[str, str]) -> tuple[Secret | None, tuple[str, ...]]:
    """A key or header value, and the variables it lacks. The secret is None when it cannot be used."""
    found = filled(value, environ)
    if found is None or found.unset:
        return None, found.unset if found else ()
    if not found.text or not found.text.isascii() or not found.text.isprintable():
        value.error("expected printable ASCII text that is not empty")
        return None, ()
    return Secret(found.text), ()


def base_url(value: Value, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """An http(s) address without trailing slash, and the variables it lacks (then the address is empty).

    It may have a query (`?api-version=…`), which must be written out: addresses are shown, and keys are often variables.
    """
    found = filled(value, environ)
    if found is None or found.unset:
        return "", found.unset if found else ()
    try:
        parts = urlsplit(found.text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        odd = "@" in parts.netloc or bool(parts.fragment) or "${" in (value.text() or "").partition("?")[2]
    except ValueError:
        usable, odd = False, False
    if not usable or not found.text.isascii() or not found.text.isprintable() or " " in found.text:
        value.error("expected an http:// or https:// address with the version path, such as https://host/v1")
    elif odd:
        value.error("expected an address without user, password or fragment, and without ${NAME} in its query")
    address, mark, query = found.text.partition("?")
    return address.rstrip("/") + mark + query, ()


def header_name(value: Value, name: str) -> str | None:
    """A header's name, in lower case."""
    if not _HEADER_NAME.match(name):
        value.error("expected the name of a header")
    elif name.lower() in _OWN_HEADERS:
        value.error(f"the header {name.lower()} is set by the connection itself")
    else:
        return name.lower()
    return None


def auth(value: Value) -> str | None:
    """`bearer`, `x-api-key` or `header:NAME`."""
    text = value.text()
    if text is not None and text.startswith("header:"):
        name = header_name(value, text.removeprefix("header:"))
        return f"header:{name}" if name else None
    if text is not None and text not in ("bearer", "x-api-key"):
        value.error(f"unknown auth {text[:80]!r}; one of bearer, x-api-key, header:NAME")
        return None
    return text


def seconds(value: Value) -> float | None:
    """A positive number of seconds, at most a day."""
    number = value.decimal()
    if number is not None and not 0 < number <= 86_400:
        value.error("expected seconds above 0, at most 86400")
        return None
    return None if number is None else float(number)


def colour(value: Value) -> str:
    """`#RRGGBB`, or empty after a complaint."""
    if value.is_null():
        value.error("expected a colour such as '#4D6BFE', in quotes: an unquoted # begins a comment")
        return ""
    text = value.text()
    if text is not None and not _COLOUR.match(text):
        value.error(f"expected a colour such as '#4D6BFE', got {text[:80]!r}")
        return ""
    return text or ""


def day(value: Value) -> str:
    """A day as `YYYY-MM-DD`, or empty when unset or after a complaint."""
    text = value.text(("str", "timestamp"))
    if not text:
        return ""
    try:
        if not _DAY.match(text):
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        value.error(f"expected a day as YYYY-MM-DD, got {text[:80]!r}")
        return ""
    return text


def web_address(value: Value) -> str | None:
    """A link for people to follow."""
    text = value.text()
    if text is not None and not text.startswith(("https://", "http://")):
        value.error("expected a link that begins with https://")
        return None
    return text


def price(value: Value, per: int) -> int | None:
    """An amount in USD for `per` units, as exact pico-USD for one. Reports what a pico-USD cannot express."""
    amount = value.decimal()
    if amount is None:
        return None
    pico = Fraction(amount) * _PICO_PER_USD / per
    if pico < 0:
        value.error("expected a price of 0 or more")
    elif pico.denominator != 1:
        value.error(f"expected at most {6 if per == 1_000_000 else 12} decimals: a price must be exact in pico-USD")
    elif pico > _PICO_PER_USD:
        value.error(f"expected at most {per} USD" + (" for a million tokens" if per > 1 else ""))
    else:
        return int(pico)
    return None


def pricing(value: Value, base: Pricing | None) -> Pricing | None:
    """Prices in USD for a million tokens. Without `base`, prompt and completion are required.

    `cached_prompt` and `cache_write` default to prompt, `cache_write_1h` to 1.6 × cache_write, rounded up to the next
    pico-USD where that is a fraction (it is for prices that use the sixth decimal).
    A route's pricing lies over its model's (`base`): what it does not state stays, except that a route which states
    `prompt` has stated a new prompt side, whose cache prices default from it.
    """
    given = value.fields(PRICING_KEYS)
    prices = {name: price(entry, 1_000_000) for name, entry in given.items()}
    if base is None:
        for name in ("prompt", "completion"):
            if name not in given:
                value.error(f"missing {name}: USD for a million tokens; 0 for a free model")
                prices[name] = None
    elif "prompt" not in prices:
        defaults = {"prompt": base.prompt, "cached_prompt": base.cached_prompt, "cache_write": base.cache_write}
        if "cache_write" not in prices:
            defaults["cache_write_1h"] = base.cache_write_1h
        prices = {**defaults, **prices}
    if base is not None:
        prices.setdefault("completion", base.completion)
    prompt, completion = prices["prompt"], prices["completion"]
    cached_prompt = prices.get("cached_prompt", prompt)
    cache_write = prices.get("cache_write", prompt)
    if prompt is None or completion is None or cached_prompt is None or cache_write is None:
        return None
    cache_write_1h = prices.get("cache_write_1h", -(-cache_write * 16 // 10))
    if cache_write_1h is None:
        return None
    return Pricing(prompt, completion, cached_prompt, cache_write, cache_write_1h)
