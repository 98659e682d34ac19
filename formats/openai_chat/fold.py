"""Events to a whole Chat response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Loss, Reply
from hyperinfer.formats.ids import DistinctIds, chat_call_id
from hyperinfer.formats.losses import lose_once
from hyperinfer.formats.openai_chat.annotations import TextPlace, annotation_to_wire
from hyperinfer.formats.openai_chat.call_form import is_legacy_call, is_wrapped
from hyperinfer.formats.openai_chat.call_state import state_to_client
from hyperinfer.formats.openai_chat.extras import merged, split_extra
from hyperinfer.formats.openai_chat.reasoning import detail_to_client
from hyperinfer.formats.openai_chat.stop import stop_to_wire
from hyperinfer.formats.openai_chat.tool_events import ToolRuns, image_entry
from hyperinfer.formats.openai_chat.usage import usage_to_wire
from hyperinfer.formats.reply_losses import LostFields
from hyperinfer.formats.restore import wrap_input
from hyperinfer.formats.usage import Usage
from hyperinfer.formats.wire import is_array

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event, Extra


class _ChoiceFold:
    """One choice of the response being put together."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.text: list[str] = []
        self.refusal: list[str] = []
        self.thoughts: list[str] = []  # of the whole message, blocks set apart
        self.block: list[str] = []  # of the open reasoning block
        self.part: tuple[str, int] | None = None
        self.item_id: str | None = None
        self.details: list[dict[str, Any]] = []
        self.blobs = 0
        self.calls: list[dict[str, Any]] = []
        self.ids = DistinctIds(chat_call_id)
        self.arguments: list[str] = []  # of the open call
        self.wrapped = False
        self.legacy: dict[str, Any] | None = None
        self.annotations: list[dict[str, Any]] = []
        self.place = TextPlace()
        self.images: list[dict[str, Any]] = []
        self.logprobs: list[Any] = []
        self.extra: dict[str, Any] = {}
        self.finish = "stop"

    def message(self) -> dict[str, Any]:
        """The choice's `message`."""
        message: dict[str, Any] = {"role": "assistant", **self.extra.get("delta", {})}
        text = "".join(self.text)
        message["content"] = text if text or not (self.calls or self.refusal or self.legacy) else None
        message["refusal"] = "".join(self.refusal) or None
        if thoughts := "".join(self.thoughts):
            message["reasoning"] = message["reasoning_content"] = thoughts
        if self.details:
            message["reasoning_details"] = self.details
        if self.calls:
            message["tool_calls"] = self.calls
        if self.legacy is not None:
            message["function_call"] = self.legacy
        if self.annotations:
            message["annotations"] = self.annotations
        if self.images:
            theirs = message.get("images")
            message["images"] = [*(theirs if is_array(theirs) else ()), *self.images]
        return message

    def wire(self) -> dict[str, Any]:
        """The choice."""
        return {
            "index": self.index,
            "message": self.message(),
            "logprobs": {"content": self.logprobs, "refusal": None} if self.logprobs else None,
            **self.extra.get("choice", {}),
            "finish_reason": self.finish,
        }


