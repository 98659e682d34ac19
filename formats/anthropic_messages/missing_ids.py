"""Calls without an id, and tool results without the id of their call (faults F064, F065)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from hyperinfer.formats.conversation import Part, ToolCallPart, ToolResultPart
from hyperinfer.formats.errors import RequestError


class CallPairing:
    """Walks the messages of a request. A call without an id is given one. A result's is recovered when one call alone can
    be meant, and refused otherwise."""

    __slots__ = ("_made", "_open")

    def __init__(self) -> None:
        self._made = 0
        self._open: list[str] = []  # calls that have no result yet

    def paired(self, parts: Iterable[Part], path: str) -> Iterator[Part]:
        """The parts of one message, each call and result with an id. `path`: of its content. Raises `RequestError`."""
        listed = [self._named(part) for part in parts]
        for part in listed:
            if isinstance(part, ToolCallPart):
                self._open.append(part.call_id)
            elif isinstance(part, ToolResultPart):
                self._answer(part.call_id)
        for index, part in enumerate(listed):
            if isinstance(part, ToolResultPart) and not part.call_id:
                if len(self._open) != 1:
                    where = f"{path}[{index}].tool_use_id"
                    message = f"{where}: this field is required to tell which call this result answers"
                    raise RequestError(message, param=where)
                yield msgspec.structs.replace(part, call_id=self._open.pop())
            else:
                yield part

    def _named(self, part: Part) -> Part:
        if not isinstance(part, ToolCallPart) or part.call_id:
            return part
        self._made += 1
        return msgspec.structs.replace(part, call_id=f"call_unnamed_{self._made}")

    def _answer(self, call_id: str) -> None:
        if call_id in self._open:
            self._open.remove(call_id)
