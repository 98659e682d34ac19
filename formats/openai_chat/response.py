"""Whole Chat responses: to the events of their stream, and from events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import EncodedReply, Loss, Reply, Upstream
from hyperinfer.formats.errors import EncodeError, PeerError
from hyperinfer.formats.lifecycle import Lifecycle, OrderError, State
from hyperinfer.formats.openai_chat.annotations import annotation_to_wire
from hyperinfer.formats.openai_chat.reasoning import detail_to_client
from hyperinfer.formats.openai_chat.stop import stop_to_wire
from hyperinfer.formats.openai_chat.stream_decode import ChatAssembler
from hyperinfer.formats.openai_chat.usage import usage_to_wire
from hyperinfer.formats.usage import Usage

if TYPE_CHECKING:
    from hyperinfer.formats.events import Burst, Event


def decode_response(body: bytes, upstream: Upstream) -> Burst:
    """The events of a whole response. An error under a 200 becomes `UpstreamError`. Raises `PeerError` for no
    response."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PeerError(f"the response is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise PeerError("the response is not a JSON object")
    assembler = ChatAssembler(upstream)
    assembler.chunk(value, "message")
    if not assembler.ended:
        assembler.end()
    lifecycle = Lifecycle()
    try:
        for event in assembler.events:
            lifecycle.step(event)
    except OrderError as error:
        raise PeerError(str(error)) from None
    return tuple(assembler.events)


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
        self.calls: list[dict[str, Any]] = []
        self.arguments: list[str] = []
        self.legacy: dict[str, Any] | None = None
        self.annotations: list[dict[str, Any]] = []
        self.logprobs: list[Any] = []
        self.extra: dict[str, Any] = {}
        self.finish = "stop"

    def message(self) -> dict[str, Any]:
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
        return message

    def wire(self) -> dict[str, Any]:
        logprobs = {"content": self.logprobs, "refusal": None} if self.logprobs else None
        return {
            **self.extra.get("choice", {}),
            "index": self.index,
            "message": self.message(),
            "logprobs": logprobs,
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

    def add(self, event: Event) -> None:
        """One event, in legal order."""
        fold = self._choices.get(event.choice)
        if fold is None:
            fold = self._choices[event.choice] = _ChoiceFold(event.choice)
        extra = getattr(event, "extra", None)
        if extra and self._same:
            self._keep(extra, fold)
        match event:
            case ev.MessageStart():
                self._same = event.dialect == "openai_chat"
                self._usage = event.usage or self._usage
                if self._same and event.extra:
                    self._keep(event.extra, fold)
            case ev.TextDelta():
                fold.text.append(event.text)
                fold.logprobs.extend(event.logprobs or ())
            case ev.RefusalDelta():
                fold.refusal.append(event.text)
            case ev.Citation():
                if annotation := annotation_to_wire(event, self.losses):
                    fold.annotations.append(annotation)
            case ev.ReasoningStart():
                fold.block, fold.part, fold.item_id = [], None, event.item_id
            case ev.ReasoningDelta():
                self._reasoning(event, fold)
            case ev.ReasoningEnd():
                self._reasoning_end(event, fold)
            case ev.ToolCallStart() | ev.ArgumentsDelta() | ev.ToolCallEnd():
                self._call(event, fold)
            case ev.UsageUpdate():
                self._usage = event.usage
            case ev.ChoiceEnd():
                fold.finish = stop_to_wire(event.stop, called_tools=bool(fold.calls))
            case ev.MessageEnd():
                self._end(event, fold)
            case ev.ServerToolStart():
                self.losses.append(Loss(f"response.{event.type}", "Chat has no form for this block"))
            case ev.Unknown():
                self.losses.append(Loss(f"response.{event.name}", "an event of another dialect"))
            case _:
                pass

    def _keep(self, extra: dict[str, Any], fold: _ChoiceFold) -> None:
        for level in ("chunk", "once", "usage"):
            self._top.update(extra.get(level) or {})
        for level in ("choice", "delta"):
            if fields := extra.get(level):
                fold.extra[level] = {**fold.extra.get(level, {}), **fields}
        if details := extra.get("details"):
            fold.details.extend(details)

    def _reasoning(self, event: ev.ReasoningDelta, fold: _ChoiceFold) -> None:
        part = (event.form, event.part)
        if fold.thoughts and event.text and fold.part != part:
            fold.thoughts.append("\n\n")
            if fold.block:
                fold.block.append("\n\n")
        fold.part = part
        if event.text:
            fold.thoughts.append(event.text)
            fold.block.append(event.text)

    def _reasoning_end(self, event: ev.ReasoningEnd, fold: _ChoiceFold) -> None:
        for blob in event.opaque:
            detail = detail_to_client(
                blob,
                self._reply.upstream,
                text="".join(fold.block),
                item_id=fold.item_id,
                index=len(fold.details),
                after_calls=len(fold.calls),
            )
            fold.details.append(detail)

    def _call(self, event: ev.ToolCallStart | ev.ArgumentsDelta | ev.ToolCallEnd, fold: _ChoiceFold) -> None:
        if isinstance(event, ev.ToolCallStart):
            fold.arguments = []
            field = "arguments" if event.kind == "function" else "input"
            own = {k: v for k, v in (event.extra or {}).items() if k not in ("chunk", "choice", "delta", "once")}
            name = event.name if event.namespace is None else f"{event.namespace}__{event.name}"
            if own.pop("legacy", False) and self._same:
                fold.legacy = {"name": name, "arguments": ""}
                return
            call: dict[str, Any] = {"id": event.call_id, "type": event.kind, event.kind: {"name": name, field: ""}}
            fold.calls.append({**own, **call} if self._same else call)
        elif isinstance(event, ev.ArgumentsDelta):
            fold.arguments.append(event.text)
        elif fold.legacy is not None:
            fold.legacy["arguments"] = "".join(fold.arguments)
        else:
            call = fold.calls[-1]
            if call["type"] == "function":
                call["function"]["arguments"] = "".join(fold.arguments) or "{}"
            else:
                call["custom"]["input"] = "".join(fold.arguments)

    def _end(self, event: ev.MessageEnd, fold: _ChoiceFold) -> None:
        if event.stop == "refusal" and event.explanation and not fold.refusal:
            fold.refusal.append(event.explanation)
        fold.finish = stop_to_wire(event.stop, called_tools=bool(fold.calls))
        if fold.legacy is not None:
            fold.finish = "function_call"

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
        return msgspec.json.encode(wire)


def encode_response(events: Sequence[Event], reply: Reply) -> EncodedReply:
    """A whole response from a complete sequence of events. Raises `EncodeError` when it is not complete."""
    fold, lifecycle = ChatFold(reply), Lifecycle()
    for event in events:
        try:
            lifecycle.step(event)
        except OrderError as error:
            raise EncodeError(str(error)) from None
        fold.add(event)
    if lifecycle.state is not State.ENDED:
        raise EncodeError("the events do not end with MessageEnd")
    return EncodedReply(body=fold.body(), losses=tuple(fold.losses))
