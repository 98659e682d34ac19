"""Money is exact: text to integer and back, for every amount a store takes, and nothing is rounded in silence."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.nodes.money import PICO_LIMIT, pico_to_micro_text, pico_to_usd_text, usd_to_pico

amounts = st.integers(-PICO_LIMIT, PICO_LIMIT)


@pytest.mark.parametrize(
    ("text", "pico"),
    [
        ("0", 0), ("-0", 0), ("0e99", 0), ("1", 10**12), ("100.00", 10**14), ("0.25", 25 * 10**10), ("1e-12", 1),
        ("1.5E-6", 1_500_000), ("-2.5", -25 * 10**11), (" 3 ", 3 * 10**12), ("0.000000000001000", 1),
        (".5", 5 * 10**11), ("9000000", PICO_LIMIT), ("9e6", PICO_LIMIT),
    ],
)  # fmt: skip
def test_text_is_read_exactly(text: str, pico: int) -> None:
    assert usd_to_pico(text) == pico
    assert usd_to_pico(Decimal(text.strip())) == pico


@pytest.mark.parametrize(
    "text",
    [
        "", "abc", "nan", "inf", "-Infinity", "1,5", "$3", "1e", "0.0000000000001", "1e-13", "9000000.000000000001",
        "1e7", "-1e8", "1e999999999", "1e-999999999", "0." + "1" * 80, "1_000'",
    ],
)  # fmt: skip
def test_what_is_not_an_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="USD"):
        usd_to_pico(text)


@pytest.mark.parametrize("text", ["1" + "0" * 5000, "0." + "0" * 5000 + "1", "1." + "1" * 5000, "1." + "0" * 5000 + "1"])
def test_a_number_of_thousands_of_digits_is_refused_in_a_few_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(too large|finer).{,99} USD$"):
        usd_to_pico(Decimal(text))


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError):
        usd_to_pico(0.1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@given(amounts)
def test_usd_text_returns_to_the_same_amount(pico: int) -> None:
    assert usd_to_pico(pico_to_usd_text(pico)) == pico


@given(amounts)
def test_the_precision_of_the_context_changes_nothing(pico: int) -> None:
    with localcontext() as context:
        context.prec = 2
        assert usd_to_pico(Decimal(pico_to_usd_text(pico))) == pico


@given(amounts)
def test_printed_text_is_plain_and_minimal(pico: int) -> None:
    text = pico_to_usd_text(pico)
    fraction = text.split(".")[1]
    assert set(text) <= set("-0123456789.")
    assert fraction == "0" or not fraction.endswith("0")
    assert Decimal(text) * 10**12 == pico
    assert Decimal(pico_to_micro_text(pico)) * 10**6 == pico


@pytest.mark.parametrize(
    ("pico", "usd", "micro"),
    [
        (0, "0.0", "0"), (1, "0.000000000001", "0.000001"), (10**12, "1.0", "1000000"),
        (-1, "-0.000000000001", "-0.000001"), (150_000, "0.00000015", "0.15"),
        (10**14, "100.0", "100000000"), (-(10**12) - 10**6, "-1.000001", "-1000001"),
    ],
)  # fmt: skip
def test_printed_forms(pico: int, usd: str, micro: str) -> None:
    assert pico_to_usd_text(pico) == usd
    assert pico_to_micro_text(pico) == micro


@pytest.mark.parametrize("text", ["1_000", "0._5", "\u0661", "\uff11\uff12", "1.0\u00a0"])
def test_amounts_are_written_with_the_ten_digits_and_nothing_between_them(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount in USD"):
        usd_to_pico(text)
