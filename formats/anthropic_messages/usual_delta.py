"""The usual frame of a Messages stream: one more piece of text for the block that is open, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hyperinfer.formats.anthropic_messages.block_decode import BlockState, TextBlock, ThinkingBlock, ToolUseBlock

if TYPE_CHECKING:
    from hyperinfer.formats.runs import Say


class _TextDelta(msgspec.Struct, tag="text_delta", tag_field="type", forbid_unknown_fields=True):
    text: str


class _ThinkingDelta(msgspec.Struct, tag="thinking_delta", tag_field="type", forbid_unknown_fields=True):
    thinking: str


class _JsonDelta(msgspec.Struct, tag="input_json_delta", tag_field="type", forbid_unknown_fields=True):
    partial_json: str


class _BlockDelta(msgspec.Struct, tag="content_block_delta", tag_field="type", forbid_unknown_fields=True):
    """The usual frame. One with anything more is read the long way, so that nothing of it is lost."""

    index: int
    delta: _TextDelta | _ThinkingDelta | _JsonDelta


class UsualPiece(NamedTuple):
    """The text of a usual delta, the field that it stands in (`"name":`), and what tells such pieces."""

    text: str
    field: bytes
    more: Say


_decode = msgspec.json.Decoder(_BlockDelta).decode


def usual_piece(data: bytes, index: int | None, block: BlockState | None) -> UsualPiece | None:
    """What the frame says if it is a usual delta for `block`, the open one, number `index`; it is legal then. None for a
    frame that must be read the long way."""
    try:
        event = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    delta = event.delta
    if event.index != index:
        return None
    if type(delta) is _TextDelta and type(block) is TextBlock:
        return UsualPiece(delta.text, b'"text":', block.more)
    if type(delta) is _ThinkingDelta and type(block) is ThinkingBlock:
        return UsualPiece(delta.thinking, b'"thinking":', block.more)
    if type(delta) is _JsonDelta and type(block) is ToolUseBlock:
        return UsualPiece(delta.partial_json, b'"partial_json":', block.more)
    return None
