"""What keys have spent and hold, in memory, for their daily, monthly and total limits. No clock: days are passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from hyperinfer.api.store.standing import KeySums

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.api.store.days import Day
    from hyperinfer.api.store.records import KeySpent
    from hyperinfer.nodes.ports import SpendingLimits

_DAYS_KEPT = 62


class KeySpending:
    """One key. `held`: by its running requests."""

    __slots__ = ("days", "held", "total")

    def __init__(self, total: int, days: dict[int, int]) -> None:
        self.total, self.days = total, days
        self.held = 0

    def spend(self, day: int, cost: int) -> None:
        """A request of that day was settled."""
        self.total += cost
        self.days[day] = self.days.pop(day, 0) + cost  # at the end: spent on last
        if len(self.days) > _DAYS_KEPT:
            # Spent on longest ago. Not the oldest: a clock that went back makes that the present.
            del self.days[next(iter(self.days))]

    def reached(self, limits: SpendingLimits, day: Day) -> Literal["daily", "monthly", "total"] | None:
        """The limit that what was spent and is held has reached, on a day."""
        if limits.daily is not None and self.days.get(day.number, 0) + self.held >= limits.daily:
            return "daily"
        if limits.monthly is not None:
            in_month = sum(cost for number, cost in self.days.items() if day.month_begins <= number < day.month_ends)
            if in_month + self.held >= limits.monthly:
                return "monthly"
        return "total" if limits.total is not None and self.total + self.held >= limits.total else None


class Spending:
    """All keys of one process, which is the only one that spends."""

    def __init__(self) -> None:
        self._keys: dict[str, KeySpending] = {}

    def load(self, spent: Iterable[KeySpent]) -> None:
        """Take over what the store says of keys that have done nothing here yet."""
        for key in spent:
            self._keys.setdefault(key.key, KeySpending(key.total, dict(key.days)))

    def of(self, key: str) -> KeySpending:
        """What one has spent and holds, to be changed in place."""
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = KeySpending(0, {})
        return found

    def sums(self, key: str, day: Day) -> KeySums:
        """What it has spent by the end of a day, and holds."""
        of = self._keys.get(key, NOTHING_SPENT)
        return KeySums(
            on_day=of.days.get(day.number, 0),
            in_week=sum(cost for number, cost in of.days.items() if day.week_begins <= number <= day.number),
            in_month=sum(cost for number, cost in of.days.items() if day.month_begins <= number < day.month_ends),
            in_all=of.total,
            held=of.held,
        )


NOTHING_SPENT: Final = KeySpending(0, {})
"""Of a key that is not kept. Never changed."""
