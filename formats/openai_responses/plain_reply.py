"""A whole response of texts and calls, in one step (`formats.plain_reply`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.codec import EncodedReply, Loss
from hyperinfer.formats.events import (
    ArgumentsDelta,
    MessageEnd,
    MessageStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from hyperinfer.formats.openai_responses.call_decode import CALL_FIELDS
from hyperinfer.formats.openai_responses.envelope import ENVELOPE, fields_at_start, response_object
from hyperinfer.formats.openai_responses.message_decode import ITEM_FIELDS
from hyperinfer.formats.openai_responses.output import encode_json
from hyperinfer.formats.openai_responses.part_decode import TEXT_FIELDS
from hyperinfer.formats.openai_responses.stop import CUT, WireStop, stop_from_wire, stop_to_wire
from hyperinfer.formats.openai_responses.usage import usage_from_wire, usage_to_wire
from hyperinfer.formats.reply_losses import losses_of_plain
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Reply
    from hyperinfer.formats.events import Burst, Event
    from hyperinfer.formats.plain_reply import PlainReply

Wire = dict[str, Any]
_ENDS = ("completed", "incomplete")


def decode_plain(value: Wire) -> Burst | None:
    """The events of a response of texts and calls; None where it is read the general way."""
    status: Any = value.get("status")
    usage: Any = value.get("usage")
    name: Any = value.get("id")
    model: Any = value.get("model")
    created: Any = value.get("created_at")
    if (type(usage), type(name), type(model), type(created)) != (dict, str, str, int):
        return None
    if status not in _ENDS or value.get("error"):
        return None
    envelope = {field: inner for field, inner in value.items() if field not in ENVELOPE}
    events: list[Event] = [MessageStart("openai_responses", name, model, created, None, {"response": envelope})]
    ids: set[str] = set()
    called = False
    for item in value["output"]:
        item_id: Any = item.get("id") if is_object(item) else None
        if type(item_id) is not str or not item_id or item_id in ids:
            return None
        ids.add(item_id)
        if item.get("type") == "function_call":
            called = True
            said = _call(item, item_id)
        else:
            said = _text(item, item_id)
        if said is None:
            return None
        events += said
    events.append(UsageUpdate(usage_from_wire(usage)))
    events.append(MessageEnd(stop_from_wire(value, called_tools=called), None, status))
    return tuple(events)


def _text(item: Wire, item_id: str) -> tuple[Event, ...] | None:
    try:
        content: Any = item["content"]
        (part,) = content
        text: Any = part["text"]
        if item["type"] != "message" or part["type"] != "output_text":
            return None
    except (KeyError, TypeError, ValueError):
        return None
    phase = item.get("phase")
    if (type(content), type(part), type(text)) != (list, dict, str) or (phase is not None and type(phase) is not str):
        return None
    if not text or part.get("annotations") or part.get("logprobs"):
        return None
    more = {field: inner for field, inner in item.items() if field not in ITEM_FIELDS}
    if phase is not None:
        more["phase"] = phase
    closed: Wire = {"item": more}
    if not TEXT_FIELDS.issuperset(part):
        closed = {"part": {field: inner for field, inner in part.items() if field not in TEXT_FIELDS}, **closed}
    opened = TextStart(item_id, phase or None, {"item": {}} if "phase" in item else None)
    return opened, TextDelta(text), TextEnd(closed)


def _call(item: Wire, item_id: str) -> tuple[Event, ...] | None:
    call_id: Any = item.get("call_id")
    name: Any = item.get("name")
    arguments: Any = item.get("arguments")
    namespace: Any = item.get("namespace")
    if (type(call_id), type(name), type(arguments)) != (str, str, str) or not call_id or not name:
        return None
    namespace = namespace if type(namespace) is str and namespace else None
    start = ToolCallStart(call_id, name, namespace=namespace, item_id=item_id)
    end = ToolCallEnd({"item": {field: inner for field, inner in item.items() if field not in CALL_FIELDS}})
    return (start, ArgumentsDelta(arguments), end) if arguments else (start, end)


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
