"""Responses streams to events (wire facts 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import END, NEED_DATA, Upstream, Wait
from hyperinfer.formats.error_text import upstream_error
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.events import Event
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from hyperinfer.formats.openai_responses.assemble import Assembler
from hyperinfer.formats.openai_responses.item_decode import Wire, event_extra, string
from hyperinfer.formats.openai_responses.message_decode import MessageItem
from hyperinfer.formats.sse import Frame, SSEDecoder


class _TextDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The usual frame. One with other fields is read the long way, so that none is lost."""

    delta: str
    type: str = ""
    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    sequence_number: int | None = None
    logprobs: list[Any] | None = None
    obfuscation: str | None = None


_TEXT_DELTA = b"response.output_text.delta"
_decode_text = msgspec.json.Decoder(_TextDelta).decode
_decode = msgspec.json.Decoder().decode


class ResponsesStreamDecoder:
    """See `codec.StreamDecoder`."""

    def __init__(self, upstream: Upstream) -> None:
        self._sse = SSEDecoder()
        self._assembler = Assembler(upstream)
        self._life = Lifecycle()
        self._events = self._assembler.events
        self._eof = False
        self._error: PeerError | None = None
        self._pending: ev.UpstreamError | None = None  # an error that a next frame may say better

    def receive_data(self, data: bytes) -> None:
        """Stores bytes."""
        self._sse.receive_data(data)

    def receive_eof(self) -> None:
        """The upstream has closed its stream."""
        self._eof = True
        self._sse.receive_eof()

    def next_event(self) -> Event | Wait:
        """The next event, `NEED_DATA` or `END`."""
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._assembler.ended:
                return END
            try:
                frame = self._sse.next_frame()
                if frame is not None:
                    self._frame(frame)
                    continue
                if not self._eof:
                    return NEED_DATA
                if self._pending is None:
                    raise PeerError("the stream ended before response.completed")
                self._assembler.give_up(self._pending)
            except PeerError as error:
                self._error = error
        event = self._events.popleft()
        try:
            self._life.step(event)
        except OrderError as error:
            self._error = PeerError(str(error))
            self._events.clear()
            raise self._error from None
        return event

    def _frame(self, frame: Frame) -> None:
        if frame.event == _TEXT_DELTA and self._pending is None:
            try:
                fast = _decode_text(frame.data)
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass
            else:
                self._text_delta(fast)
                return
        if frame.data == b"[DONE]":
            self._done()
            return
        try:
            event = _decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise PeerError("an event of the stream is not JSON") from None
        if not isinstance(event, dict):
            raise PeerError("an event of the stream is not an object")
        kind = event.get("type")
        if not isinstance(kind, str) or (not kind.startswith("response.") and frame.event.startswith(b"response.")):
            kind = frame.event.decode("utf-8", "replace")
        if kind == "error" or (not kind and event.get("error")):
            self._fail(upstream_error(event))
            return
        if self._pending is not None and kind != "response.failed":
            self._assembler.give_up(self._pending)
            return
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, event)
        elif not self._assembler.other(event):
            self._unknown(kind, event)

    def _unknown(self, kind: str, event: Wire) -> None:
        if not self._assembler.started:
            return
        raw = {k: v for k, v in event.items() if k not in ("sequence_number", "obfuscation")}
        self._events.append(ev.Unknown("openai_responses", kind, raw))

    def _done(self) -> None:
        """`[DONE]`: an end where no terminal event came before."""
        if not self._assembler.started:
            raise PeerError("the stream ended before its first event")
        if self._pending is not None:
            self._assembler.give_up(self._pending)
            return
        self._assembler.end({}, {})

    def _fail(self, error: ev.UpstreamError) -> None:
        """An error that says no more than that there was one waits for the frame after it (fault F012)."""
        if self._pending is not None and error.code == "provider_unavailable":
            error = self._pending
        elif error.code == "provider_unavailable" and self._pending is None:
            self._pending = error
            return
        self._assembler.give_up(error)

    # -- handlers

    def _created(self, event: Wire) -> None:
        self._assembler.begin(_response(event), event)

    def _terminal(self, event: Wire) -> None:
        response = _response(event)
        kind = event.get("type")
        status = _TERMINAL_STATUS.get(str(kind))
        if status is not None and response.get("status") not in (status, "failed"):
            response = {**response, "status": status}
        if response.get("status") == "failed" or response.get("error"):
            if self._assembler.started:
                self._assembler.usage(response)
            error = response.get("error")
            self._fail(upstream_error({"error": error} if error else {}))
            return
        self._assembler.end(response, event)

    def _text_delta(self, fast: _TextDelta) -> None:
        stage = self._assembler.on_stage
        if type(stage) is MessageItem:
            live = stage.live
            if (
                live is not None
                and live.order == fast.content_index
                and live.kind == "output_text"
                and (stage.index == fast.output_index)
                and fast.output_index is not None
            ):
                live.delta(fast.delta, fast.logprobs, None)
                return
        event = {"output_index": fast.output_index, "item_id": fast.item_id}
        message = self._assembler.text(event)
        message.part(fast.content_index, "output_text").delta(fast.delta, fast.logprobs, None)

    def _text(self, event: Wire) -> None:
        part = self._assembler.text(event).part(_index(event, "content_index"), "output_text")
        logprobs = event.get("logprobs")
        part.delta(string(event.get("delta")), logprobs if isinstance(logprobs, list) else None, event_extra(event))

    def _text_done(self, event: Wire) -> None:
        part = self._assembler.text(event).part(_index(event, "content_index"), "output_text")
        part.text_done(event)

    def _refusal(self, event: Wire) -> None:
        part = self._assembler.text(event).part(_index(event, "content_index"), "refusal")
        part.delta(string(event.get("delta")), None, event_extra(event))

    def _refusal_done(self, event: Wire) -> None:
        self._assembler.text(event).part(_index(event, "content_index"), "refusal").text_done(event)

    def _annotation(self, event: Wire) -> None:
        raw = event.get("annotation")
        if isinstance(raw, dict):
            self._assembler.text(event).part(_index(event, "content_index"), "output_text").citation(raw)

    def _part_added(self, event: Wire) -> None:
        if _is_reasoning(event):
            self._assembler.reasoning(event)
            return
        self._assembler.text(event).part_added(event, _index(event, "content_index"))

    def _part_done(self, event: Wire) -> None:
        if _is_reasoning(event):
            part_text = string(event["part"].get("text"))
            self._assembler.reasoning(event).whole("text", _index(event, "content_index") or 0, part_text)
            return
        message = self._assembler.text(event)
        raw = event.get("part")
        kind = "refusal" if isinstance(raw, dict) and raw.get("type") == "refusal" else "output_text"
        part = message.part(_index(event, "content_index"), kind)
        part.part_done(event)
        message.part_ended(part)

    def _summary(self, event: Wire) -> None:
        index = _index(event, "summary_index") or 0
        self._assembler.reasoning(event).delta("summary", index, string(event.get("delta")), event_extra(event))

    def _summary_done(self, event: Wire) -> None:
        index = _index(event, "summary_index") or 0
        self._assembler.reasoning(event).whole("summary", index, string(event.get("text")))

    def _summary_part(self, event: Wire) -> None:
        part = event.get("part")
        text = string(part.get("text")) if isinstance(part, dict) else ""
        reasoning = self._assembler.reasoning(event)
        if text:
            reasoning.whole("summary", _index(event, "summary_index") or 0, text)

    def _reasoning_text(self, event: Wire) -> None:
        index = _index(event, "content_index") or 0
        self._assembler.reasoning(event).delta("text", index, string(event.get("delta")), event_extra(event))

    def _reasoning_text_done(self, event: Wire) -> None:
        self._assembler.reasoning(event).whole("text", _index(event, "content_index") or 0, string(event.get("text")))

    def _arguments(self, event: Wire) -> None:
        self._assembler.call(event, "function_call").delta(string(event.get("delta")), event_extra(event))

    def _arguments_done(self, event: Wire) -> None:
        self._assembler.call(event, "function_call").whole(string(event.get("arguments")), event)

    def _input(self, event: Wire) -> None:
        self._assembler.call(event, "custom_tool_call").delta(string(event.get("delta")), event_extra(event))

    def _input_done(self, event: Wire) -> None:
        self._assembler.call(event, "custom_tool_call").whole(string(event.get("input")), event)

    def _added(self, event: Wire) -> None:
        self._assembler.item_added(event)

    def _item_done(self, event: Wire) -> None:
        self._assembler.item_done(event)