class ChatFold:
    """Puts a whole response together, event by event."""

    def __init__(self, reply: Reply) -> None:
        self.losses: list[Loss] = []
        self._reply = reply
        self._same = False
        self._choices: dict[int, _ChoiceFold] = {0: _ChoiceFold(0)}
        self._usage = Usage()
        self._top: dict[str, Any] = {}
        self._runs = ToolRuns()
        self._lost = LostFields(self.losses, reply.upstream) if reply.upstream != "openai_chat" else None

    def add(self, event: Event) -> None:
        """One event, in legal order."""
        if self._lost is not None:
            self._lost.note(event)
        fold = self._choices.get(event.choice)
        if fold is None:
            fold = self._choices[event.choice] = _ChoiceFold(event.choice)
        if isinstance(event, ev.MessageStart):
            self._same = event.dialect == "openai_chat"
            self._usage = event.usage or self._usage
        self._keep(getattr(event, "extra", None), fold)
        match event:
            case ev.TextStart():
                fold.place.block()
            case ev.TextDelta():
                fold.text.append(fold.place.say(event.text))
                fold.logprobs.extend(event.logprobs or ())
            case ev.TextEnd():
                fold.logprobs.extend(event.logprobs or ())
            case ev.RefusalDelta():
                if event.text:
                    fold.refusal.append(event.text)
            case ev.Citation():
                if annotation := annotation_to_wire(event, self.losses, fold.place.before(event)):
                    fold.annotations.append(annotation)
            case ev.ReasoningStart():
                fold.block, fold.part, fold.item_id = [], None, event.item_id
            case ev.ReasoningDelta():
                self._reasoning(event, fold)
            case ev.ReasoningEnd():
                self._reasoning_end(event, fold)
            case ev.ToolCallStart():
                self._call(event, fold)
            case ev.ArgumentsDelta():
                fold.arguments.append(event.text)
            case ev.ToolCallEnd():
                _call_end(fold)
            case ev.UsageUpdate():
                if event.round_over:
                    fold.place.round()
                self._usage = event.usage
            case ev.ChoiceEnd() | ev.MessageEnd():
                self._end(event, fold)
            case ev.ServerToolStart():
                lose_once(self.losses, Loss(f"response.{event.type}", "Chat has no form for this block"))
            case ev.ToolRunStart() | ev.ToolRunEnd():
                self._runs.add(event)
            case ev.ImageOutput():
                fold.images.append(image_entry(event))
            case ev.Unknown():
                self._unknown(event, fold)
            case _:
                pass

    def _keep(self, extra: Extra, fold: _ChoiceFold) -> None:
        if not extra or not self._same:
            return
        for level in ("chunk", "once", "usage"):
            self._top.update(extra.get(level) or {})
        for level in ("choice", "delta"):
            if fields := extra.get(level):
                fold.extra = merged(fold.extra, {level: fields})
        fold.details.extend(extra.get("details") or ())

    def _unknown(self, event: ev.Unknown, fold: _ChoiceFold) -> None:
        if self._same and event.name.startswith("delta."):
            fold.extra = merged(fold.extra, {"delta": event.raw})
        else:
            lose_once(self.losses, Loss(f"response.{event.name}", "Chat has no form for it"))

    def _reasoning(self, event: ev.ReasoningDelta, fold: _ChoiceFold) -> None:
        part = (event.form, event.part)
        if event.text:
            if not self._same and fold.thoughts and fold.part != part:
                fold.thoughts.append("\n\n")
                if fold.block:
                    fold.block.append("\n\n")
            fold.thoughts.append(event.text)
            fold.block.append(event.text)
        fold.part = part

    def _reasoning_end(self, event: ev.ReasoningEnd, fold: _ChoiceFold) -> None:
        for blob in event.opaque:
            detail = detail_to_client(
                blob,
                self._reply.upstream,
                text="".join(fold.block),
                item_id=fold.item_id,
                index=fold.blobs,
                after_calls=len(fold.calls),
            )
            fold.blobs += 1
            fold.details.append(detail)

    def _call(self, event: ev.ToolCallStart, fold: _ChoiceFold) -> None:
        fold.arguments = []
        if is_legacy_call(event, same=self._same):
            fold.legacy = {"name": event.name, "arguments": ""}
            return
        own, _ = split_extra(event.extra if self._same else None)
        fold.wrapped = is_wrapped(event, self._reply, same=self._same)
        call: dict[str, Any] = {"id": fold.ids.give(event.call_id)}
        if event.kind == "custom" and not fold.wrapped:
            call |= {"type": "custom", "custom": {"name": event.name, "input": ""}}
        else:
            call |= {"type": "function", "function": {"name": event.name, "arguments": ""}}
        call |= own
        state_to_client(call, event.opaque, self._reply.upstream)
        fold.calls.append(call)

    def _end(self, event: ev.MessageEnd | ev.ChoiceEnd, fold: _ChoiceFold) -> None:
        if isinstance(event, ev.MessageEnd):
            if event.stop == "refusal" and event.explanation and not fold.refusal:
                fold.refusal.append(event.explanation)
            if event.stop_sequence is not None and (not self._same or event.raw_stop is None):
                fold.extra = merged(fold.extra, {"choice": {"stop_reason": event.stop_sequence}})
        called = fold.legacy is not None
        fold.finish = stop_to_wire(event.stop, called_tools=bool(fold.calls), called_function=called)

    def body(self) -> bytes:
        """The response."""
        wire: dict[str, Any] = {
            **self._top,
            "id": f"gen-{self._reply.request_id}",
            "object": "chat.completion",
            "created": self._reply.created,
            "model": self._reply.model,
            "choices": [self._choices[index].wire() for index in sorted(self._choices)],
            "usage": usage_to_wire(self._usage),
        }
        if self._runs.records:
            wire["hi_tool_events"] = self._runs.records
        return msgspec.json.encode(wire)


def _call_end(fold: _ChoiceFold) -> None:
    arguments = "".join(fold.arguments)
    if fold.legacy is not None and not fold.calls:
        fold.legacy["arguments"] = arguments
        return
    call = fold.calls[-1]
    if call["type"] == "custom":
        call["custom"]["input"] = arguments
    else:
        call["function"]["arguments"] = wrap_input(arguments) if fold.wrapped else arguments or "{}"
