"""What happened in one run of a schedule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.nodes.ports import Generation
    from tests.schedules.plan import Answer, Ask, Schedule, Visitor


@dataclass
class Attempted:
    """One request at an upstream. `order`: its place among all. `at`: when all of it was there. `again`: not the first one
    on its connection. `sent`: when what was sent, and how many bytes. `head_at`, `first_output`: when the head and the
    first output of the model had left. `over`: when nothing more was to be sent."""

    order: int
    ask: int
    protocol: Dialect
    answer: Answer
    at: float
    again: bool
    sent: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    head_at: float | None = None
    first_output: float | None = None
    whole: bool = False
    over: float | None = None


@dataclass
class Dialled:
    """A connection that the gateway opened. `asked_at`: when it began to. `open_at`: when it had it. `closed_at`: when it
    let go of it; None: it never did."""

    protocol: Dialect
    asked_at: float
    open_at: float | None = None
    closed_at: float | None = None
    attempts: list[Attempted] = field(default_factory=list[Attempted])


@dataclass
class Visited:
    """A client's connection. `received`: what came, when. `ended`: how it ended for the client. `left_at`: when it went.
    `began_at`, `sent_at`: when the first bytes of each request had been sent, and the last. `complete`: responses."""

    visitor: Visitor
    received: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])
    ended: Literal["open", "eof", "reset", "left", "done", "refused"] = "open"
    ended_at: float = 0.0
    left_at: float | None = None
    began_at: list[float] = field(default_factory=list[float])
    sent_at: list[float] = field(default_factory=list[float])
    complete: int = 0


@dataclass
class Course:
    """All of it. `rows`: the settlements that the store was asked for, with their time. `recorded`: those that it then had,
    with theirs. `admitted`: when each hold was taken, `released`:
    those that were given back without a row. `stopped_at`: when the drain or the cut began. `logged`: what
    was logged as an error. `left`: what was still there when all was over.
    `billed`: pico-USD of each request in the ledger at the end."""

    schedule: Schedule
    visits: list[Visited] = field(default_factory=list[Visited])
    dialled: list[Dialled] = field(default_factory=list[Dialled])
    admitted: dict[str, float] = field(default_factory=dict[str, float])
    released: set[str] = field(default_factory=set[str])
    rows: list[tuple[float, Generation]] = field(default_factory=list[tuple[float, "Generation"]])
    recorded: dict[str, float] = field(default_factory=dict[str, float])
    stopped_at: float | None = None
    billed: dict[str, int] = field(default_factory=dict[str, int])
    over_at: float = 0.0
    ended_at: float = 0.0
    steps: int = 0
    logged: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])

    def attempts(self, ask: Ask) -> list[Attempted]:
        """Those of a request, in their order."""
        found = [attempt for one in self.dialled for attempt in one.attempts if attempt.ask == ask.number]
        return sorted(found, key=lambda attempt: attempt.order)
