"""Finding the result of a tool call, wherever in the history it stands."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from hyperinfer.formats.conversation import ToolResultPart, Turn
from hyperinfer.formats.part_paths import part_paths

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect


class Found(NamedTuple):
    """A result, the number of its turn and its path."""

    turn: int
    part: ToolResultPart
    path: str


class ResultQueue:
    """The results of a history. Each answers one call: the first one before it that has its id and is still open."""

    def __init__(self, turns: Sequence[Turn], dialect: Dialect) -> None:
        self._waiting: dict[str, deque[Found]] = {}
        self._taken: set[int] = set()  # identities of parts; `turns` keeps them alive
        for index, turn in enumerate(turns):
            if ToolResultPart not in map(type, turn.parts):
                continue
            for part, path in zip(turn.parts, part_paths(turn, dialect), strict=True):
                if type(part) is ToolResultPart:
                    found = Found(index, part, path)
                    self._waiting.setdefault(part.call_id, deque()).append(found)

    def take(self, call_id: str, *, after: int) -> Found | None:
        """The result for a call in turn `after`, once. Calls are asked for in the order of the history."""
        waiting = self._waiting.get(call_id)
        while waiting and waiting[0].turn <= after:
            waiting.popleft()  # it stands before all calls that are still to come, too
        if not waiting:
            return None
        found = waiting.popleft()
        self._taken.add(id(found.part))
        return found

    def was_taken(self, part: ToolResultPart) -> bool:
        """Whether the result has gone to its call."""
        return id(part) in self._taken
