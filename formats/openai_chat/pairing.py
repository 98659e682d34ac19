"""Which call a result answers, and of what kind: Chat says neither on the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from hyperinfer.formats.conversation import Part, ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.pairing import with_call_ids


def paired(turns: Sequence[Turn]) -> Iterator[Turn]:
    """The turns, each call and result with an id and each result of its call's kind. Raises `RequestError` for a result
    that cannot be told to belong to a call."""
    kinds: dict[str, Literal["function", "custom"]] = {}
    has_custom = False  # else results have the kind of their calls already
    for turn in with_call_ids(turns, lambda message, _: f"{message.path}.tool_call_id"):
        if turn.role == "assistant":
            for part in turn.parts:
                if isinstance(part, ToolCallPart):
                    kinds[part.call_id] = part.kind
                    has_custom = has_custom or part.kind == "custom"
        elif has_custom and turn.role == "tool":
            turn = msgspec.structs.replace(turn, parts=tuple(_of_kind(turn.parts, kinds)))
        yield turn


def _of_kind(parts: Iterable[Part], kinds: dict[str, Literal["function", "custom"]]) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, ToolResultPart) and (kind := kinds.get(part.call_id, part.kind)) != part.kind:
            yield msgspec.structs.replace(part, kind=kind)
        else:
            yield part
