"""A check: what is wanted of the exchanges of some scenes, and how it is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from hyperinfer.testing.conformance.exchange import CLIENTS, Turn
from hyperinfer.testing.conformance.json_values import short, string
from hyperinfer.testing.conformance.results import PASSED, Cell, CheckInfo, Finding, failed
from hyperinfer.testing.conformance.said import FORMATS
from hyperinfer.testing.conformance.scenes import SCENES, Scene

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.results import Verdict
    from hyperinfer.testing.conformance.said import Format

Judge: TypeAlias = Callable[[Sequence[Turn], Cell, Scene], Finding]
"""Of the turns of one scene in one cell."""

_CANNOT = (400, 404, 405, 415, 422, 501)  # refused without asking the upstream: it says that it cannot
_SAYS_SO = re.compile(r"not (yet )?(supported|implemented|available)|unsupported|n[o']t support", re.IGNORECASE)
_ITS_OWN = (401, 403, 429)  # of the gateway's own keys and limits
_WORST: Final[tuple[Verdict, ...]] = ("fail", "unknown", "unsupported", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`scenes`: those that it looks at; the worst finding counts. `turn`: which of the turns must have been answered.
    `answered`: that turn must have status 200. `modes`: streamed (True) and whole (False)."""

    id: str
    wants: str
    source: str
    scenes: tuple[str, ...]
    judge: Judge
    clients: tuple[Format, ...] = FORMATS
    upstreams: tuple[Format, ...] = FORMATS
    modes: tuple[bool, ...] = (True, False)
    turn: int = 0
    answered: bool = True

    @property
    def info(self) -> CheckInfo:
        return CheckInfo(id=self.id, wants=self.wants, source=self.source)

    def applies(self, cell: Cell) -> bool:
        """Whether there is anything to look at in this cell."""
        return cell.client in self.clients and cell.upstream in self.upstreams and cell.streamed in self.modes

    def of(self, cell: Cell, played: Mapping[str, Sequence[Turn]]) -> Finding:
        """The worst finding of its scenes."""
        found = [(name, self._of(cell, SCENES[name], played[name])) for name in self.scenes if name in played]
        if not found:
            return Finding("unknown", seen="it was not played")
        name, worst = min(found, key=lambda each: _WORST.index(each[1].verdict))
        if len(self.scenes) == 1 or not worst.seen:
            return worst
        return Finding(worst.verdict, worst.expected, f"{name}: {worst.seen}")

    def _of(self, cell: Cell, scene: Scene, turns: Sequence[Turn]) -> Finding:
        for turn in turns[: self.turn]:
            if (before := _refused(turn, cell)) is not None or turn.status != 200:
                verdict = before.verdict if before and before.verdict != "fail" else "unknown"
                return Finding(verdict, seen=f"the turn before: {before.seen if before else told(turn, cell)}")
        if len(turns) <= self.turn:
            return Finding("unknown", seen="the turn before had nothing to go on from")
        turn = turns[self.turn]
        if (refused := _refused(turn, cell)) is not None:
            return refused
        if self.answered and turn.status != 200:
            return failed("status 200", told(turn, cell))
        if self.answered and turn.cut:
            return failed("an answer to its end", turn.cut)
        return self.judge(turns, cell, scene)


def told(turn: Turn, cell: Cell) -> str:
    """The status of an answer, and its error in short."""
    error, _ = CLIENTS[cell.client].error_of(turn.document)
    words = string(error.get("message")) or turn.body.decode(errors="replace") or turn.cut
    return f"{turn.status or 'no answer'}: {short(words)}"


def equal(expected: object, seen: object) -> Finding:
    """Passed when they are."""
    return PASSED if expected == seen else failed(short(expected), short(seen) or "nothing")


def _refused(turn: Turn, cell: Cell) -> Finding | None:
    """For an exchange that says nothing of what is looked for."""
    if turn.late:
        return failed("an answer in time", f"none, after status {turn.status} and {len(turn.body)} bytes")
    if not turn.asked:
        if turn.status in _CANNOT or (turn.status >= 400 and _SAYS_SO.search(turn.body.decode(errors="replace"))):
            return Finding("unsupported", seen=told(turn, cell))
        if turn.status in _ITS_OWN or turn.status < 400:
            return Finding("unknown", seen=f"the upstream was not asked; {told(turn, cell)}")
        return failed("a request to the upstream", told(turn, cell))
    if (protocol := turn.asked[-1].protocol) != cell.upstream:
        return Finding("unknown", seen=f"the upstream was asked in the {protocol} protocol, not in {cell.upstream}")
    return None
