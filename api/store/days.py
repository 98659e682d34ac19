"""Days and months in UTC, by which spending is limited and summed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

_SECONDS = 86_400
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


class Day(NamedTuple):
    """A day since 1970, and the days of its month: first, and first of the next."""

    number: int
    month_begins: int
    month_ends: int

    @property
    def week_begins(self) -> int:
        """The Monday of its week."""
        return self.number - (self.number + _FIRST_WEEKDAY) % 7

    @property
    def name(self) -> str:
        """Such as `20261125`."""
        return _name(self.number)

    @property
    def month(self) -> str:
        """Such as `202611`."""
        return self.name[:6]


def day_of(time: float) -> Day:
    """The day of a unix time in seconds."""
    return _day(int(time // _SECONDS))


def neighbours(day: Day) -> tuple[Day, Day, Day]:
    """The day before, the day, and the day after."""
    return _day(day.number - 1), day, _day(day.number + 1)


@lru_cache(maxsize=8)
def _name(number: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)).strftime("%Y%m%d")


@lru_cache(maxsize=8)
def _day(number: int) -> Day:
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)
    first = date.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Day(number, _number(first), _number(following))


def _number(date: datetime) -> int:
    return int(date.timestamp() // _SECONDS)
