"""The tool `datetime`: the clock in a zone, and what is said about zones that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from hyperinfer.nodes.tools.datetime_now import DatetimeTool, zone_named

if TYPE_CHECKING:
    from hyperinfer.nodes.tools.port import ServerTool

WINTER = 1_798_250_712.9
"""Saturday, 2026-12-26 02:05:12.9 UTC."""
SUMMER = 1_783_036_799.0
"""Thursday, 2026-07-02 23:59:59 UTC."""


def tool(now: float = WINTER) -> ServerTool:
    return DatetimeTool(now=lambda: now, price=7)


async def told(arguments: dict[str, Any], options: dict[str, Any] | None = None, now: float = WINTER) -> list[str]:
    outcome = await tool(now).run(arguments, options or {})
    assert (outcome.error, outcome.calls, outcome.sources, outcome.images) == (None, 1, (), ())
    return outcome.text.split("\n")


async def test_utc_without_a_zone() -> None:
    assert await told({}) == [
        "Current time: 2026-12-26T02:05:12+00:00",
        "Date: Saturday, 26 December 2026",
        "Time zone: UTC (UTC+00:00)",
        "ISO week: 2026-W52-6",
        "Day of the year: 360",
        "UTC: 2026-12-26T02:05:12Z",
    ]
    assert (await tool().run({}, {})).summary == "Saturday, 2026-12-26 02:05:12+00:00 (UTC)"


async def test_a_zone_on_another_day_and_in_summer() -> None:
    assert await told({"timezone": "Europe/Berlin"}, now=SUMMER) == [
        "Current time: 2026-07-03T01:59:59+02:00",
        "Date: Friday, 3 July 2026",
        "Time zone: Europe/Berlin (CEST, UTC+02:00, daylight saving time)",
        "ISO week: 2026-W27-5",
        "Day of the year: 184",
        "UTC: 2026-07-02T23:59:59Z",
    ]
    assert (await told({"timezone": "America/Sao_Paulo"}))[2] == "Time zone: America/Sao_Paulo (UTC-03:00)"
    assert (await told({"timezone": "Asia/Kathmandu"}))[0] == "Current time: 2026-12-26T07:50:12+05:45"


async def test_the_week_belongs_to_the_year_that_iso_gives_it() -> None:
    assert (await told({}, now=1_798_848_000.0 + 1e-4))[3] == "ISO week: 2026-W53-6", "2 January 2027"
    assert (await told({}, now=-1.0))[0] == "Current time: 1969-12-31T23:59:59+00:00"


async def test_the_model_s_zone_goes_before_the_plugin_s() -> None:
    options = {"timezone": "Asia/Tokyo"}
    assert (await told({}, options))[2] == "Time zone: Asia/Tokyo (JST, UTC+09:00)"
    assert (await told({"timezone": " "}, options))[2] == "Time zone: Asia/Tokyo (JST, UTC+09:00)"
    assert (await told({"timezone": None}, options))[2] == "Time zone: Asia/Tokyo (JST, UTC+09:00)"
    assert (await told({"timezone": "UTC"}, options))[2] == "Time zone: UTC (UTC+00:00)"
    assert "Asia/Tokyo when left out" in str(tool().declaration(options).parameters)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        *(("europe/berlin", "Europe/Berlin"), ("America/New York", "America/New_York"), ("utc", "UTC"), ("Z", "UTC")),
        *(("etc/gmt+5", "Etc/GMT+5"), ("EST", "EST"), ("us/pacific", "US/Pacific")),
    ],
)
def test_names_are_read_in_any_case(written: str, name: str) -> None:
    found = zone_named(written)
    assert found[0] == name
    assert name == "UTC" or found[1] == ZoneInfo(name)


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("Berlin", "Did you mean Europe/Berlin?"),
        ("Germany/Berlin", "Did you mean Europe/Berlin?"),
        ("Europe/Berln", "Did you mean Europe/Berlin"),
        ("Asia/Calcuta", "Did you mean Asia/Calcutta"),
        ("new_york", "Did you mean America/New_York?"),
        ("Toyko", "Did you mean Asia/Tokyo"),
        ("Middle Earth", "Take a name such as"),
        ("+02:00", "Take a name such as"),
        ("../../etc/passwd", "Take a name such as"),
        ("/etc/localtime", "Take a name such as"),
        ("localtime", "Take a name such as"),
        ("Factory", "Take a name such as"),
        ("Europe/Berlin\0", "Did you mean"),
        ("x" * 100_000, "Take a name such as"),
    ],
)
async def test_what_is_no_zone_is_told_with_what_is_near(written: str, near: str) -> None:
    outcome = await tool().run({"timezone": written}, {})
    assert (outcome.error, outcome.calls) == ("bad_arguments", 0)
    assert near in outcome.text
    assert len(outcome.text) < 300
    assert outcome.text.isprintable()
    with pytest.raises(ValueError, match="timezone: There is no time zone"):
        tool().declaration({"timezone": written})


@pytest.mark.parametrize("value", [5, True, ["UTC"], {"a": 1}])
async def test_a_zone_that_is_not_text(value: object) -> None:
    outcome = await tool().run({"timezone": value}, {})
    assert outcome.error == "bad_arguments"
    with pytest.raises(ValueError, match="expected text"):
        tool().declaration({"timezone": value})


def test_how_it_is_told_to_models() -> None:
    made = tool()
    assert (made.name, made.price) == ("datetime", 7)
    assert made.declaration({}).parameters["properties"].keys() == {"timezone"}
    assert "UTC when left out" in str(made.declaration({"anything": 1}).parameters)
