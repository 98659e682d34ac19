"""Which call a result answers, and of what kind: Chat says neither on the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from hyperinfer.formats.conversation import Part, ToolCallPart, ToolResultPart, Turn
from hyperinfer.formats.pairing import with_call_ids


def paired(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The turns, each call and result with an id and each result of its call's kind. Raises `RequestError` for a result
    that cannot be told to belong to a call."""
    turns = with_call_ids(turns, lambda message, _: f"{message.path}.tool_call_id")
    custom = any(type(part) is ToolCallPart and part.kind == "custom" for turn in turns for part in turn.parts)
    return list(_with_kinds(turns)) if custom else turns  # else results have the kind of their calls already


def _with_kinds(turns: Iterable[Turn]) -> Iterator[Turn]:
    kinds: dict[str, Literal["function", "custom"]] = {}
    for turn in turns:
        if turn.role == "assistant":
            for part in turn.parts:
                if type(part) is ToolCallPart:
                    kinds[part.call_id] = part.kind
        elif turn.role == "tool":
            turn = msgspec.structs.replace(turn, parts=tuple(_of_kind(turn.parts, kinds)))
        yield turn


def _of_kind(parts: Iterable[Part], kinds: dict[str, Literal["function", "custom"]]) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, ToolResultPart) and (kind := kinds.get(part.call_id, part.kind)) != part.kind:
            yield msgspec.structs.replace(part, kind=kind)
        else:
            yield part