def _response(event: Wire) -> Wire:
    response = event.get("response")
    if not isinstance(response, dict):
        raise PeerError(f"{event.get('type')} without a response")
    return response


def _index(event: Wire, field: str) -> int | None:
    value = event.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_reasoning(event: Wire) -> bool:
    part = event.get("part")
    return isinstance(part, dict) and part.get("type") == "reasoning_text"


_TERMINAL_STATUS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "failed",
}
_D = ResponsesStreamDecoder
_HANDLERS: dict[str, Callable[[ResponsesStreamDecoder, Wire], None]] = {
    "response.created": _D._created,
    "response.queued": _D._created,
    "response.in_progress": _D._created,
    "response.completed": _D._terminal,
    "response.incomplete": _D._terminal,
    "response.failed": _D._terminal,
    "response.cancelled": _D._terminal,
    "response.done": _D._terminal,
    "response.output_item.added": _D._added,
    "response.output_item.done": _D._item_done,
    "response.content_part.added": _D._part_added,
    "response.content_part.done": _D._part_done,
    "response.output_text.delta": _D._text,
    "response.output_text.done": _D._text_done,
    "response.output_text.annotation.added": _D._annotation,
    "response.refusal.delta": _D._refusal,
    "response.refusal.done": _D._refusal_done,
    "response.reasoning_summary_part.added": _D._summary_part,
    "response.reasoning_summary_part.done": _D._summary_part,
    "response.reasoning_summary_text.delta": _D._summary,
    "response.reasoning_summary_text.done": _D._summary_done,
    "response.reasoning_text.delta": _D._reasoning_text,
    "response.reasoning_text.done": _D._reasoning_text_done,
    "response.function_call_arguments.delta": _D._arguments,
    "response.function_call_arguments.done": _D._arguments_done,
    "response.custom_tool_call_input.delta": _D._input,
    "response.custom_tool_call_input.done": _D._input_done,
}
