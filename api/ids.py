"""Request ids: time-ordered, from a clock and randomness that are passed in (RULES: Headers and ids)."""

from __future__ import annotations

from collections.abc import Callable

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PREFIXES = ("gen-", "resp_", "msg_")


class RequestIds:
    """Makes ids of 9 characters of time (milliseconds, base 36) and 16 of randomness: 25 of `[a-z0-9]`.

    `now`: unix seconds. `entropy`: n random bytes.
    """

    def __init__(self, now: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._now, self._entropy = now, entropy

    def next(self) -> str:
        """A new id."""
        milliseconds = int(self._now() * 1000)
        return _base36(milliseconds, 9) + _base36(int.from_bytes(self._entropy(10)), 16)


def bare_id(text: str) -> str:
    """A request id without the prefix that it has inside a response (`gen-`, `resp_`, `msg_`)."""
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            return text[len(prefix) :]
    return text


def _base36(number: int, width: int) -> str:
    digits: list[str] = []
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
