"""What a client has after an answer, whatever its format: the reply, and what was wrong with the way it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Object

Rule: TypeAlias = Literal["framing", "order", "terminal", "ids", "blocks", "numbers", "fields"]
"""What a breach is of: the frames of the event stream; the order of events; its one end; ids that stay; what is opened and
closed; numbers in sequence; fields that the format has always."""


@dataclass(slots=True)
class HeardCall:
    """A tool call as a client has put it together."""

    id: str
    name: str
    arguments: str = ""


@dataclass(slots=True)
class Heard:
    """`stop`: the format's own word (on Responses `completed`, or the reason of an incomplete one). `usage`: tokens by
    `input` (as the format counts them), `cached`, `written`, `output`, `reasoning`, `total`; None where nothing is told.
    `error`: of the stream. `finished`: it said that it ended well. `turn`: what such a client sends back as the model's
    turn: messages, items or blocks. `breaches`: (rule, what)."""

    text: str = ""
    reasoning: str = ""
    calls: list[HeardCall] = field(default_factory=list[HeardCall])
    stop: str = ""
    usage: dict[str, int | None] = field(default_factory=dict[str, "int | None"])
    error: Object | None = None
    finished: bool = False
    turn: list[Object] = field(default_factory=list["Object"])
    breaches: list[tuple[Rule, str]] = field(default_factory=list[tuple["Rule", str]])

    def must(self, holds: object, rule: Rule, what: str) -> bool:
        """Notes a breach unless it holds; tells whether it does."""
        if not holds and (rule, what) not in self.breaches:
            self.breaches.append((rule, what))
        return bool(holds)
