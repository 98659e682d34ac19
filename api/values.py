"""How the values of arguments and variables are read. Each raises ValueError with a text for whoever typed the value."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EPOCH: Final = date(1970, 1, 1).toordinal()
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


def usd(text: str) -> int:
    """An amount in USD, exact, of either sign: pico-USD."""
    # The package that it lies in is heavy, and most verbs read no money.
    from hyperinfer.nodes.money import usd_to_pico

    return usd_to_pico(text.removeprefix("$"))


def usd_not_negative(text: str) -> int:
    """An amount in USD from 0 on: pico-USD."""
    amount = usd(text)
    if amount < 0:
        raise ValueError(f"cannot be negative: {text}")
    return amount


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or not int(text):
        raise ValueError(f"not a whole number from 1 on: {text!r}")
    return int(text)


def one_of(*words: str) -> Callable[[str], str]:
    """One of these."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"not one of {', '.join(words)}: {text!r}")
        return text

    return read


def share(text: str) -> float:
    """A number from 0 to 1."""
    if not re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,18}", text) or not float(text) <= 1:
        raise ValueError(f"not a number from 0 to 1: {text!r}")
    return float(text)


def port(text: str) -> int:
    """A TCP port; 0 means any that is free."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError(f"not a port (0 to 65535): {text!r}")
    return int(text)


def server_url(text: str) -> str:
    """Where a gateway answers: `https://host` or `http://host:port`, and the path that it is under, if any."""
    try:
        found = urlsplit(text)
        fits = found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0 and found.username is None
    except ValueError:
        fits = False
    if fits and not re.search(r"[\s?#\\]", text) and text.isprintable():
        return text.rstrip("/")
    raise ValueError(f"not an address such as https://gateway.example: {text!r}")


def names(text: str) -> tuple[str, ...]:
    """Names between commas, each once, in their order."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(found):
        raise ValueError(f"not a list of names between commas: {text!r}")
    return found


def address(text: str) -> tuple[str, int]:
    """Where to listen: `HOST:PORT`, an IPv6 address in brackets; port 0 means any that is free."""
    host, colon, number = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or re.search(r"[\s/\[\]]", host):
        raise ValueError(f"not HOST:PORT: {text!r}")
    return host, port(number)


def pairs(text: str) -> dict[str, str]:
    """`name=value` between commas."""
    found = dict(each.split("=", 1) for each in names(text) if "=" in each)
    if len(found) != len(names(text)) or not all(name and value for name, value in found.items()):
        raise ValueError(f"not name=value between commas: {text!r}")
    return found


def json_object(text: str) -> dict[str, object]:
    """A JSON object."""
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return {str(name): value for name, value in found.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def switch(text: str) -> bool:
    """A yes or no, as environment variables say it."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"neither true nor false: {text!r}")


def expiry(text: str) -> Callable[[float], float]:
    """When something ends, given the present, both in unix seconds. `30d`, `12h`, `90m`, `2w`: that long from now.

    `2027-01-31` or `2027-01-31T12:00:00+01:00`: then, in UTC unless the text says otherwise. The returned function
    raises ValueError when that has passed.
    """
    if found := re.fullmatch(r"([0-9]{1,6})([smhdw])", text):
        seconds = timedelta(**{_UNITS[found[2]]: int(found[1])}).total_seconds()
        return lambda now: _future(text, now + seconds, now)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"neither a duration (30d, 12h, 90m, 2w) nor an ISO date or time: {text!r}") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        then = moment.timestamp()
    except (OverflowError, ValueError):
        raise ValueError(f"not a date that this machine knows: {text!r}") from None
    return lambda now: _future(text, then, now)


def utc_day(text: str) -> int:
    """A date (`2026-11-25`): the days from 1970 to it."""
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError(text)
        return date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        raise ValueError(f"not a date such as 2026-11-25: {text!r}") from None


def day_text(day: int) -> str:
    """A day since 1970 as a date. Raises ValueError for one beyond the years 1 to 9999."""
    try:
        return date.fromordinal(day + _EPOCH).isoformat()
    except (ValueError, OverflowError):
        raise ValueError(f"there is no date {day} days after 1970") from None


def _future(text: str, then: float, now: float) -> float:
    try:
        instant(then)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"beyond the year 9999: {text}") from None
    if then <= now:
        raise ValueError(f"lies in the past: {text}")
    return then


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`; did you mean NAME?`, or nothing when no known word is near."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {close[0]}?" if close else ""


def instant(seconds: float, precision: Literal["milliseconds", "minutes"] = "milliseconds") -> str:
    """Unix seconds as ISO 8601 in UTC: `2026-11-25T19:40:20.250Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
