"""Events to a whole Chat response."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

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
    from hyperinfer.formats.events import Event


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
        if type(event) is ev.MessageStart:
            self._same = event.dialect == "openai_chat"
            self._usage = event.usage or self._usage
        if self._same and (extra := getattr(event, "extra", None)):
            self._keep(event, extra, fold)
        handler = self._HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event, fold)

    def _keep(self, event: Event, extra: dict[str, Any], fold: _ChoiceFold) -> None:
        for level in ("chunk", "once"):
            self._top.update(extra.get(level) or {})
        if type(event) is ev.MessageEnd:
            self._top.update(extra.get("usage") or {})
        elif type(event) is ev.ReasoningDelta:
            fold.details.extend(extra.get("details") or ())
        for level in ("choice", "delta"):
            if fields := extra.get(level):
                fold.extra = merged(fold.extra, {level: fields})

    def _text_start(self, event: ev.TextStart, fold: _ChoiceFold) -> None:
        fold.place.block()

    def _text(self, event: ev.TextDelta, fold: _ChoiceFold) -> None:
        fold.text.append(fold.place.say(event.text))
        fold.logprobs.extend(event.logprobs or ())

    def _text_end(self, event: ev.TextEnd, fold: _ChoiceFold) -> None:
        fold.logprobs.extend(event.logprobs or ())

    def _refusal(self, event: ev.RefusalDelta, fold: _ChoiceFold) -> None:
        if event.text:
            fold.refusal.append(event.text)

    def _citation(self, event: ev.Citation, fold: _ChoiceFold) -> None:
        if annotation := annotation_to_wire(event, self.losses, fold.place.before(event)):
            fold.annotations.append(annotation)

    def _count(self, event: ev.UsageUpdate, fold: _ChoiceFold) -> None:
        if event.round_over:
            fold.place.round()
        self._usage = event.usage

    def _foreign(self, event: ev.ServerToolStart, fold: _ChoiceFold) -> None:
        lose_once(self.losses, Loss(f"response.{event.type}", "Chat has no form for this block"))

    def _run(self, event: ev.ToolRunStart | ev.ToolRunEnd, fold: _ChoiceFold) -> None:
        self._runs.add(event)

    def _image(self, event: ev.ImageOutput, fold: _ChoiceFold) -> None:
        fold.images.append(image_entry(event))

    def _unknown(self, event: ev.Unknown, fold: _ChoiceFold) -> None:
        if self._same and event.name.startswith("delta."):
            fold.extra = merged(fold.extra, {"delta": event.raw})
        else:
            lose_once(self.losses, Loss(f"response.{event.name}", "Chat has no form for it"))

    def _reasoning_start(self, event: ev.ReasoningStart, fold: _ChoiceFold) -> None:
        fold.block, fold.part, fold.item_id = [], None, event.item_id

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

    def _arguments(self, event: ev.ArgumentsDelta, fold: _ChoiceFold) -> None:
        fold.arguments.append(event.text)

    def _call_end(self, event: ev.ToolCallEnd, fold: _ChoiceFold) -> None:
        arguments = "".join(fold.arguments)
        if fold.legacy is not None and not fold.calls:
            fold.legacy["arguments"] = arguments
            return
        call = fold.calls[-1]
        if call["type"] == "custom":
            call["custom"]["input"] = arguments
        else:
            call["function"]["arguments"] = wrap_input(arguments) if fold.wrapped else arguments or "{}"

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

    _HANDLERS: ClassVar[dict[type[Event], Callable[[ChatFold, Any, _ChoiceFold], None]]] = {
        ev.TextStart: _text_start,
        ev.TextDelta: _text,
        ev.TextEnd: _text_end,
        ev.RefusalDelta: _refusal,
        ev.Citation: _citation,
        ev.ReasoningStart: _reasoning_start,
        ev.ReasoningDelta: _reasoning,
        ev.ReasoningEnd: _reasoning_end,
        ev.ToolCallStart: _call,
        ev.ArgumentsDelta: _arguments,
        ev.ToolCallEnd: _call_end,
        ev.UsageUpdate: _count,
        ev.ChoiceEnd: _end,
        ev.MessageEnd: _end,
        ev.ServerToolStart: _foreign,
        ev.ToolRunStart: _run,
        ev.ToolRunEnd: _run,
        ev.ImageOutput: _image,
        ev.Unknown: _unknown,
    }
