"""The tool `datetime`: what time it is, in a time zone of the IANA database.

The names of zones, and their rules where the system has none, are those of the `tzdata` package: containers and Windows have
no database of their own, and the one of a system also has names that are no zones (`localtime`, `posixrules`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Final

from hyperinfer.formats.server_tools import ToolName, ToolOutcome
from hyperinfer.nodes.tools.port import Declaration

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_LONGEST_NAME: Final = 80
_UTC_NAMES: Final = ("utc", "z", "zulu")


class DatetimeTool:
    """`datetime([timezone])`. Option `timezone`: the zone where the model names none, UTC without it.

    `now`: seconds since 1970, UTC.
    """

    name: ToolName = "datetime"
    seconds: float = 5.0

    def __init__(self, *, now: Callable[[], float], price: int = 0) -> None:
        self.price = price
        self._now = now

    def declaration(self, options: Mapping[str, Any]) -> Declaration:
        """Raises `ValueError` for a `timezone` that is none."""
        name = self._default(options)
        if isinstance(found := zone_named(name), str):
            raise ValueError(f"timezone: {found}")
        return Declaration(
            description="Tells the current date and time, the weekday, the ISO week and the offset from UTC.",
            parameters={
                "type": "object",
                "properties": {
                    "timezone": {
                        "type": "string",
                        "description": f"A time zone of the IANA database, such as Europe/Berlin. {found[0]} when left out.",
                    }
                },
                "additionalProperties": False,
            },
        )

    async def run(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> ToolOutcome:
        """The time as a few lines of text."""
        name = arguments.get("timezone")
        if name is not None and not isinstance(name, str):
            return _refused("timezone has to be text: the name of a zone of the IANA database, such as Europe/Berlin.")
        found = zone_named((name or "").strip() or self._default(options))
        if isinstance(found, str):
            return _refused(found)
        return _told(self._now(), *found)

    def _default(self, options: Mapping[str, Any]) -> str:
        name = options.get("timezone")
        if name is not None and not isinstance(name, str):
            raise ValueError("timezone: expected text, such as Europe/Berlin")
        return (name or "").strip() or "UTC"


def zone_named(name: str) -> tuple[str, tzinfo] | str:
    """(the zone's name as the database writes it, the zone), whatever the case of `name`. Else a sentence that says that
    there is none, and which are near."""
    if name.lower() in _UTC_NAMES:
        return "UTC", UTC
    key = name.replace(" ", "_").casefold()
    if (known := _zones().get(key)) is not None:
        # Imported here: it looks for the system's database when it is.
        from zoneinfo import ZoneInfo

        return known, ZoneInfo(known)
    shown = repr(name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…")
    near = _near(key)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Take a name such as Europe/Berlin, America/New_York or UTC."
    return f"There is no time zone {shown} in the IANA database. {hint}"


def _near(key: str) -> list[str]:
    """At most three names that `key` may have meant: zones of a city of that name, else those that are spelt alike."""
    if len(key) > _LONGEST_NAME:
        return []
    zones = _zones()
    city = key.rpartition("/")[2]
    named = [name for folded, name in zones.items() if city and folded.rpartition("/")[2] == city]
    if named:
        return named[:3]
    by_city: dict[str, str] = {}
    for folded, name in zones.items():
        by_city.setdefault(folded.rpartition("/")[2], name)
    alike = [zones[folded] for folded in get_close_matches(key, zones, 3, 0.75)]
    alike += [by_city[folded] for folded in get_close_matches(city, by_city, 3, 0.75)]
    return list(dict.fromkeys(alike))[:3]


@cache
def _zones() -> dict[str, str]:
    """The names of all zones, by their case-folded form."""
    names = (files("tzdata") / "zones").read_text("utf-8").split()
    return {name.casefold(): name for name in names if name != "Factory"}


def _told(now: float, name: str, zone: tzinfo) -> ToolOutcome:
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(now // 1))
    local = utc.astimezone(zone)
    offset = local.isoformat()[19:]
    abbreviation = local.tzname() or ""
    year, week, day = local.isocalendar()
    weekday = _WEEKDAYS[day - 1]
    summer = ", daylight saving time" if local.dst() else ""
    # Abbreviations that are only the offset again, such as +03, say nothing.
    zone_words = f"{abbreviation}, UTC{offset}" if abbreviation.isalpha() and abbreviation != name else f"UTC{offset}"
    lines = (
        f"Current time: {local.isoformat()}",
        f"Date: {weekday}, {local.day} {_MONTHS[local.month - 1]} {local.year}",
        f"Time zone: {name} ({zone_words}{summer})",
        f"ISO week: {year:04d}-W{week:02d}-{day}",
        f"Day of the year: {local.timetuple().tm_yday}",
        f"UTC: {utc.isoformat()[:19]}Z",
    )
    return ToolOutcome(text="\n".join(lines), summary=f"{weekday}, {local.isoformat(sep=' ')} ({name})")


def _refused(why: str) -> ToolOutcome:
    return ToolOutcome(text=why, summary=why, error="bad_arguments", calls=0)
