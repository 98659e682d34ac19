"""Events to a Chat stream (wire facts 2.2).

A role frame, deltas, one `finish_reason`, a usage chunk with `choices: []` (always, RULES), `[DONE]`. Frames are
built from
prefixes that are encoded once; only the text itself is encoded per event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Loss, Reply
from hyperinfer.formats.errors import EncodeError, ErrorReport
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from hyperinfer.formats.openai_chat.annotations import annotation_to_wire
from hyperinfer.formats.openai_chat.errors import encode_error
from hyperinfer.formats.openai_chat.reasoning import detail_to_client
from hyperinfer.formats.openai_chat.stop import stop_to_wire
from hyperinfer.formats.openai_chat.usage import usage_json
from hyperinfer.formats.usage import Usage

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event, Extra
    from hyperinfer.formats.opaque import Opaque

_enc = msgspec.json.encode
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"


class _Choice:
    """What has been written of one choice."""

    __slots__ = ("arguments_seen", "blobs", "calls", "item_id", "kind", "part", "refused", "thought")

    def __init__(self) -> None:
        self.calls = 0
        self.arguments_seen = False
        self.kind = "function"
        self.blobs = 0
        self.thought: list[str] = []
        self.part: tuple[str, int] | None = None
        self.item_id: str | None = None
        self.refused = False


class ChatStreamEncoder:
    """A `StreamEncoder` for Chat clients."""

    def __init__(self, reply: Reply) -> None:
        self.losses: list[Loss] = []
        self._reply = reply
        self._lifecycle = Lifecycle()
        self._identity = (
            (
                b'"id":'
                + _enc(f"gen-{reply.request_id}")
                + b',"object":"chat.completion.chunk","created":%d' % reply.created
            )
            + b',"model":'
            + _enc(reply.model)
        )
        self._head = b"data: {" + self._identity
        self._text = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._same = False
        self._choices: dict[int, _Choice] = {0: _Choice()}
        self._pending: dict[str, Any] = {}  # extra fields of events that wrote no chunk
        self._usage = Usage()
        self._started = False

    def send(self, event: Event) -> bytes:
        """The chunks for one event."""
        try:
            self._lifecycle.step(event)
        except OrderError as error:
            raise EncodeError(str(error)) from None
        kind = type(event)
        if kind is ev.TextDelta and not self._pending and event.choice == 0:  # the hot path
            delta: ev.TextDelta = event  # type: ignore[assignment]
            if delta.logprobs is None and (delta.extra is None or not self._same):
                return self._text + _enc(delta.text) + b'},"logprobs":null,"finish_reason":null}]}\n\n'
        choice = event.choice
        first = b""
        if choice and choice not in self._choices:
            self._choices[choice] = _Choice()
            first = self._chunk({"role": "assistant", "content": ""}, choice=choice)
        return first + self._write(event, self._choices[choice])

    def _write(self, event: Event, state: _Choice) -> bytes:
        match event:
            case ev.TextDelta():
                logprobs = {"content": event.logprobs, "refusal": None} if event.logprobs else None
                return self._chunk({"content": event.text}, event.extra, choice=event.choice, logprobs=logprobs)
            case ev.ArgumentsDelta():
                state.arguments_seen = True
                return self._arguments(event.text, state, event.extra, event.choice)
            case ev.ReasoningDelta():
                return self._reasoning(event, state)
            case ev.MessageStart():
                return self._start(event)
            case ev.ToolCallStart():
                return self._call(event, state)
            case ev.ToolCallEnd():
                out = self._hold(event.extra)
                if not state.arguments_seen and state.kind == "function":
                    out = self._arguments("{}", state, None, event.choice)
                state.calls += 1
                return out
            case ev.ReasoningStart():
                state.thought, state.part, state.item_id = [], None, event.item_id
                return self._hold(event.extra)
            case ev.ReasoningEnd():
                self._hold(event.extra)
                details = [self._detail(blob, state) for blob in event.opaque]
                return self._chunk({"reasoning_details": details}, choice=event.choice) if details else b""
            case ev.RefusalDelta():
                state.refused = True
                return self._chunk({"refusal": event.text}, event.extra, choice=event.choice)
            case ev.Citation():
                annotation = annotation_to_wire(event, self.losses)
                return self._chunk({"annotations": [annotation]}, choice=event.choice) if annotation else b""
            case ev.UsageUpdate():
                self._usage = event.usage
                return b""
            case ev.ChoiceEnd():
                return self._finish(event.stop, None, event.extra, event.choice)
            case ev.MessageEnd():
                return self._end(event)
            case ev.UpstreamError():
                return self.fail(ErrorReport(event.code, event.message, self._reply.request_id, param=event.param))
            case ev.ServerToolStart():
                self.losses.append(Loss(f"response.{event.type}", "Chat has no form for this block"))
                return b""
            case ev.Unknown():
                self.losses.append(Loss(f"response.{event.name}", "an event of another dialect"))
                return b""
            case ev.ServerToolDelta() | ev.ServerToolEnd():
                return b""
            case _:  # the starts and ends of text and refusal
                return self._hold(event.extra)

    def _start(self, event: ev.MessageStart) -> bytes:
        self._started = True
        self._same = event.dialect == "openai_chat"
        if event.usage is not None:
            self._usage = event.usage
        if self._same and event.extra and event.extra.get("chunk"):
            self._head += b"," + _enc(event.extra["chunk"])[1:-1]
            self._text = self._head + b',"choices":[{"index":0,"delta":{"content":'
        return self._chunk({"role": "assistant", "content": ""}, event.extra)

    def _hold(self, extra: Extra) -> bytes:
        if extra and self._same:
            for key, value in extra.items():
                old = self._pending.get(key)
                self._pending[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        return b""

    def _reasoning(self, event: ev.ReasoningDelta, state: _Choice) -> bytes:
        text = event.text
        part = (event.form, event.part)
        if state.part is not None and state.part != part and text:
            text = "\n\n" + text
        state.part = part
        if text:
            state.thought.append(text)
        delta: dict[str, Any] = {"reasoning": text, "reasoning_content": text} if text else {}
        extra = event.extra
        if extra and self._same and (details := extra.get("details")):
            delta["reasoning_details"] = details
            extra = {key: value for key, value in extra.items() if key != "details"}
        return self._chunk(delta, extra, choice=event.choice) if delta else self._hold(extra)

    def _detail(self, blob: Opaque, state: _Choice) -> dict[str, Any]:
        detail = detail_to_client(
            blob,
            self._reply.upstream,
            text="".join(state.thought),
            item_id=state.item_id,
            index=state.blobs,
            after_calls=state.calls,
        )
        state.blobs += 1
        return detail

    def _call(self, event: ev.ToolCallStart, state: _Choice) -> bytes:
        state.arguments_seen = False
        state.kind = event.kind
        field = "arguments" if event.kind == "function" else "input"
        own, shared = _split_extra(event.extra)
        name = event.name if event.namespace is None else f"{event.namespace}__{event.name}"
        if own.pop("legacy", False) and self._same:
            return self._chunk({"function_call": {"name": name, "arguments": ""}}, shared, choice=event.choice)
        call: dict[str, Any] = {"index": state.calls, "id": event.call_id, "type": event.kind}
        call[event.kind] = {"name": name, field: ""}
        if self._same:
            call.update(own)
        return self._chunk({"tool_calls": [call]}, shared, choice=event.choice)

    def _arguments(self, text: str, state: _Choice, extra: Extra, choice: int) -> bytes:
        field = "arguments" if state.kind == "function" else "input"
        call = {"index": state.calls, state.kind: {field: text}}
        return self._chunk({"tool_calls": [call]}, extra, choice=choice)

    def _finish(self, stop: ev.StopReason, explanation: str | None, extra: Extra, choice: int) -> bytes:
        state = self._choices[choice]
        out = b""
        if stop == "refusal" and explanation and not state.refused:
            out = self._chunk({"refusal": explanation}, choice=choice)
        word = stop_to_wire(stop, called_tools=state.calls > 0)
        return out + self._chunk({}, extra, choice=choice, finish=word)

    def _end(self, event: ev.MessageEnd) -> bytes:
        extra = event.extra if self._same else None
        usage_extra: dict[str, Any] = {}
        if extra:
            usage_extra = extra.get("usage") or {}
            extra = {key: value for key, value in extra.items() if key != "usage"}
        out = self._finish(event.stop, event.explanation, extra, 0)
        more = b"," + _enc(usage_extra)[1:-1] if usage_extra else b""
        return out + self._head + more + b',"choices":[],"usage":' + bytes(usage_json(self._usage)) + b"}\n\n"

    def end(self) -> bytes:
        """`[DONE]`."""
        return DONE

    def keep_alive(self) -> bytes:
        """A comment."""
        return KEEP_ALIVE

    def fail(self, error: ErrorReport) -> bytes:
        """An error chunk and `[DONE]` (RULES: Streams). The role frame comes first where nothing has been said yet."""
        opening = b"" if self._started else self._chunk({"role": "assistant", "content": ""})
        return opening + b"data: " + encode_error(error) + b"\n\n" + DONE

    def _chunk(
        self,
        delta: dict[str, Any],
        extra: Extra = None,
        *,
        choice: int = 0,
        logprobs: dict[str, Any] | None = None,
        finish: str | None = None,
    ) -> bytes:
        if extra:
            self._hold(extra)
        fields: dict[str, Any] = {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        head = self._head
        if self._pending:
            pending, self._pending = self._pending, {}
            fields["delta"] = {**pending.get("delta", {}), **delta}
            fields = {**pending.get("choice", {}), **fields}
            if once := pending.get("once"):
                head += b"," + _enc(once)[1:-1]
        return head + b',"choices":[' + _enc(fields) + b"]}\n\n"


def _split_extra(extra: Extra) -> tuple[dict[str, Any], dict[str, Any]]:
    """(fields of the tool call itself, fields of delta, choice and chunk)."""
    if not extra:
        return {}, {}
    shared = {key: value for key, value in extra.items() if key in ("chunk", "choice", "delta", "once")}
    return {key: value for key, value in extra.items() if key not in shared}, shared
