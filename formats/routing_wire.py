"""`provider` and `models` of a request, which are the same in all three formats, as they are validated and read.

The shape is OpenRouter's (its pages on provider routing and on model fallbacks), `locations` is the gateway's own. What a
route cannot be judged by is refused where it protects the caller, and a Loss where it only says what would be nicer.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.routing import Routing, Sort
from hyperinfer.formats.wire import extras, is_array

MOST_MODELS: Final = 8
"""Models that one request can fall back to."""

_SORTS: dict[str, Sort] = {word: word for word in get_args(Sort)}
NO_SUCH: Final = "the gateway has no such preference"

Names = list[str]
Price = float | str
FallbackModels = Annotated[
    list[str], Meta(max_length=MOST_MODELS, description="Models to try, in order, when those before fail before any output.")
]


class ProviderSort(msgspec.Struct, kw_only=True, gc=False):
    """`by`: price, latency or throughput. `partition`: model (each model's routes by themselves) or none."""

    by: str | None = None
    partition: str | None = None


class MaxPrice(msgspec.Struct, kw_only=True, gc=False):
    """The most that a route may cost: USD per million tokens. No route here has a price per request, image or audio."""

    prompt: Price | None = None
    completion: Price | None = None
    request: Price | None = None
    image: Price | None = None
    audio: Price | None = None


class Provider(msgspec.Struct, kw_only=True, gc=False):
    """Which providers may serve the request, and which are tried first. Names are those of the catalogue's `providers`."""

    order: Names | None = None
    only: Names | None = None
    ignore: Names | None = None
    sort: str | ProviderSort | None = None
    allow_fallbacks: bool | None = None
    max_price: MaxPrice | None = None
    data_collection: str | None = None
    locations: Names | None = None
    require_parameters: bool | None = None
    zdr: bool | None = None
    enforce_distillable_text: bool | None = None
    quantizations: Names | None = None


def name_first_model(value: dict[str, Any]) -> None:
    """For a request without `model`: the first of its `models` stands for it."""
    models: Any = value.get("models")
    if is_array(models) and models and isinstance(models[0], str):
        value["model"] = models[0]


def decode_routing(
    value: dict[str, Any],
    provider: Provider | None,
    models: list[str] | None,
    extra: dict[str, Any],
    lost: list[tuple[str, str]],
) -> Routing:
    """The preferences of a request, `value`, whose fields were read as `provider` and `models`. Raises `RequestError`.

    What is not heeded goes to `lost`. `extra`: the request's fields that are not modelled; `route`, by which older clients
    say that `models` are fallbacks, is taken out of it.
    """
    if models and extra.get("route") in ("fallback", ""):
        del extra["route"]
    if provider is None:
        return Routing(models=tuple(models or ()))
    unknown = extras(value["provider"], Provider) or {}
    lost += [(f"provider.{name}", NO_SUCH) for name, wish in unknown.items() if wish is not None]
    _refuse_unknowable(provider)
    prices = provider.max_price or MaxPrice()
    for name in ("request", "image", "audio"):
        _pico(getattr(prices, name), name)
    sort, across_models = _sort(provider.sort)
    return Routing(
        models=tuple(models or ()),
        order=_names(provider.order),
        only=_names(provider.only),
        ignore=_names(provider.ignore),
        sort=sort,
        across_models=across_models,
        allow_fallbacks=provider.allow_fallbacks is not False,
        max_prompt=_pico(prices.prompt, "prompt"),
        max_completion=_pico(prices.completion, "completion"),
        data_collection=_data_collection(provider.data_collection),
        locations=tuple(dict.fromkeys(name.strip().upper() for name in provider.locations or ())),
        require_parameters=provider.require_parameters is True,
    )


def _refuse_unknowable(provider: Provider) -> None:
    """What would have to be promised, and is not known of any provider here."""
    for name in ("zdr", "enforce_distillable_text", "quantizations"):
        if getattr(provider, name):
            path = f"provider.{name}"
            raise RequestError(f"{path}: the gateway does not know this of its providers and cannot promise it", param=path)


def _names(names: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip().lower() for name in names)) if names else ()


def _sort(value: str | ProviderSort | None) -> tuple[Sort | None, bool]:
    if isinstance(value, ProviderSort):
        if value.partition not in (None, "model", "none"):
            raise _not_one_of("provider.sort.partition", value.partition, ("model", "none"))
        sort = _sort_word(value.by, "provider.sort.by")
        return sort, sort is not None and value.partition == "none"
    return _sort_word(value, "provider.sort"), False


def _sort_word(word: str | None, path: str) -> Sort | None:
    if word is None or word in _SORTS:
        return None if word is None else _SORTS[word]
    raise _not_one_of(path, word, tuple(_SORTS))


def _data_collection(word: str | None) -> Literal["allow", "deny"]:
    if word is None or word == "allow":
        return "allow"
    if word == "deny":
        return "deny"
    raise _not_one_of("provider.data_collection", word, ("allow", "deny"))


def _pico(price: float | str | None, name: str) -> int | None:
    """Pico-USD for a token, of a price in USD for a million; what is finer than that is cut off."""
    if price is None:
        return None
    path = f"provider.max_price.{name}"
    try:
        amount = Decimal(str(price).strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise RequestError(f"{path}: expected a price of 0 or more, in USD per million tokens", param=path)
    return int(min(amount, Decimal(10**12)) * 10**6)


def _not_one_of(path: str, word: str, known: tuple[str, ...]) -> RequestError:
    return RequestError(f"{path}: expected one of {', '.join(known)}, got {word[:80]!r}", param=path)
