"""How many tokens each model has read and written on each of the last days, in memory. No clock: days are passed in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.api.store.records import ModelTokens

WEEK_DAYS: Final = 7


class Volumes:
    """All models of one process, which is the only one that serves them."""

    def __init__(self) -> None:
        self._days: dict[int, Counter[str]] = {}
        self._loaded = False

    def load(self, tokens: Iterable[ModelTokens]) -> None:
        """Take over what the store says. The first time counts: later ones say again what has been added here."""
        if not self._loaded:
            self._loaded = True
            for each in tokens:
                self.add(each.day, each.model, each.tokens)

    def add(self, day: int, model: str, tokens: int) -> None:
        """A request of that day was settled."""
        of = self._days.pop(day, None)
        if of is None:
            of = Counter[str]()
        self._days[day] = of  # at the end: used last
        of[model] += tokens
        if len(self._days) > WEEK_DAYS + 1:
            # Used longest ago. Not the oldest: a clock that went back makes that the present.
            del self._days[next(iter(self._days))]

    def week(self, day: int) -> dict[str, int]:
        """The sums of a day and the six before it, of models that have any."""
        sums: Counter[str] = Counter()
        for number, tokens in self._days.items():
            if day - WEEK_DAYS < number <= day:
                sums += tokens
        return dict(sums)
