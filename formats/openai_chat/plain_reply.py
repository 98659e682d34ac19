"""A whole response of a text and calls, in one step (`formats.plain_reply`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.codec import EncodedReply, Loss
from hyperinfer.formats.events import ArgumentsDelta, MessageEnd, MessageStart, TextDelta, ToolCallStart, UsageUpdate
from hyperinfer.formats.openai_chat.annotations import BESIDE
from hyperinfer.formats.openai_chat.reasoning import FIELDS
from hyperinfer.formats.openai_chat.stop import stop_from_wire, stop_to_wire
from hyperinfer.formats.openai_chat.usage import usage_from_wire, usage_to_wire
from hyperinfer.formats.plain_reply import CALL_END, TEXT_END, TEXT_START, PlainReply
from hyperinfer.formats.reply_losses import losses_of_plain
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Reply
    from hyperinfer.formats.events import Burst, Event, Extra

_ENVELOPE = frozenset({"choices", "usage", "id", "object", "model", "created", "obfuscation", "error"})
_CHOICE = frozenset({"index", "message", "text", "finish_reason", "logprobs"})
_MESSAGE = frozenset({"role", "content", "refusal", "tool_calls", "function_call", "annotations", *FIELDS})
_SAID = frozenset({"index", "message", "finish_reason", "role", "content", "tool_calls"})
_CALL, _FUNCTION = {"id", "type", "function"}, {"name", "arguments"}
_MOST_CALLS = 128
_KINDS = (list, dict, dict, str, dict)
_CHUNK, _LEVELS = frozenset({"chunk"}), frozenset({"choice", "delta"})


def decode_plain(value: dict[str, Any]) -> Burst | None:
    """The events of a response of a text, or calls, or both; None where it is read the general way."""
    try:
        choices: Any = value["choices"]
        (choice,) = choices
        message: Any = choice["message"]
        text: Any = message["content"]
        finish, usage = choice["finish_reason"], value["usage"]
        name, model, created = value["id"], value["model"], value["created"]
        index = choice["index"]
    except (KeyError, TypeError, ValueError):
        return None
    if (type(choices), type(choice), type(message), type(finish), type(usage)) != _KINDS:
        return None
    if (type(name), type(model), type(created), index) != (str, str, int, 0):
        return None
    if not finish or finish == "error" or not usage or value.get("error"):
        return None
    delta, more = _beside(message, _MESSAGE), _beside(choice, _CHOICE)
    chunk = {field: inner for field, inner in value.items() if field not in _ENVELOPE}
    if delta is None or more is None or not chunk.keys().isdisjoint(BESIDE):
        return None
    said: list[Event] = [TEXT_START, TextDelta(text), TEXT_END] if type(text) is str and text else []
    listed: Any = message.get("tool_calls")
    calls = _calls(listed) if listed else []
    if calls is None or not (said or calls) or (text and not said):
        return None
    said += calls
    if delta or more:
        said[0] = msgspec.structs.replace(said[0], extra=_levels(delta, more))
    return (
        MessageStart("openai_chat", name, model, created, None, {"chunk": chunk} if chunk else None),
        *said,
        UsageUpdate(usage_from_wire(usage)),
        MessageEnd(stop_from_wire(finish, called_tools=bool(calls)), None, finish),
    )


def _calls(listed: Any) -> list[Event] | None:
    """Calls of functions, each whole and with an id of its own."""
    ids: set[str] = set()
    events: list[Event] = []
    if not is_array(listed) or len(listed) > _MOST_CALLS:
        return None
    for call in listed:
        if not is_object(call) or call.keys() != _CALL or call["type"] != "function":
            return None
        call_id, function = call["id"], call["function"]
        if type(call_id) is not str or not is_object(function) or function.keys() != _FUNCTION:
            return None
        name, arguments = function["name"], function["arguments"]
        if type(name) is not str or type(arguments) is not str or not call_id or not name or call_id in ids:
            return None
        ids.add(call_id)
        events.append(ToolCallStart(call_id, name))
        if arguments:
            events.append(ArgumentsDelta(arguments))
        events.append(CALL_END)
    return events


def _beside(fields: dict[str, Any], modelled: frozenset[str]) -> dict[str, Any] | None:
    """The fields that are not modelled; None where one beside the text says something."""
    for name, value in fields.items():
        if value and name not in _SAID:
            return None
    return {} if modelled.issuperset(fields) else {name: value for name, value in fields.items() if name not in modelled}


def _levels(delta: dict[str, Any], choice: dict[str, Any]) -> Extra:
    return {level: fields for level, fields in (("delta", delta), ("choice", choice)) if fields}


def encode_plain(plain: PlainReply, reply: Reply) -> EncodedReply | None:
    """The response; None where it is written the general way."""
    start, opened, text, closed, usage, end = plain
    first, levels = start.extra or {}, opened.extra or {}
    losses: tuple[Loss, ...] = ()
    if start.dialect != reply.upstream:
        return None
    if start.dialect != "openai_chat":
        losses = losses_of_plain(plain)
        first = levels = {}
    elif closed.extra or end.extra or not (_CHUNK.issuperset(first) and _LEVELS.issuperset(levels)):
        return None
    wire: dict[str, Any] = {
        **first.get("chunk", {}),
        "id": f"gen-{reply.request_id}",
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", **levels.get("delta", {}), "content": text, "refusal": None},
                "logprobs": None,
                **levels.get("choice", {}),
                "finish_reason": stop_to_wire(end.stop, called_tools=False),
            }
        ],
        "usage": usage_to_wire(usage),
    }
    return EncodedReply(body=msgspec.json.encode(wire), losses=losses)
