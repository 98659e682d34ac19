"""Events to a Responses stream, and to a whole response (wire facts 3.2, 3.3).

The grammar is held by openai-python and Codex: items have contiguous indexes and keep one id; parts open empty, and their
deltas add up to their `done`; the output of the last event is the items as they were done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import EncodedReply, Loss, Reply
from hyperinfer.formats.errors import EncodeError, ErrorReport
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from hyperinfer.formats.openai_responses.envelope import fields_at_start, response_object
from hyperinfer.formats.openai_responses.errors import failed_error
from hyperinfer.formats.openai_responses.item_encode import CallWriter, NativeWriter, ReasoningWriter
from hyperinfer.formats.openai_responses.message_encode import MessageWriter
from hyperinfer.formats.openai_responses.output import Frames, Output, Silent, Wire, encode_json
from hyperinfer.formats.openai_responses.plain_reply import encode_plain
from hyperinfer.formats.openai_responses.reasoning import call_state_text
from hyperinfer.formats.openai_responses.run_encode import RunWriter
from hyperinfer.formats.openai_responses.stop import CUT, WireStop, stop_to_wire
from hyperinfer.formats.openai_responses.usage import usage_to_wire
from hyperinfer.formats.piece_runs import PieceRunEncoder
from hyperinfer.formats.plain_reply import plain_reply
from hyperinfer.formats.reply_losses import PIECES, LostFields
from hyperinfer.formats.usage import Usage

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event

_ENDS = ("completed", "incomplete")


class _Fold:
    """Events to steps of an `Output`."""

    def __init__(self, reply: Reply, output: Output) -> None:
        self.output = output
        self.response: Wire | None = None
        self.kind = "response.completed"  # of the terminal event
        self._reply = reply
        self._life = Lifecycle()
        self._fields: Wire = {}
        self._usage: Usage | None = None
        self._message = MessageWriter(output)
        self._reasoning = ReasoningWriter(output)
        self._call = CallWriter(output)
        self._native = NativeWriter(output)
        self._runs = RunWriter(output)
        self._lost = LostFields(output.losses, reply.upstream) if reply.upstream != "openai_responses" else None
        self._steps: dict[type, Callable[[Any], bytes]] = {
            ev.MessageStart: self._start,
            ev.TextStart: self._message.start,
            ev.TextDelta: self._message.text,
            ev.Citation: self._message.citation,
            ev.TextEnd: self._text_end,
            ev.RefusalStart: self._message.start,
            ev.RefusalDelta: self._message.refusal,
            ev.RefusalEnd: self._text_end,
            ev.ReasoningStart: self._reasoning_start,
            ev.ReasoningDelta: self._reasoning.delta,
            ev.ReasoningEnd: self._reasoning.end,
            ev.ToolCallStart: self._call_start,
            ev.ArgumentsDelta: self._call.delta,
            ev.ToolCallEnd: self._call.end,
            ev.ServerToolStart: self._native_start,
            ev.ServerToolDelta: self._native.delta,
            ev.ServerToolEnd: self._native.end,
            ev.ToolRunStart: self._run_start,
            ev.ToolRunEnd: self._runs.end,
            ev.ImageOutput: self._image,
            ev.UsageUpdate: self._usage_update,
            ev.Unknown: self._unknown,
            ev.MessageEnd: self._end,
        }

    @property
    def started(self) -> bool:
        """Whether `response.created` was said."""
        return bool(self._fields)

    def push(self, event: Event) -> bytes:
        """One event that is no error."""
        try:
            self._life.step(event)
        except OrderError as error:
            raise EncodeError(str(error)) from None
        if self._lost is not None and (type(event) not in PIECES or getattr(event, "extra", None)):
            self._lost.note(event)
        if event.choice:
            self.output.lose("response.choices", "a response has one answer only")
            return b""
        return self._steps[type(event)](event)

    def more(self, first: Event, texts: list[str]) -> bytes:
        """More pieces like `first` of the open block; nothing where they must be pushed one by one."""
        if not self._life.stays(type(first)):
            return b""
        if type(first) is ev.TextDelta:
            return self._message.more(texts)
        if type(first) is ev.ReasoningDelta:
            return self._reasoning.more(first, texts)
        return self._call.more(texts)

    def _start(self, event: ev.MessageStart) -> bytes:
        self.output.native = event.dialect == "openai_responses"
        self._usage = event.usage
        queued = bool(self.output.native and event.extra and event.extra.get("status") == "queued")
        return self.begin(event, queued=queued)

    def begin(self, event: ev.MessageStart | None, *, queued: bool = False) -> bytes:
        """`response.created` and `response.in_progress`."""
        self._fields = fields_at_start(self._reply, event)
        if not self.output.tells_steps:
            return b""
        running = self._object("in_progress", [], None)
        if not queued:
            encoded = msgspec.Raw(encode_json(running))
            return self._frame("response.created", encoded) + self._frame("response.in_progress", encoded)
        waiting = {**running, "status": "queued"}
        return (
            self._frame("response.created", waiting)
            + self._frame("response.queued", waiting)
            + self._frame("response.in_progress", running)
        )

    def _object(self, status: str, items: list[Wire], usage: Wire | None) -> Wire:
        return response_object(self._reply, self._fields, status, items, usage)

    def _frame(self, kind: str, response: Wire | msgspec.Raw) -> bytes:
        return self.output.frame(kind, {"response": response})

    def _text_end(self, event: ev.TextEnd | ev.RefusalEnd) -> bytes:
        return self._message.end(event.extra)

    def _reasoning_start(self, event: ev.ReasoningStart) -> bytes:
        return self._message.close("completed") + self._reasoning.start(event)

    def _call_start(self, event: ev.ToolCallStart) -> bytes:
        before = self._message.close("completed")
        for blob in event.opaque:
            before += self._reasoning.carrier(call_state_text(blob, self.output.upstream))
        return before + self._call.start(event)

    def _native_start(self, event: ev.ServerToolStart) -> bytes:
        return self._message.close("completed") + self._native.start(event)

    def _run_start(self, event: ev.ToolRunStart) -> bytes:
        return self._message.close("completed") + self._runs.start(event)

    def _image(self, event: ev.ImageOutput) -> bytes:
        return self._message.close("completed") + self._runs.image(event)

    def _usage_update(self, event: ev.UsageUpdate) -> bytes:
        self._usage = event.usage
        return b""

    def _unknown(self, event: ev.Unknown) -> bytes:
        if event.dialect != "openai_responses":
            self.output.lose(f"response.{event.name}", "an event of another format")
            return b""
        if event.name == "response.content_part":
            return self._message.foreign_part(event.raw)
        return self.output.frame(event.name, {k: v for k, v in event.raw.items() if k != "type"})

    def _end(self, event: ev.MessageEnd) -> bytes:
        before = b""
        native = self.output.native
        if event.stop == "refusal" and event.explanation and not native and not self._message.refused:
            before = self._message.explain(event.explanation)
        before += self._message.close("incomplete" if event.stop in CUT else "completed") + self._runs.close()
        theirs = event.extra.get("response") if native and event.extra else None
        if native and event.raw_stop and (event.raw_stop in _ENDS or not self.output.tells_steps):
            stop = WireStop(event.raw_stop)
        else:
            stop = stop_to_wire(event.stop)
        if theirs:
            self._fields = {**self._fields, **theirs}
        elif stop.reason:
            self._fields = {**self._fields, "incomplete_details": {"reason": stop.reason}}
        usage = self._usage or (Usage() if stop.status in _ENDS else None)
        self.response = self._object(stop.status, self.output.items, usage_to_wire(usage) if usage is not None else None)
        if stop.status == "incomplete":
            self.kind = "response.incomplete"
        return before

    def ended(self) -> bytes:
        """The terminal event of a reply that went well."""
        assert self.response is not None
        return self._frame(self.kind, self.response)

    def failed(self, error: ErrorReport) -> bytes:
        """`response.failed`, after the opening events if those were not said."""
        before = b"" if self.started else self.begin(None)
        usage = usage_to_wire(self._usage) if self._usage is not None else None
        self._fields = {**self._fields, "error": failed_error(error), "incomplete_details": None}
        return before + self._frame("response.failed", self._object("failed", self.output.items, usage))


class ResponsesStreamEncoder(PieceRunEncoder):
    """See `codec.StreamEncoder`. Nothing follows the terminal event: the protocol has no `[DONE]`."""

    def __init__(self, reply: Reply) -> None:
        self._fold = _Fold(reply, Frames(reply.request_id, reply.upstream))
        self._request_id = reply.request_id
        self._over = False

    @property
    def losses(self) -> Sequence[Loss]:
        """What could not be said so far."""
        return self._fold.output.losses

    def send(self, event: Event) -> bytes:
        """The bytes for one event. An upstream's error ends the stream as `fail` does."""
        if self._over or self._fold.response is not None:  # its end may not be written yet
            raise EncodeError(f"{type(event).__name__} after the end")
        if isinstance(event, ev.UpstreamError):
            return self.fail(ErrorReport(event.code, event.message, self._request_id, param=event.param))
        return self._fold.push(event)

    def _more(self, first: Event, texts: list[str]) -> bytes:
        return self._fold.more(first, texts) if not self._over else b""

    def end(self) -> bytes:
        """`response.completed` or `response.incomplete`."""
        if self._over:
            return b""
        if self._fold.response is None:
            raise EncodeError("the end before MessageEnd")
        self._over = True
        return self._fold.ended()

    def keep_alive(self) -> bytes:
        """A comment."""
        return b": keep-alive\n\n"

    def fail(self, error: ErrorReport) -> bytes:
        """`response.failed`; after a terminal event nothing can be said any more."""
        if self._over:
            return b""
        self._over = True
        return self._fold.failed(error)


def encode_response(events: Sequence[Event], reply: Reply) -> EncodedReply:
    """A whole reply. Raises `EncodeError` for events that do not end in `MessageEnd`."""
    plain = plain_reply(events)
    if plain is not None and (encoded := encode_plain(plain, reply)) is not None:
        return encoded
    fold = _Fold(reply, Silent(reply.request_id, reply.upstream))
    for event in events:
        if isinstance(event, ev.UpstreamError):
            raise EncodeError("an error is no reply")
        fold.push(event)
    if fold.response is None:
        raise EncodeError("the events do not end in MessageEnd")
    return EncodedReply(body=encode_json(fold.response), losses=tuple(fold.output.losses))
