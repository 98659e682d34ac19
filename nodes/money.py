"""Money as exact integers of pico-USD (1e-12 USD), read from and printed as decimal text. Never a float.

Pico, because a price of P USD per 1M tokens is P x 1e6 pico-USD per token: exact for every price with up to six
decimals, and 64 bits still hold nine million USD.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

PICO_PER_USD: Final = 10**12
PICO_PER_MICRO: Final = 10**6
PICO_LIMIT: Final = 9 * 10**18
"""The largest amount or balance, either sign, that a store takes: nine million USD, within 64 bits."""

_TEXT_LIMIT = 64


def usd_to_pico(amount: str | int | Decimal) -> int:
    """The exact pico-USD of an amount in USD (`"0.25"`, `"1e-6"`, `3`).

    Raises ValueError when it is not a finite decimal number, is finer than 1 pico-USD, or is beyond PICO_LIMIT.
    A float is refused: it has lost the exact amount already.
    """
    if isinstance(amount, (float, bool)):
        raise TypeError("money is never a float: pass text, int or Decimal")
    if isinstance(amount, str) and len(amount) > _TEXT_LIMIT:
        raise ValueError("not an amount in USD: too long")
    if isinstance(amount, str) and ("_" in amount or not amount.isascii()):  # which Decimal would take
        raise ValueError(f"not an amount in USD: {amount!r}")
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise ValueError(f"not an amount in USD: {amount!r}") from None
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"not an amount in USD: {str(amount)!r}")
    if not value:
        return 0
    shown = str(amount)
    shown = shown if len(shown) <= _TEXT_LIMIT else f"{shown[:_TEXT_LIMIT]}…"
    if value.adjusted() > 7:
        raise ValueError(f"too large an amount: {shown} USD")
    # By hand and not by Decimal arithmetic, which rounds to the precision of whatever context is in force.
    text = "".join(map(str, digits)).rstrip("0")
    shift = 12 + exponent + len(digits) - len(text)
    if shift < 0:
        raise ValueError(f"finer than 1e-12 USD: {shown} USD")
    pico = int(int(text) * 10**shift)
    if pico > PICO_LIMIT:
        raise ValueError(f"too large an amount: {shown} USD")
    return -pico if sign else pico


def pico_to_usd(pico: int) -> Decimal:
    """USD, exact."""
    return Decimal(pico_to_usd_text(pico))


def pico_to_usd_text(pico: int) -> str:
    """USD as plain decimal text: no exponent, at least one decimal and none that is a trailing zero (`"100.0"`)."""
    return _decimal_text(pico, PICO_PER_USD, 12)


def pico_to_micro_text(pico: int) -> str:
    """Micro-USD as exact decimal text: an integer where it is one (`"12"`), else with its decimals (`"0.15"`)."""
    return _decimal_text(pico, PICO_PER_MICRO, 6).removesuffix(".0")


def _decimal_text(pico: int, unit: int, places: int) -> str:
    whole, part = divmod(abs(pico), unit)
    fraction = f"{part:0{places}d}".rstrip("0") or "0"
    return f"{'-' if pico < 0 else ''}{whole}.{fraction}"
