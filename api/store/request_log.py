"""Requests as people look for them: the latest first, a page at a time, of everybody or of whom is asked for.

Ids are ordered by time, so the primary key is all that a page needs: no other index, which every settlement would pay for.
A page begins where the one before it ended, not after so many rows: while requests come in, the pages that follow show none
twice, and none that was there is left out. Where what is asked for is rare, a page ends when its time is over, with fewer
than it may have, and says where to go on.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

import msgspec

from hyperinfer.api.ids import id_of_time
from hyperinfer.api.store.messages import GenerationRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hyperinfer.nodes.ports import Generation

MOST: Final = 100
"""Requests of a page."""
SCAN_SECONDS: Final = 2.0
"""So long a page is looked for."""
FIRST_STEP: Final = 2_000
LARGEST_STEP: Final = 16_000
"""Rows that are looked through at once, more of them each time: a step takes a fraction of a second."""
_NEWEST: Final = "z" * 40
"""After every id, by whatever rules a database sorts text: an id begins with a digit for some decades yet."""
_CLOCK_SECONDS: Final = 60.0
"""So far the time in an id may be from the time in its row: the clock may have been set between the two."""

COLUMNS: Final = ", ".join(GenerationRow._fields)


class RequestsQuestion(msgspec.Struct, frozen=True, kw_only=True, tag="requests"):
    """Which requests. before: those before the one of this id, None for the latest; limit: so many at most. workspace: an
    id. key: the id of one. statuses: one of these. since, until: admitted from then on, and before then, in unix seconds.
    None: whichever."""

    before: str | None = None
    limit: int = 50
    workspace: str | None = None
    key: str | None = None
    model: str | None = None
    provider: str | None = None
    statuses: tuple[str, ...] | None = None
    since: float | None = None
    until: float | None = None

    @property
    def below(self) -> str:
        """All that fit are before this id."""
        latest = _NEWEST if self.until is None else id_of_time(self.until + _CLOCK_SECONDS)
        return latest if self.before is None else min(latest, self.before)

    @property
    def from_(self) -> str:
        """All that fit are from this id on."""
        return "" if self.since is None else id_of_time(self.since - _CLOCK_SECONDS)

    def fits(self, generation: Generation) -> bool:
        """Whether it is one of those, as the database would say."""
        g, since, until = generation, self.since, self.until
        wanted = ((self.workspace, g.workspace), (self.key, g.key_id), (self.model, g.model), (self.provider, g.provider))
        return (
            all(asked in (None, found) for asked, found in wanted)
            and (self.statuses is None or g.status in self.statuses)
            and (since is None or g.created_at >= since)
            and (until is None or g.created_at < until)
            and self.from_ <= g.id < self.below
        )

    def conditions(self, place: Callable[[], str]) -> tuple[str, list[object]]:
        """What is asked for beside the range of ids, as SQL, each condition after an AND; and its values. `place`: gives the
        placeholder of the next one."""
        given: list[tuple[str, object]] = [
            (f"{column} = {{}}", value)
            for column, value in (
                ("workspace", self.workspace),
                ("key_id", self.key),
                ("model", self.model),
                ("provider", self.provider),
            )
            if value is not None
        ]
        if self.since is not None:
            given.append(("created_at >= {}", self.since))
        if self.until is not None:
            given.append(("created_at < {}", self.until))
        sql = "".join(f" AND {condition.format(place())}" for condition, _ in given)
        values = [value for _, value in given]
        if self.statuses is not None:
            sql += f" AND status IN ({', '.join(place() for _ in self.statuses)})"
            values += self.statuses
        return sql, values


class FoundRows(msgspec.Struct, frozen=True):
    """A page as the database has it. next: the `before` of the page that follows, None where there is nothing more."""

    rows: tuple[GenerationRow, ...]
    next: str | None


class Search:
    """One page being looked for, in steps: `step` rows from `below` down to `floor`. `clock`: steady, in seconds."""

    def __init__(
        self, question: RequestsQuestion, clock: Callable[[], float] = time.monotonic, step: int = FIRST_STEP
    ) -> None:
        self.question, self.limit = question, max(1, min(question.limit, MOST))
        self.below: str = question.below
        self.step = step
        self.rows: list[GenerationRow] = []
        self._ends, self._clock = clock() + SCAN_SECONDS, clock
        self._next: str | None = None

    @property
    def wanted(self) -> int:
        """Rows to look for: what the page still takes, and one more, to know whether there is."""
        return self.limit + 1 - len(self.rows)

    @property
    def floor(self) -> str:
        """No row below this id is asked for."""
        return self.question.from_

    def found(self, rows: Iterable[Sequence[object]], lowest: str | None) -> bool:
        """What fits of a step; `lowest`: the id that it ended with, None where it came to the end. Whether to go on."""
        self.rows += (GenerationRow(*row) for row in rows)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        if not self.wanted:
            self.rows.pop()
            self._next = self.rows[-1].id
            return False
        self._next = lowest
        if lowest is None or self._clock() >= self._ends:
            return False
        self.below, self.step = lowest, min(4 * self.step, LARGEST_STEP)
        return True

    @property
    def page(self) -> FoundRows:
        return FoundRows(tuple(self.rows), self._next)


def is_cursor(text: str) -> bool:
    """Whether a text may be the `before` of a page."""
    return re.fullmatch(r"[a-z0-9_-]{1,40}", text) is not None
