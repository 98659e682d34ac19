"""Events to content blocks of a Messages reply: the one place that decides, for streams and whole replies alike.

`ReplyWriter` says what blocks, deltas and ends there are; a `Sink` writes them as frames or gathers them into a message.

From an upstream that speaks Messages, blocks are opened as they come and nothing is changed. From others, a text or
thinking block is opened with its first content, so that a client never keeps an empty one, which it could not send back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from hyperinfer.formats import events as ev
from hyperinfer.formats import ids
from hyperinfer.formats.anthropic_messages.call_writer import CallWriter
from hyperinfer.formats.anthropic_messages.reasoning_blob import blob_text
from hyperinfer.formats.anthropic_messages.run_writer import RunWriter
from hyperinfer.formats.anthropic_messages.stop import encode_stop, own_word
from hyperinfer.formats.anthropic_messages.usage import DIALECT, encode_usage
from hyperinfer.formats.codec import Loss, Reply
from hyperinfer.formats.losses import lose_once
from hyperinfer.formats.reply_losses import LostFields
from hyperinfer.formats.usage import Usage
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages.reply_sink import Sink
    from hyperinfer.formats.events import Event, Extra

Wire = dict[str, Any]


class ReplyWriter:
    """Writes one reply. `streaming`: the type of event that is now one delta of the open block and nothing else."""

    def __init__(self, reply: Reply, sink: Sink) -> None:
        self.losses: list[Loss] = []
        self.streaming: type[Event] | None = None
        self._reply = reply
        self._sink = sink
        self._same = False
        self._pending: Event | None = None  # a block that opens with its first content
        self._sources: list[Wire] = []  # citations that came before any of the text
        self._open = False
        self._part: tuple[str, int] | None = None  # of the last reasoning delta
        self._refusal: list[str] | None = None
        self._call: CallWriter | None = None
        self._has_call = False
        self._ids = ids.DistinctIds(ids.anthropic_call_id)
        self._skipping = False  # a server tool that only another dialect knows
        self._runs = RunWriter(sink)
        self._usage: Usage | None = None
        self._choices: set[int] = set()
        self._lost = LostFields(self.losses, reply.upstream) if reply.upstream != DIALECT else None

    def write(self, event: Event) -> None:
        """Writes one event of choice 0. The order has been checked."""
        if event.choice:
            if event.choice not in self._choices:
                self._choices.add(event.choice)
                self._lose(f"choices[{event.choice}]", "Messages has one answer")
            return
        if self._lost is not None:
            self._lost.note(event)
        self.streaming = None
        handler = self._HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def _lose(self, path: str, reason: str) -> None:
        lose_once(self.losses, Loss(f"response.{path}", reason))

    def _extra(self, extra: Extra, place: str) -> Wire:
        found = extra.get(place) if extra and self._same else None
        return found if is_object(found) else {}

    def _message_start(self, event: ev.MessageStart) -> None:
        self._same = event.dialect == DIALECT
        self._usage = event.usage
        message: Wire = {
            "id": f"msg_{self._reply.request_id}",
            "type": "message",
            "role": "assistant",
            "model": self._reply.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            **self._extra(event.extra, "message"),
            "usage": encode_usage(event.usage or Usage()),
        }
        self._sink.start(message, self._extra(event.extra, "event"))

    # Text and refusals

    def _text_start(self, event: ev.TextStart | ev.RefusalStart) -> None:
        self._pending = event
        if isinstance(event, ev.RefusalStart):
            self._refusal = self._refusal or []
        elif self._same:
            self._open_text()
            self.streaming = ev.TextDelta

    def _open_text(self) -> None:
        if self._pending is not None:
            extra, self._pending = getattr(self._pending, "extra", None), None
            self._sink.open({"type": "text", "text": "", **self._extra(extra, "block")}, self._extra(extra, "event"))
            self._open = True
            for citation in self._sources:
                self._sink.delta({"type": "citations_delta", "citation": citation}, {})
            self._sources = []

    def _text_delta(self, event: ev.TextDelta) -> None:
        if event.logprobs:
            self._lose_logprobs()
        if event.text or self._same:
            self._open_text()
            delta = {"type": "text_delta", "text": event.text, **self._extra(event.extra, "delta")}
            self._sink.delta(delta, self._extra(event.extra, "event"))
        if self._open:
            self.streaming = ev.TextDelta

    def _refusal_delta(self, event: ev.RefusalDelta) -> None:
        if self._refusal is not None and event.text:
            self._refusal.append(event.text)
            self._open_text()
            self._sink.delta({"type": "text_delta", "text": event.text}, {})

    def _citation(self, event: ev.Citation) -> None:
        if event.dialect == DIALECT:
            citation = event.raw
        elif event.url:
            citation = {
                "type": "web_search_result_location",
                "url": event.url,
                "title": event.title,
                "cited_text": event.cited_text or "",
                "encrypted_index": "",  # the request encoder knows by this that it is none of Anthropic's
            }
        else:
            self._lose(str(event.raw.get("type", "citation")), "a citation without a URL")
            return
        if self._open:
            self._sink.delta({"type": "citations_delta", "citation": citation}, {})
            self.streaming = ev.TextDelta
        else:
            self._sources.append(citation)

    def _block_end(self, event: ev.TextEnd | ev.RefusalEnd) -> None:
        self._pending = None
        if isinstance(event, ev.TextEnd) and event.logprobs:
            self._lose_logprobs()
        if self._sources:  # a client could not send an empty text back
            self._lose(str(self._sources[0]["type"]), "sources of a text that had ended before")
            self._sources = []
        self._close(event.extra)

    def _lose_logprobs(self) -> None:
        place = "choices[0]" if self._reply.upstream == "openai_chat" else "output[].content[]"
        self._lose(f"{place}.logprobs", "Messages tells no probabilities of tokens")

    def _close(self, extra: Extra) -> None:
        if self._open:
            self._open = False
            self._sink.close(self._extra(extra, "event"))

    # Reasoning

    def _reasoning_start(self, event: ev.ReasoningStart) -> None:
        self._pending, self._part = event, None
        if self._same and not (event.extra or {}).get("redacted"):
            self._open_thinking()

    def _open_thinking(self) -> None:
        extra = getattr(self._pending, "extra", None)
        self._pending = None
        block = {"type": "thinking", "thinking": "", "signature": "", **self._extra(extra, "block")}
        self._sink.open(block, self._extra(extra, "event"))
        self._open = True

    def _reasoning_delta(self, event: ev.ReasoningDelta) -> None:
        if not event.text and not self._same:
            return
        if not self._open:
            self._open_thinking()
        text, part = event.text, (event.form, event.part)
        if self._part is not None and part != self._part:
            text = "\n\n" + text
        self._part = part
        self.streaming = ev.ReasoningDelta
        delta = {"type": "thinking_delta", "thinking": text, **self._extra(event.extra, "delta")}
        self._sink.delta(delta, self._extra(event.extra, "event"))

    def is_same_part(self, event: ev.ReasoningDelta) -> bool:
        """Whether the piece goes on with the part of the last one."""
        return self._part == (event.form, event.part)

    def _reasoning_end(self, event: ev.ReasoningEnd) -> None:
        blobs = list(event.opaque)
        if self._open:
            signature = next((blob for blob in blobs if blob.kind != "redacted"), None)
            if signature is not None:
                blobs.remove(signature)
                text = blob_text(signature, self._reply.upstream, "signature")
                self._sink.delta({"type": "signature_delta", "signature": text}, {})
            elif not self._same:  # as llama.cpp does: the AI SDK gives back only thinking that had some signature
                self._sink.delta({"type": "signature_delta", "signature": ""}, {})
            self._close(event.extra)
        for blob in blobs:
            if blob.kind != "redacted":
                self._signed_block(blob_text(blob, self._reply.upstream, "signature"))
                continue
            opened = getattr(self._pending, "extra", None)
            data = blob_text(blob, self._reply.upstream, "redacted")
            block = {"type": "redacted_thinking", "data": data, **self._extra(opened, "block")}
            self._sink.open(block, self._extra(opened, "event"))
            self._sink.close(self._extra(event.extra, "event"))
        self._pending = None

    def _signed_block(self, signature: str) -> None:
        """A thinking block that holds nothing but a signature."""
        self._sink.open({"type": "thinking", "thinking": "", "signature": ""}, {})
        self._sink.delta({"type": "signature_delta", "signature": signature}, {})
        self._sink.close({})

    # Tool calls

    def _call_start(self, event: ev.ToolCallStart) -> None:
        for blob in event.opaque:  # Messages has no field for it on the call: a thinking block before it carries it
            self._signed_block(blob_text(blob, self._reply.upstream, "signature", of_call=True))
        block: Wire = {
            "type": "tool_use",
            "id": self._ids.give(event.call_id),
            "name": event.name,
            "input": {},
            **self._extra(event.extra, "block"),
        }
        self._sink.open(block, self._extra(event.extra, "event"))
        self._has_call = True
        self._call = CallWriter(event.kind, trusted=self._same)
        if self._call.flows:
            self.streaming = ev.ArgumentsDelta

    def _arguments(self, event: ev.ArgumentsDelta) -> None:
        assert self._call is not None
        text = self._call.push(event.text)
        if text or event.extra:
            delta = {"type": "input_json_delta", "partial_json": text, **self._extra(event.extra, "delta")}
            self._sink.delta(delta, self._extra(event.extra, "event"))
        if self._call.flows:
            self.streaming = ev.ArgumentsDelta

    def wrote_arguments(self, texts: Sequence[str]) -> None:
        """Arguments, none of them empty, were written past `write`, as `streaming` allows."""
        if self._call is not None:
            self._call.passed(texts)

    def _call_end(self, event: ev.ToolCallEnd) -> None:
        assert self._call is not None
        text = self._call.finish()
        if text is not None:
            self._sink.delta({"type": "input_json_delta", "partial_json": text}, {})
        if self._call.broken:
            self._lose("tool_use.input", "the arguments are no JSON")
        self._call = None
        self._sink.close(self._extra(event.extra, "event"))

    # What only one dialect knows

    def _native_start(self, event: ev.ServerToolStart) -> None:
        self._skipping = event.dialect != DIALECT
        if self._skipping:
            self._lose(event.type, f"Messages has no {event.type}")
        else:
            self._sink.open(event.item, {})

    def _native_delta(self, event: ev.ServerToolDelta) -> None:
        if not self._skipping:
            self._sink.delta(event.raw, {})

    def _native_end(self, event: ev.ServerToolEnd) -> None:
        if not self._skipping:
            self._sink.close({}, event.item)
        self._skipping = False

    def _unknown(self, event: ev.Unknown) -> None:
        if event.dialect == DIALECT:
            self._sink.other(event.name, event.raw)
        else:
            self._lose(event.name or "unknown", "an event that Messages does not have")

    def _run_start(self, event: ev.ToolRunStart) -> None:
        self._runs.start(event)

    def _run_end(self, event: ev.ToolRunEnd) -> None:
        self._runs.end(event)

    def _image(self, event: ev.ImageOutput) -> None:
        self._runs.image(event)

    # The end

    def _count(self, event: ev.UsageUpdate) -> None:
        self._usage = event.usage

    def _message_end(self, event: ev.MessageEnd) -> None:
        stops = self._reply.conversation.sampling.stop or ()
        refused = self._refusal is not None
        reason, sequence = encode_stop(event, has_call=self._has_call, refused=refused, stops=stops)
        if self._same and (word := own_word(event)) is not None:
            reason = word
        delta: Wire = {"stop_reason": reason, "stop_sequence": sequence, **self._extra(event.extra, "delta")}
        if reason == "refusal" and not delta.get("stop_details"):
            explanation = event.explanation or "".join(self._refusal or ()) or None
            delta["stop_details"] = {"type": "refusal", "category": None, "explanation": explanation}
        usage = self._runs.counted(encode_usage(self._usage or Usage()))
        self._sink.end(delta, usage, self._extra(event.extra, "event"), self._extra(event.extra, "stop"))

    _HANDLERS: ClassVar[dict[type[Event], Callable[[ReplyWriter, Any], None]]] = {
        ev.MessageStart: _message_start,
        ev.TextStart: _text_start,
        ev.TextDelta: _text_delta,
        ev.Citation: _citation,
        ev.TextEnd: _block_end,
        ev.RefusalStart: _text_start,
        ev.RefusalDelta: _refusal_delta,
        ev.RefusalEnd: _block_end,
        ev.ReasoningStart: _reasoning_start,
        ev.ReasoningDelta: _reasoning_delta,
        ev.ReasoningEnd: _reasoning_end,
        ev.ToolCallStart: _call_start,
        ev.ArgumentsDelta: _arguments,
        ev.ToolCallEnd: _call_end,
        ev.ServerToolStart: _native_start,
        ev.ServerToolDelta: _native_delta,
        ev.ServerToolEnd: _native_end,
        ev.ToolRunStart: _run_start,
        ev.ToolRunEnd: _run_end,
        ev.ImageOutput: _image,
        ev.Unknown: _unknown,
        ev.UsageUpdate: _count,
        ev.MessageEnd: _message_end,
    }
