"""The protocol's events about output items, each told to the item that it belongs to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hyperinfer.formats.openai_responses.item_decode import Wire, event_extra, string
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.formats.openai_responses.assemble import Assembler
    from hyperinfer.formats.openai_responses.lanes import Lane
    from hyperinfer.formats.runs import Say


def _text(assembler: Assembler, event: Wire) -> Say | None:
    index = _index(event, "content_index")
    part = assembler.text(event).part(index, "output_text")
    logprobs = event.get("logprobs")
    part.delta(string(event.get("delta")), logprobs if is_array(logprobs) else None, event_extra(event))
    return _again(assembler, part, part.more) if index in (None, part.order) else None


def _text_done(assembler: Assembler, event: Wire) -> None:
    if assembler.has_left(event, "message"):
        return
    message = assembler.text(event)
    message.ending(_index(event, "content_index"), "output_text", string(event.get("text")), "text").text_done(event)


def _refusal(assembler: Assembler, event: Wire) -> None:
    part = assembler.text(event).part(_index(event, "content_index"), "refusal")
    part.delta(string(event.get("delta")), None, event_extra(event))


def _refusal_done(assembler: Assembler, event: Wire) -> None:
    if assembler.has_left(event, "message"):
        return
    message = assembler.text(event)
    message.ending(_index(event, "content_index"), "refusal", string(event.get("refusal")), "text").text_done(event)


def _annotation(assembler: Assembler, event: Wire) -> None:
    raw = event.get("annotation")
    if is_object(raw):
        assembler.text(event).part(_index(event, "content_index"), "output_text").citation(raw)


def _part_added(assembler: Assembler, event: Wire) -> None:
    if _is_reasoning(event):
        assembler.reasoning(event)
        return
    assembler.text(event).part_added(event, _index(event, "content_index"))


def _part_done(assembler: Assembler, event: Wire) -> None:
    if assembler.has_left(event, "reasoning" if _is_reasoning(event) else "message"):
        return
    if _is_reasoning(event):
        part_text = string(event["part"].get("text"))
        assembler.reasoning(event).whole("text", _index(event, "content_index") or 0, part_text)
        return
    assembler.text(event).part_done(event, _index(event, "content_index"))


def _summary(assembler: Assembler, event: Wire) -> Say | None:
    item = assembler.reasoning(event)
    place = ("summary", _index(event, "summary_index") or 0)
    item.delta(*place, string(event.get("delta")), event_extra(event))
    return _again(assembler, item, partial(item.more, *place))


def _summary_done(assembler: Assembler, event: Wire) -> None:
    if assembler.has_left(event, "reasoning"):
        return
    index = _index(event, "summary_index") or 0
    assembler.reasoning(event).whole("summary", index, string(event.get("text")))


def _summary_part(assembler: Assembler, event: Wire) -> None:
    if assembler.has_left(event, "reasoning"):
        return
    part = event.get("part")
    text = string(part.get("text")) if is_object(part) else ""
    reasoning = assembler.reasoning(event)
    if text:
        reasoning.whole("summary", _index(event, "summary_index") or 0, text)


def _reasoning_text(assembler: Assembler, event: Wire) -> Say | None:
    item = assembler.reasoning(event)
    place = ("text", _index(event, "content_index") or 0)
    item.delta(*place, string(event.get("delta")), event_extra(event))
    return _again(assembler, item, partial(item.more, *place))


def _reasoning_text_done(assembler: Assembler, event: Wire) -> None:
    if assembler.has_left(event, "reasoning"):
        return
    assembler.reasoning(event).whole("text", _index(event, "content_index") or 0, string(event.get("text")))


def _arguments(assembler: Assembler, event: Wire) -> Say | None:
    call = assembler.call(event, "function_call")
    call.delta(string(event.get("delta")), event_extra(event))
    return _again(assembler, call, call.more)


def _arguments_done(assembler: Assembler, event: Wire) -> None:
    assembler.call(event, "function_call").whole(string(event.get("arguments")), event)


def _input(assembler: Assembler, event: Wire) -> Say | None:
    call = assembler.call(event, "custom_tool_call")
    call.delta(string(event.get("delta")), event_extra(event))
    return _again(assembler, call, call.more)


def _input_done(assembler: Assembler, event: Wire) -> None:
    assembler.call(event, "custom_tool_call").whole(string(event.get("input")), event)


def _added(assembler: Assembler, event: Wire) -> None:
    assembler.item_added(event)


def _item_done(assembler: Assembler, event: Wire) -> None:
    assembler.item_done(event)


def _again(assembler: Assembler, lane: Lane, say: Say) -> Say | None:
    """What says more there; None where the next delta must be looked at: it may bring its item on stage."""
    return say if lane.out is assembler.events else None


def _index(event: Wire, field: str) -> int | None:
    value = event.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_reasoning(event: Wire) -> bool:
    part = event.get("part")
    return is_object(part) and part.get("type") == "reasoning_text"


ITEM_EVENTS: dict[str, Callable[[Assembler, Wire], Say | None]] = {
    "response.output_item.added": _added,
    "response.output_item.done": _item_done,
    "response.content_part.added": _part_added,
    "response.content_part.done": _part_done,
    "response.output_text.delta": _text,
    "response.output_text.done": _text_done,
    "response.output_text.annotation.added": _annotation,
    "response.refusal.delta": _refusal,
    "response.refusal.done": _refusal_done,
    "response.reasoning_summary_part.added": _summary_part,
    "response.reasoning_summary_part.done": _summary_part,
    "response.reasoning_summary_text.delta": _summary,
    "response.reasoning_summary_text.done": _summary_done,
    "response.reasoning_text.delta": _reasoning_text,
    "response.reasoning_text.done": _reasoning_text_done,
    "response.function_call_arguments.delta": _arguments,
    "response.function_call_arguments.done": _arguments_done,
    "response.custom_tool_call_input.delta": _input,
    "response.custom_tool_call_input.done": _input_done,
}
"""Event type to what it does. A delta gives what says more at its place."""
