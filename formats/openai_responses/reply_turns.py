"""The turns of a Responses conversation that say a reply again: one an item."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.conversation import NativePart, Part, RefusalPart, TextPart, Turn
from hyperinfer.formats.openai_responses.items import QUIET, item_turn
from hyperinfer.formats.reply_blocks import Block, blocks_of, call_part, reasoning_parts
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event, Extra

_MESSAGE = (ev.TextStart, ev.RefusalStart)


def reply_turns(events: Iterable[Event], path: str) -> tuple[Turn, ...]:
    """Messages, reasoning, calls and items of hosted tools, in their order. Ids of items go back only to where they are
    from."""
    reply = blocks_of(events)
    writer = _Turns(path, same=reply.start.dialect == "openai_responses")
    for block in reply.blocks:
        writer.add(block)
    return writer.finish()


class _Turns:
    def __init__(self, path: str, *, same: bool) -> None:
        self._path = path
        self._same = same
        self._turns: list[Turn] = []
        self._ids: set[str] = set()
        self._message: Turn | None = None  # that text may still be added to
        self._source: str | None = None  # its id in the reply

    def add(self, block: Block | ev.Unknown) -> None:
        """One block."""
        if isinstance(block, ev.Unknown):
            self._unknown(block)
        elif isinstance(block.start, _MESSAGE):
            self._text(block, block.start)
        else:
            self._close()
            self._item(block)

    def finish(self) -> tuple[Turn, ...]:
        """All turns."""
        self._close()
        return tuple(self._turns)

    def _close(self) -> None:
        if self._message is not None and (self._message.parts or self._same):
            self._turns.append(self._message)
        self._message = None

    def _id(self, theirs: str | None) -> str | None:
        """The item's id; a block that was closed early may have left another one of its id."""
        if not self._same or not theirs or theirs in self._ids:
            return None
        self._ids.add(theirs)
        return theirs

    def _extra(self, extra: Extra, group: str) -> dict[str, Any]:
        found = extra.get(group) if extra and self._same else None
        return dict(found) if is_object(found) else {}

    # -- messages

    def _open(self, item_id: str | None, phase: str | None, fields: dict[str, Any]) -> Turn:
        if self._message is None or not item_id or item_id != self._source:
            self._close()
            turn = Turn(role="assistant", parts=(), path=self._path, item_id=self._id(item_id), phase=phase)
            self._message, self._source = _with_fields(turn, {"type": "message", **fields}), item_id
        return self._message

    def _text(self, block: Block, start: ev.TextStart | ev.RefusalStart) -> None:
        phase = start.phase if isinstance(start, ev.TextStart) and self._same else None
        turn = self._open(start.item_id, phase, self._extra(start.item_extra, "item"))
        part, end = self._part(block, start), getattr(block.end, "extra", None)
        if part is not None:
            turn = msgspec.structs.replace(turn, parts=(*turn.parts, part))
        last = self._extra(end, "item")
        if "phase" in last:
            turn = msgspec.structs.replace(turn, phase=last.pop("phase"))
        self._message = _with_fields(turn, last)

    def _part(self, block: Block, start: ev.TextStart | ev.RefusalStart) -> Part | None:
        end = getattr(block.end, "extra", None)
        theirs = self._extra(end, "part")
        if "type" in theirs:  # it came out to be of another kind
            return NativePart(type=str(theirs["type"]), raw=theirs)
        fields = {**self._extra(start.extra, "part"), **theirs}
        annotations, logprobs = fields.pop("annotations", None), fields.pop("logprobs", None)
        extra = {name: value for name, value in fields.items() if value is not None} or None
        if isinstance(start, ev.RefusalStart):
            return RefusalPart(text=block.text, extra=extra) if block.text or self._same else None
        if not block.text and (not self._same or "no_part" in (start.extra or {})):
            return None
        if not self._same:
            return TextPart(text=block.text)
        raws = [each.raw for each in block.citations if each.dialect == "openai_responses"]
        return TextPart(
            text=block.text,
            citations=annotations if is_array(annotations) else raws,
            logprobs=logprobs if is_array(logprobs) else list(block.logprobs),
            extra=extra,
        )

    def _unknown(self, event: ev.Unknown) -> None:
        part, source = event.raw.get("part"), event.raw.get("item_id")
        if self._same and event.name == "response.content_part" and is_object(part):
            turn = self._open(source if isinstance(source, str) else None, None, {})
            native = NativePart(type=str(part.get("type")), raw=part)
            self._message = msgspec.structs.replace(turn, parts=(*turn.parts, native))

    # -- other items

    def _item(self, block: Block) -> None:
        start, end = block.start, block.end
        if isinstance(start, ev.ServerToolStart):
            assert isinstance(end, ev.ServerToolEnd)
            if start.dialect == "openai_responses" and (turn := item_turn(end.item, self._path)) is not None:
                self._turns.append(turn)
            return
        item_id = self._id(getattr(start, "item_id", None))
        fields = {**self._extra(start.extra, "item"), **self._extra(getattr(end, "extra", None), "item")}
        fields.pop("encrypted_content", None)
        if isinstance(start, ev.ToolCallStart):
            self._turns.append(_with_fields(self._turn(call_part(block, item_id), item_id), fields))
            return
        kept: dict[str, Any] = {}
        for name in ("summary", "content"):  # the parts as they were, where they are more than text
            value = fields.pop(name, None)
            if value and is_array(value):
                kept[name] = value
            elif value == [] and name == "content" and not any(text.form == "text" for text in block.texts):
                fields[name] = value
        first, *more = reasoning_parts(block, item_id, kept or None)
        self._turns.append(_with_fields(self._turn(first, item_id), fields))
        self._turns += [self._turn(part, None) for part in more]

    def _turn(self, part: Part, item_id: str | None) -> Turn:
        return Turn(role="assistant", parts=(part,), path=self._path, item_id=item_id)


def _with_fields(turn: Turn, fields: dict[str, Any]) -> Turn:
    """The turn with more of its item's fields; those of no meaning to a model are never a loss."""
    said = {name: value for name, value in fields.items() if value is not None}
    quiet = {name: value for name, value in said.items() if name in QUIET or name == "type"}
    extra = {name: value for name, value in said.items() if name not in quiet}
    return msgspec.structs.replace(
        turn, quiet={**(turn.quiet or {}), **quiet} or None, extra={**(turn.extra or {}), **extra} or None
    )
