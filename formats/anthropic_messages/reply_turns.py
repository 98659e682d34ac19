"""The assistant turn of a Messages conversation that says a reply again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages.content import decode_block
from hyperinfer.formats.anthropic_messages.usage import DIALECT
from hyperinfer.formats.conversation import Part, RefusalPart, TextPart, Turn
from hyperinfer.formats.reply_blocks import Block, blocks_of, call_part, reasoning_parts
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event, Extra


def reply_turns(events: Iterable[Event], path: str) -> tuple[Turn, ...]:
    """One turn with all blocks in their order; none for a reply that says nothing."""
    reply = blocks_of(events)
    same = reply.start.dialect == DIALECT
    parts: list[Part] = []
    for block in reply.blocks:
        if isinstance(block, Block):
            parts += _parts(block, path, same=same)
    return (Turn(role="assistant", parts=tuple(parts), path=path),) if parts else ()


def _parts(block: Block, path: str, *, same: bool) -> list[Part]:
    start = block.start
    match start:
        case ev.TextStart():
            if not block.text.strip():
                return []  # Messages refuses blocks without visible text
            fields = _fields(start.extra, same=same)
            cited = fields.pop("citations", None) if fields else None
            raws = [each.raw for each in block.citations if each.dialect == DIALECT] if same else None
            return [TextPart(text=block.text, citations=raws or cited, extra=fields or None)]
        case ev.RefusalStart():
            return [RefusalPart(text=block.text)] if block.text.strip() else []
        case ev.ReasoningStart():
            parts = reasoning_parts(block, extra=_fields(start.extra, same=same))
            return [part for part in parts if part.texts or part.opaque]
        case ev.ToolCallStart():
            return [call_part(block, extra=_fields(start.extra, same=same))]
        case ev.ServerToolStart():
            assert isinstance(block.end, ev.ServerToolEnd)
            return [decode_block(block.end.item, path)] if start.dialect == DIALECT else []


def _fields(extra: Extra, *, same: bool) -> Extra:
    """The fields of the block that are not modelled, as a client sends them back."""
    block = extra.get("block") if extra and same else None
    return {name: value for name, value in block.items() if value is not None} or None if is_object(block) else None
