"""A whole response of one text and nothing else, in one step (`formats.plain_reply`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.codec import EncodedReply, Loss
from hyperinfer.formats.events import MessageEnd, MessageStart, TextDelta, TextEnd, TextStart, UsageUpdate
from hyperinfer.formats.openai_responses.envelope import ENVELOPE, fields_at_start, response_object
from hyperinfer.formats.openai_responses.message_decode import ITEM_FIELDS
from hyperinfer.formats.openai_responses.output import encode_json
from hyperinfer.formats.openai_responses.part_decode import TEXT_FIELDS
from hyperinfer.formats.openai_responses.stop import CUT, WireStop, stop_from_wire, stop_to_wire
from hyperinfer.formats.openai_responses.usage import usage_from_wire, usage_to_wire
from hyperinfer.formats.reply_losses import losses_of_plain

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Reply
    from hyperinfer.formats.events import Burst
    from hyperinfer.formats.plain_reply import PlainReply

Wire = dict[str, Any]
_KINDS = (dict, list, dict, str, str, dict)
_ENDS = ("completed", "incomplete")


def decode_plain(value: Wire) -> Burst | None:
    """The events of a response; None where it is read the general way."""
    try:
        (item,) = value["output"]
        content: Any = item["content"]
        (part,) = content
        text: Any = part["text"]
        item_id, status, usage = item["id"], value["status"], value["usage"]
        name, model, created = value["id"], value["model"], value["created_at"]
        if item["type"] != "message" or part["type"] != "output_text" or status not in _ENDS:
            return None
    except (KeyError, TypeError, ValueError):
        return None
    if (type(item), type(content), type(part), type(text), type(item_id), type(usage)) != _KINDS:
        return None
    if (type(name), type(model), type(created)) != (str, str, int):
        return None
    phase = item.get("phase")
    if not text or not item_id or (phase is not None and type(phase) is not str):
        return None
    if value.get("error") or part.get("annotations") or part.get("logprobs"):
        return None
    envelope = {field: inner for field, inner in value.items() if field not in ENVELOPE}
    more = {field: inner for field, inner in item.items() if field not in ITEM_FIELDS}
    if phase is not None:
        more["phase"] = phase
    closed: Wire = {"item": more}
    if not TEXT_FIELDS.issuperset(part):
        closed = {"part": {field: inner for field, inner in part.items() if field not in TEXT_FIELDS}, **closed}
    return (
        MessageStart("openai_responses", name, model, created, None, {"response": envelope}),
        TextStart(item_id, phase or None, {"item": {}} if "phase" in item else None),
        TextDelta(text),
        TextEnd(closed),
        UsageUpdate(usage_from_wire(usage)),
        MessageEnd(stop_from_wire(value, called_tools=False), None, status),
    )


def encode_plain(plain: PlainReply, reply: Reply) -> EncodedReply | None:
    """The response; None where it is written the general way."""
    start, opened, text, closed, usage, end = plain
    if start.dialect != reply.upstream:
        return None
    losses: tuple[Loss, ...] = ()
    first: Wire = {}
    last: Wire = {}
    stop: WireStop | None = None
    if start.dialect == "openai_responses":
        first, last = opened.item_extra or {}, closed.extra or {}
        if opened.extra or end.extra or "contradicted" in last or "type" in (last.get("part") or ()):
            return None
        stop = WireStop(end.raw_stop) if end.raw_stop else None
    else:
        losses = losses_of_plain(plain)
    stop = stop or stop_to_wire(end.stop)
    fields = fields_at_start(reply, start)
    if stop.reason:
        fields = {**fields, "incomplete_details": {"reason": stop.reason}}
    status = "incomplete" if end.stop in CUT else "completed"
    part: Wire = {"type": "output_text", "annotations": [], "logprobs": [], "text": text, **(last.get("part") or {})}
    item: Wire = {
        "id": opened.item_id or f"msg_{reply.request_id}_0",
        "type": "message",
        "status": status,
        "content": [part],
    }
    if opened.phase is not None:
        item["phase"] = opened.phase
    item["role"] = "assistant"
    if first or last:
        item = {**item, **(first.get("item") or {}), "status": status, "content": [part], **(last.get("item") or {})}
    body = response_object(reply, fields, stop.status, [item], usage_to_wire(usage))
    return EncodedReply(body=encode_json(body), losses=losses)
