"""Ids of calls and results that a client left out (faults F064, F065; RULES: How the contract is read).

One rule for all dialects. A call without an id is given one. A result without an id belongs to the one call that has no
result yet: none before it, and none with an id in the same round, which goes on until the next call. When no call or more
than one can be meant, the request is refused: pairing them by their order attaches results to the wrong calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from hyperinfer.formats.conversation import Part, ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.errors import RequestError


def with_call_ids(turns: Sequence[Turn], where: Callable[[Turn, int], str]) -> Sequence[Turn]:
    """The turns with an id on every call and result; an empty `call_id` is one that is missing.

    `where`: the path of the missing field for a part of a turn, by its position. Raises `RequestError` with that path.
    """
    if not _lacks_ids(turns):
        return turns
    pairing = _Pairing(where)
    return [pairing.paired(turn, ahead) for turn, ahead in _with_answers_ahead(turns)]


def _lacks_ids(turns: Sequence[Turn]) -> bool:
    for turn in turns:
        for part in turn.parts:
            if (type(part) is ToolCallPart or type(part) is ToolResultPart) and not part.call_id:
                return True
    return False


def _with_answers_ahead(turns: Sequence[Turn]) -> Iterator[tuple[Turn, Sequence[str]]]:
    """Each turn with the ids that the results of its round name, where the round begins with this turn."""
    for index, turn in enumerate(turns):
        begins = index == 0 or _has_calls(turns[index - 1])
        yield turn, list(_named_until_call(turns, index)) if begins and not _has_calls(turn) else ()


def _named_until_call(turns: Sequence[Turn], start: int) -> Iterator[str]:
    for index in range(start, len(turns)):
        if _has_calls(turns[index]):
            return
        for part in turns[index].parts:
            if isinstance(part, ToolResultPart) and part.call_id:
                yield part.call_id


def _has_calls(turn: Turn) -> bool:
    return any(isinstance(part, ToolCallPart) for part in turn.parts)


class _Pairing:
    """Walks the turns. `_open`: ids of calls without a result to how many there are of each."""

    def __init__(self, where: Callable[[Turn, int], str]) -> None:
        self._where = where
        self._made = 0
        self._open: dict[str, int] = {}

    def paired(self, turn: Turn, answered: Sequence[str]) -> Turn:
        for call_id in answered:
            self._answer(call_id)
        parts = [self._part(part, turn, index) for index, part in enumerate(turn.parts)]
        if all(new is old for new, old in zip(parts, turn.parts, strict=True)):
            return turn
        return msgspec.structs.replace(turn, parts=tuple(parts))

    def _part(self, part: Part, turn: Turn, index: int) -> Part:
        if isinstance(part, ToolCallPart):
            if not part.call_id:
                self._made += 1
                part = msgspec.structs.replace(part, call_id=f"call_unnamed_{self._made}")
            self._open[part.call_id] = self._open.get(part.call_id, 0) + 1
        elif isinstance(part, ToolResultPart) and not part.call_id:
            if list(self._open.values()) != [1]:
                path = self._where(turn, index)
                raise RequestError(f"{path}: this field is required to tell which call this result answers", param=path)
            part = msgspec.structs.replace(part, call_id=self._open.popitem()[0])
        return part

    def _answer(self, call_id: str) -> None:
        left = self._open.get(call_id, 0) - 1
        if left > 0:
            self._open[call_id] = left
        else:
            self._open.pop(call_id, None)
