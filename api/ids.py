"""Request ids: time-ordered, from a clock and randomness that are passed in (RULES: Headers and ids)."""

from __future__ import annotations

from collections.abc import Callable

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)
_PREFIXES = ("gen-", "resp_", "msg_")


class RequestIds:
    """Makes ids of 9 characters of time (milliseconds, base 36) and 16 of randomness: 25 of `[a-z0-9]`.

    `now`: unix seconds. `entropy`: n random bytes.
    """

    def __init__(self, now: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._now, self._entropy = now, entropy
        self._millisecond, self._time = -1, ""

    def next(self) -> str:
        """A new id."""
        millisecond = int(self._now() * 1000)
        if millisecond != self._millisecond:
            self._millisecond, self._time = millisecond, _base36(millisecond)[-9:]
        return self._time + _base36(int.from_bytes(self._entropy(10)))


def bare_id(text: str) -> str:
    """A request id without the prefix that it has inside a response (`gen-`, `resp_`, `msg_`)."""
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            return text[len(prefix) :]
    return text


def _base36(number: int) -> str:
    """16 digits, two at a time."""
    number, eighth = divmod(number, 1296)
    number, seventh = divmod(number, 1296)
    number, sixth = divmod(number, 1296)
    number, fifth = divmod(number, 1296)
    number, fourth = divmod(number, 1296)
    number, third = divmod(number, 1296)
    first, second = divmod(number, 1296)
    pairs = _PAIRS
    return (
        f"{pairs[first % 1296]}{pairs[second]}{pairs[third]}{pairs[fourth]}"
        f"{pairs[fifth]}{pairs[sixth]}{pairs[seventh]}{pairs[eighth]}"
    )
