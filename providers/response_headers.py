"""The few headers of an upstream's response that mean something to us or to a client."""

import math
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from hyperinfer.providers.quirks import Protocol

_VALUE_LIMIT: Final = 200

_LIMITS: Final = "anthropic-ratelimit-"


_MEANINGFUL: Final = frozenset({"content-type", "content-encoding", "retry-after", "retry-after-ms", "x-should-retry"})

_NEVER_PASSED: Final = frozenset({"content-type", "content-encoding", "x-should-retry"})

_names: dict[bytes, str] = {}
"""Names as servers spell them: what they are here, empty where they mean nothing. There are but a few spellings."""
_MOST_NAMES: Final = 1000


def meaningful(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Those of a response's headers that are looked at, by lower-case name; repeated ones are joined with commas."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = _names.get(raw_name)
        if name is None:
            name = _learnt(raw_name)
        if name:
            value = raw_value.decode("latin-1")
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _learnt(raw_name: bytes) -> str:
    name = raw_name.decode("latin-1").lower()
    if name not in _MEANINGFUL and not name.startswith(_LIMITS):
        name = ""
    if len(_names) < _MOST_NAMES:
        _names[raw_name] = name
    return name


def header(headers: Mapping[str, str], name: str) -> str:
    """A header by its lower-case name, whatever case the mapping keeps; empty when absent."""
    value = headers.get(name)
    if value is None:
        value = next((value for key, value in headers.items() if key.lower() == name), "")
    return value


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait as the upstream asks, or None. `retry-after-ms` beats `retry-after`, which is seconds, also with
    a fraction, or an HTTP date (RFC 9110, 10.2.3); a date needs `now`, in Unix seconds."""
    if (milliseconds := _seconds(header(headers, "retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = header(headers, "retry-after")
    if (seconds := _seconds(value)) is not None or now is None or not value:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def passable_headers(headers: Mapping[str, str], protocol: Protocol, ingress: str) -> list[tuple[str, str]]:
    """The headers that may reach the client, with lower-case names, from an upstream that speaks `protocol`.

    `retry-after` and `retry-after-ms`; from Messages to Messages (`ingress` is the client's format,
    `anthropic_messages`) also `anthropic-ratelimit-*`, by which Claude Code knows when to stop. Nothing else: the rest
    tells of the upstream and its network.
    """
    if headers.keys() <= _NEVER_PASSED:  # as of almost every success
        return []
    same_format = protocol == "anthropic_messages" and ingress == "anthropic_messages"
    return [
        (name, value)
        for name, value in ((name.lower(), value) for name, value in headers.items())
        if name in ("retry-after", "retry-after-ms") or (same_format and name.startswith(_LIMITS))
        if len(value) <= _VALUE_LIMIT and value.isascii() and value.isprintable()
        # What says no time says something else, such as a key.
        if name.startswith(_LIMITS) or retry_after({name: value}, now=0.0) is not None
    ]


def _seconds(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
