"""A whole message of one text and nothing else, in one step (`formats.plain_reply`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.anthropic_messages.block_decode import places
from hyperinfer.formats.anthropic_messages.stop import decode_stop, encode_stop, own_word
from hyperinfer.formats.anthropic_messages.usage import DIALECT, decode_usage, encode_usage
from hyperinfer.formats.codec import EncodedReply, Loss
from hyperinfer.formats.events import MessageEnd, MessageStart, TextDelta, TextStart, UsageUpdate
from hyperinfer.formats.plain_reply import TEXT_END, TEXT_START, PlainReply
from hyperinfer.formats.reply_losses import losses_of_plain

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Reply
    from hyperinfer.formats.events import Burst

Wire = dict[str, Any]
_MODELLED = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})
_AT_END = ("stop_details", "container")
_BESIDE_END = ("context_management",)
_LATE = frozenset((*_AT_END, *_BESIDE_END))
_KINDS = (dict, str, str, dict, str, str)
_BLOCK = frozenset({"type", "text"})


def decode_plain(value: Wire) -> Burst | None:
    """The events of a message; None where it is read the general way."""
    try:
        (block,) = value["content"]
        text: Any = block["text"]
        reason, usage, name, model = value["stop_reason"], value["usage"], value["id"], value["model"]
        if block["type"] != "text":
            return None
    except (KeyError, TypeError, ValueError):
        return None
    if (type(block), type(text), type(reason), type(usage), type(name), type(model)) != _KINDS:
        return None
    if not text or block.get("citations") or value.get("stop_details"):
        return None
    sequence = value.get("stop_sequence")
    opened, first, last = TEXT_START, None, None
    if not _BLOCK.issuperset(block):
        opened = TextStart(extra={"block": {field: inner for field, inner in block.items() if field not in _BLOCK}})
    if not _MODELLED.issuperset(value):
        early = {field: inner for field, inner in value.items() if field not in _MODELLED and field not in _LATE}
        first = {"message": early} if early else None
        last = places(delta=_found(value, _AT_END), event=_found(value, _BESIDE_END))
    return (
        MessageStart(DIALECT, name, model, extra=first),
        opened,
        TextDelta(text),
        TEXT_END,
        UsageUpdate(decode_usage(usage)),
        MessageEnd(decode_stop(reason, has_call=False), sequence if type(sequence) is str else None, reason, extra=last),
    )


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
