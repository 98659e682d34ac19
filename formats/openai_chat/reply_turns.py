"""The assistant turn of a Chat conversation that says a reply again: one message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.conversation import NativePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart, Turn
from hyperinfer.formats.openai_chat.extras import merged, split_extra
from hyperinfer.formats.openai_chat.message_decode import split_fields
from hyperinfer.formats.openai_chat.reasoning import detail_to_client
from hyperinfer.formats.reply_blocks import Block, blocks_of, call_part, reasoning_parts
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event


def reply_turns(events: Iterable[Event], path: str) -> tuple[Turn, ...]:
    """One turn with all blocks in their order; none for a reply that says nothing."""
    events = tuple(events)
    reply = blocks_of(events)
    same = reply.start.dialect == "openai_chat"
    parts = [part for block in reply.blocks for part in _parts(block, same=same)]
    extra, quiet = split_fields(_message_fields(events)) if same else ({}, {})
    if refusal := "".join(part.text for part in parts if isinstance(part, RefusalPart)):
        parts = _with_one_refusal(parts, refusal)
        quiet["refusal"] = refusal
    if same:
        parts = _with_fields(parts, reply.blocks)
    if not parts and not extra:
        return ()
    plain = any(isinstance(part, TextPart) for part in parts) or not any(isinstance(part, _INSTEAD) for part in parts)
    return (Turn(role="assistant", parts=tuple(parts), path=path, plain=plain, quiet=quiet or None, extra=extra or None),)


_INSTEAD = (ToolCallPart, RefusalPart)
"""With one of these a message may have no content."""


def _parts(block: Block | ev.Unknown, *, same: bool) -> list[Part]:
    if isinstance(block, ev.Unknown):
        content = block.raw.get("content") if same and block.name.startswith("content.") else None
        return [NativePart(type=str(raw.get("type")), raw=raw) for raw in content or () if is_object(raw)]
    match block.start:
        case ev.TextStart():
            return [TextPart(text=block.text)] if block.text else []
        case ev.RefusalStart():
            return [RefusalPart(text=block.text)] if block.text else []
        case ev.ReasoningStart(item_id=item_id):
            return [part for part in reasoning_parts(block, item_id) if part.texts or part.opaque]
        case ev.ToolCallStart(extra=extra):
            own, _ = split_extra(extra if same else None)
            own.pop("legacy", None)  # calls of the deprecated form have no ids, and results cannot be told to belong to them
            return [call_part(block, extra=own or None)]
        case ev.ServerToolStart():
            return []


def _with_one_refusal(parts: list[Part], refusal: str) -> list[Part]:
    """A message has one refusal, in a field of its own."""
    first = next(index for index, part in enumerate(parts) if isinstance(part, RefusalPart))
    rest = [part for part in parts[first:] if not isinstance(part, RefusalPart)]
    return [*parts[:first], RefusalPart(text=refusal), *rest]


def _message_fields(events: Iterable[Event]) -> dict[str, Any]:
    """The fields of the message that are not modelled: of its deltas, its media, its annotations."""
    found: dict[str, Any] = {}
    annotations: list[Any] = []
    for event in events:
        if event.choice:
            continue
        if isinstance(event, ev.Unknown) and event.name.startswith("delta."):
            found = merged(found, event.raw)
        elif isinstance(event, ev.Citation) and event.dialect == "openai_chat" and event.raw.get("type") is not None:
            annotations.append(event.raw)
        elif (extra := getattr(event, "extra", None)) and is_object(delta := extra.get("delta")):
            found = merged(found, delta)
    return {**found, "annotations": annotations} if annotations else found


def _with_fields(parts: list[Part], blocks: Sequence[Block | ev.Unknown]) -> list[Part]:
    """The first reasoning with the fields of the message as a client gets them, for an upstream that takes them so."""
    thoughts: list[str] = []
    details: list[dict[str, Any]] = []
    blobs = calls = 0
    for block in blocks:
        if not isinstance(block, Block):
            continue
        calls += isinstance(block.start, ev.ToolCallStart)
        if not isinstance(block.end, ev.ReasoningEnd) or not isinstance(block.start, ev.ReasoningStart):
            continue
        thoughts += (text.text for text in block.texts)
        details += (dict(detail) for detail in block.details)
        for blob in block.end.opaque:
            text, item_id = "".join(text.text for text in block.texts), block.start.item_id
            details.append(detail_to_client(blob, "openai_chat", text=text, item_id=item_id, index=blobs, after_calls=calls))
            blobs += 1
    text = "".join(thoughts)
    fields: dict[str, Any] = {"reasoning": text, "reasoning_content": text} if text else {}
    if details:
        fields["reasoning_details"] = _put_together(details)
    first = next((index for index, part in enumerate(parts) if isinstance(part, ReasoningPart)), None)
    if first is None or not fields:
        return parts
    part = parts[first]
    assert isinstance(part, ReasoningPart)
    signed = ReasoningPart(texts=part.texts, opaque=part.opaque, item_id=part.item_id, extra={"fields": fields})
    return [*parts[:first], signed, *parts[first + 1 :]]


def _put_together(details: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The details of a stream as the whole ones that clients send back: neighbours of one kind and `index` are one."""
    found: list[dict[str, Any]] = []
    for detail in details:
        last = found[-1] if found else {}
        numbered = isinstance(detail.get("index"), int) and "signature" not in last
        if not numbered or (last.get("type"), last.get("index")) != (detail.get("type"), detail["index"]):
            found.append(dict(detail))
            continue
        for name, value in detail.items():
            before = last.get(name)
            if name in _IN_PIECES and isinstance(value, str) and isinstance(before, str):
                last[name] = before + value
            elif value is not None:
                last[name] = value
    return found


_IN_PIECES = ("text", "summary", "data")
