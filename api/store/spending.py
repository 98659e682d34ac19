"""What keys have spent and hold, in memory, for their daily, monthly and total limits. No clock: days are passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hyperinfer.api.store.standing import KeySums

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.api.store.days import Day
    from hyperinfer.api.store.records import KeySpent
    from hyperinfer.nodes.ports import SpendingLimits

_DAYS_KEPT = 62


class _Key:
    __slots__ = ("days", "held", "total")

    def __init__(self, total: int, days: dict[int, int]) -> None:
        self.total, self.days = total, days
        self.held = 0


class Spending:
    """All keys of one process, which is the only one that spends."""

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}

    def load(self, spent: Iterable[KeySpent]) -> None:
        """Take over what the store says of keys that have done nothing here yet."""
        for key in spent:
            self._keys.setdefault(key.key, _Key(key.total, dict(key.days)))

    def hold(self, key: str, amount: int) -> None:
        """A request of the key holds so much; a negative amount gives it back."""
        self._of(key).held += amount

    def spend(self, key: str, day: int, cost: int) -> None:
        """A request of that day was settled."""
        of = self._of(key)
        of.total += cost
        of.days[day] = of.days.pop(day, 0) + cost  # at the end: spent on last
        if len(of.days) > _DAYS_KEPT:
            # Spent on longest ago. Not the oldest: a clock that went back makes that the present.
            del of.days[next(iter(of.days))]

    def sums(self, key: str, day: Day) -> KeySums:
        """What it has spent by the end of a day, and holds."""
        of = self._keys.get(key, _NOTHING)
        return KeySums(
            on_day=of.days.get(day.number, 0),
            in_week=sum(cost for number, cost in of.days.items() if day.week_begins <= number <= day.number),
            in_month=sum(cost for number, cost in of.days.items() if day.month_begins <= number < day.month_ends),
            in_all=of.total,
            held=of.held,
        )

    def reached(self, key: str, limits: SpendingLimits, day: Day) -> Literal["daily", "monthly", "total"] | None:
        """The limit that what was spent and is held has reached, on a day."""
        of = self._keys.get(key)
        if of is None:
            of = _NOTHING
        if limits.daily is not None and of.days.get(day.number, 0) + of.held >= limits.daily:
            return "daily"
        if limits.monthly is not None:
            in_month = sum(cost for number, cost in of.days.items() if day.month_begins <= number < day.month_ends)
            if in_month + of.held >= limits.monthly:
                return "monthly"
        return "total" if limits.total is not None and of.total + of.held >= limits.total else None

    def _of(self, key: str) -> _Key:
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = _Key(0, {})
        return found


_NOTHING = _Key(0, {})
