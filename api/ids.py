"""Request ids: time-ordered, from a clock and randomness that are passed in (RULES: Headers and ids)."""

from __future__ import annotations

from collections.abc import Callable

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)
_TEN_BITS = tuple(first + second for first in _DIGITS[:32] for second in _DIGITS[:32])
_PREFIXES = ("gen-", "resp_", "msg_")


class RequestIds:
    """Makes ids of 9 characters of time (milliseconds, base 36) and 16 of randomness (80 bits): 25 of `[a-z0-9]`.

    `now`: unix seconds. `entropy`: n random bytes.
    """

    def __init__(self, now: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._now, self._entropy = now, entropy
        self._time, self._digits = -1, ""  # that of all but the last two digits

    def next(self) -> str:
        """A new id."""
        time, rest = divmod(int(self._now() * 1000), 1296)
        if time != self._time:
            self._time, self._digits = time, _seven_digits(time)
        bits, tens = int.from_bytes(self._entropy(10)), _TEN_BITS
        return (
            f"{self._digits}{_PAIRS[rest]}"
            f"{tens[bits >> 70]}{tens[bits >> 60 & 1023]}{tens[bits >> 50 & 1023]}{tens[bits >> 40 & 1023]}"
            f"{tens[bits >> 30 & 1023]}{tens[bits >> 20 & 1023]}{tens[bits >> 10 & 1023]}{tens[bits & 1023]}"
        )


def id_of_time(time: float) -> str:
    """Before every id that is made from this time on, and after those made before it. time: unix seconds."""
    milliseconds = min(max(int(time * 1000), 0), 36**9 - 1)
    return _seven_digits(milliseconds // 1296) + _PAIRS[milliseconds % 1296]


def bare_id(text: str) -> str:
    """A request id without the prefix that it has inside a response (`gen-`, `resp_`, `msg_`)."""
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            return text[len(prefix) :]
    return text


def _seven_digits(number: int) -> str:
    """Base 36."""
    digits: list[str] = []
    for _ in range(7):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
