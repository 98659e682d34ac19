"""A whole message of texts and calls, in one step (`formats.plain_reply`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.anthropic_messages.block_decode import places
from hyperinfer.formats.anthropic_messages.stop import decode_stop, encode_stop, own_word
from hyperinfer.formats.anthropic_messages.usage import DIALECT, decode_usage, encode_usage
from hyperinfer.formats.codec import EncodedReply, Loss
from hyperinfer.formats.events import (
    ArgumentsDelta,
    MessageEnd,
    MessageStart,
    TextDelta,
    TextStart,
    ToolCallStart,
    UsageUpdate,
)
from hyperinfer.formats.plain_reply import CALL_END, TEXT_END, TEXT_START, PlainReply
from hyperinfer.formats.reply_losses import losses_of_plain
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Reply
    from hyperinfer.formats.events import Burst, Event

Wire = dict[str, Any]
_MODELLED = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})
_AT_END = ("stop_details", "container")
_BESIDE_END = ("context_management",)
_LATE = frozenset((*_AT_END, *_BESIDE_END))
_BLOCK, _CALL = frozenset({"type", "text"}), frozenset({"type", "id", "name", "input"})


def decode_plain(value: Wire) -> Burst | None:
    """The events of a message of texts and calls; None where it is read the general way."""
    reason: Any = value.get("stop_reason")
    usage: Any = value.get("usage")
    name: Any = value.get("id")
    model: Any = value.get("model")
    if (type(reason), type(usage), type(name), type(model)) != (str, dict, str, str) or value.get("stop_details"):
        return None
    first = last = None
    if not _MODELLED.issuperset(value):
        early = {field: inner for field, inner in value.items() if field not in _MODELLED and field not in _LATE}
        first = {"message": early} if early else None
        last = places(delta=_found(value, _AT_END), event=_found(value, _BESIDE_END))
    events: list[Event] = [MessageStart(DIALECT, name, model, extra=first)]
    has_call = False
    for block in value["content"]:
        if not is_object(block):
            return None
        if block.get("type") == "tool_use":
            has_call = True
            said = _call(block)
        else:
            said = _text(block)
        if said is None:
            return None
        events += said
    events.append(UsageUpdate(decode_usage(usage)))
    sequence: Any = value.get("stop_sequence")
    sequence = sequence if type(sequence) is str else None
    events.append(MessageEnd(decode_stop(reason, has_call=has_call), sequence, reason, extra=last))
    return tuple(events)


def _text(block: Wire) -> tuple[Event, ...] | None:
    text: Any = block.get("text")
    if type(text) is not str or not text or block.get("type") != "text" or block.get("citations"):
        return None
    if _BLOCK.issuperset(block):
        return TEXT_START, TextDelta(text), TEXT_END
    more = {field: inner for field, inner in block.items() if field not in _BLOCK}
    return TextStart(extra={"block": more}), TextDelta(text), TEXT_END


def _call(block: Wire) -> tuple[Event, ...] | None:
    call_id: Any = block.get("id")
    name: Any = block.get("name")
    given: Any = block.get("input")
    if (type(call_id), type(name), type(given)) != (str, str, dict) or not call_id or not name:
        return None
    more = {field: inner for field, inner in block.items() if field not in _CALL}
    start = ToolCallStart(call_id, name, extra={"block": more} if more else None)
    if not given:
        return start, CALL_END
    return start, ArgumentsDelta(msgspec.json.encode(given).decode()), CALL_END


def _found(value: Wire, names: tuple[str, ...]) -> Wire:
    return {name: value[name] for name in names if name in value}


def encode_plain(plain: PlainReply, reply: Reply) -> EncodedReply | None:
    """The message; None where it is written the general way."""
    start, opened, text, _, usage, end = plain
    if start.dialect != reply.upstream:
        return None
    losses: tuple[Loss, ...] = ()
    stop, sequence = encode_stop(end, has_call=False, refused=False, stops=reply.conversation.sampling.stop or ())
    block: Wire = {"type": "text", "text": text}
    message: Wire = {
        "id": f"msg_{reply.request_id}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [block],
        "stop_reason": stop,
        "stop_sequence": sequence,
    }
    if start.dialect != DIALECT:
        losses = losses_of_plain(plain)
    else:
        if opened.extra:
            block.update(opened.extra.get("block") or {})
        if start.extra:
            message.update(start.extra.get("message") or {})
        message["stop_reason"] = own_word(end) or stop
        if end.extra:
            message.update(end.extra.get("delta") or {})
            message.update(end.extra.get("event") or {})
    message["usage"] = encode_usage(usage)
    return EncodedReply(body=msgspec.json.encode(message), losses=losses)
