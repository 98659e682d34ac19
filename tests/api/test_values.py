"""How values of arguments are read."""

from __future__ import annotations

import pytest

from hyperinfer.api.values import expiry, instant, names, usd, usd_not_negative

NOW = 1_795_600_000.25


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("90m", 5400), ("12h", 43200), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_a_duration(text: str, seconds: int) -> None:
    assert expiry(text)(NOW) == NOW + seconds


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("2027-01-31", "2027-01-31T00:00:00.000Z"),
        ("2027-01-31T12:00", "2027-01-31T12:00:00.000Z"),
        ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00.000Z"),
        ("2027-01-31T12:00:00+01:00", "2027-01-31T11:00:00.000Z"),
    ],
)
def test_a_moment(text: str, then: str) -> None:
    assert instant(expiry(text)(NOW)) == then


@pytest.mark.parametrize("text", ["", "soon", "30", "d", "1.5h", "-3d", "30D", "2027-13-01", "9999999d", "٣d", "1y"])
def test_neither(text: str) -> None:
    with pytest.raises(ValueError, match="neither a duration"):
        expiry(text)


@pytest.mark.parametrize("text", ["0s", "2020-01-01"])
def test_the_past(text: str) -> None:
    with pytest.raises(ValueError, match="lies in the past"):
        expiry(text)(NOW)


def test_a_date_beyond_what_the_clock_knows() -> None:
    assert expiry("9999-12-31")(NOW) > NOW
    with pytest.raises(ValueError, match=r"lies in the past|not a date"):
        expiry("0001-01-01")(NOW)


@pytest.mark.parametrize(
    ("text", "pico"), [("12.50", 12_500_000_000_000), ("$1", 10**12), ("1e-12", 1), ("-3", -3 * 10**12)]
)
def test_usd_is_exact(text: str, pico: int) -> None:
    assert usd(text) == pico


@pytest.mark.parametrize("text", ["1e-20", "", "NaN", "inf", "1,5", "ten", "1e99"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match=r"USD|amount"):
        usd(text)


def test_no_negative_amount() -> None:
    with pytest.raises(ValueError, match=r"cannot be negative: -1"):
        usd_not_negative("-1")


def test_names() -> None:
    assert names("a/b, c,a/b") == ("a/b", "c")
    for text in ("", "a,,b", ","):
        with pytest.raises(ValueError, match="not a list of names"):
            names(text)
