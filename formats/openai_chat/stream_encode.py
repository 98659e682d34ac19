"""Events to a Chat stream (wire facts 2.2).

A role frame, deltas, one `finish_reason`, a usage chunk with `choices: []` (always, RULES), `[DONE]`. Frames are built from
prefixes that are encoded once; only the text itself is encoded per event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Loss, Reply
from hyperinfer.formats.errors import EncodeError, ErrorReport
from hyperinfer.formats.lifecycle import Lifecycle, OrderError
from hyperinfer.formats.losses import lose_once
from hyperinfer.formats.openai_chat.annotations import annotation_to_wire
from hyperinfer.formats.openai_chat.call_form import is_legacy_call, is_wrapped
from hyperinfer.formats.openai_chat.call_state import state_to_client
from hyperinfer.formats.openai_chat.choice_state import ChoiceState
from hyperinfer.formats.openai_chat.errors import encode_error
from hyperinfer.formats.openai_chat.extras import merged, split_extra
from hyperinfer.formats.openai_chat.piece_frames import PieceFrames
from hyperinfer.formats.openai_chat.reasoning import detail_to_client
from hyperinfer.formats.openai_chat.stop import stop_to_wire
from hyperinfer.formats.openai_chat.tool_events import image_entry, run_record
from hyperinfer.formats.openai_chat.usage import usage_json
from hyperinfer.formats.piece_runs import PieceRunEncoder
from hyperinfer.formats.reply_losses import LostFields
from hyperinfer.formats.tool_records import FIELD
from hyperinfer.formats.usage import Usage
from hyperinfer.formats.wire import is_array

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event, Extra
    from hyperinfer.formats.opaque import Opaque

_enc = msgspec.json.encode
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
_ROLE = {"role": "assistant", "content": ""}


class ChatStreamEncoder(PieceRunEncoder):
    """A `StreamEncoder` for Chat clients."""

    def __init__(self, reply: Reply) -> None:
        self.losses: list[Loss] = []
        self._reply = reply
        self._lifecycle = Lifecycle()
        identity = {
            "id": f"gen-{reply.request_id}",
            "object": "chat.completion.chunk",
            "created": reply.created,
            "model": reply.model,
        }
        self._identity = b"data: " + _enc(identity)[:-1]
        self._same = False
        self._choices: dict[int, ChoiceState] = {0: ChoiceState()}
        places = bool(reply.conversation.plugins) or reply.upstream != "openai_chat"  # else citations have theirs
        self._pieces = PieceFrames(self._choices[0], counts_places=places)
        self._set_head({})
        self._pending: dict[str, Any] = {}  # extra fields of events that wrote no chunk
        self._usage = Usage()
        self._started = False
        self._last = b""
        self._lost = LostFields(self.losses, reply.upstream) if reply.upstream != "openai_chat" else None

    def send(self, event: Event) -> bytes:
        """The chunks for one event."""
        try:
            self._lifecycle.step(event)
        except OrderError as error:
            raise EncodeError(str(error)) from None
        choice = event.choice
        if not choice and not self._pending and (usual := self._pieces.one(event)):
            return usual
        if self._lost is not None:
            self._lost.note(event)
        first = b"" if choice in self._choices else self._open_choices(choice)
        return first + self._write(event, self._choices[choice])

    def _open_choices(self, choice: int) -> bytes:
        """The role frames of a choice and of those before it: openai-python appends choices in the order they come."""
        asked = self._reply.conversation.sampling.n or 1
        numbers = [*(range(1, choice) if choice < asked else ()), choice]
        fresh = [number for number in numbers if number not in self._choices]
        self._choices.update((number, ChoiceState()) for number in fresh)
        return b"".join(self._chunk(_ROLE, choice=number) for number in fresh)

    def _more(self, first: Event, texts: list[str]) -> bytes:
        return self._pieces.more(first, texts) if not self._pending and self._lifecycle.stays(type(first)) else b""

    def _write(self, event: Event, state: ChoiceState) -> bytes:
        match event:  # those of every reply come first
            case ev.MessageStart():
                return self._start(event)
            case ev.TextStart():
                state.place.block()
                return self._hold(event.extra)
            case ev.TextEnd(logprobs=[_, *_] as late):
                return self._chunk({}, event.extra, choice=event.choice, logprobs={"content": late, "refusal": None})
            case ev.TextEnd():
                return self._hold(event.extra)
            case ev.UsageUpdate():
                if event.round_over:
                    state.place.round()
                self._usage = event.usage
                return b""
            case ev.MessageEnd():
                self._last = self._end(event)
                return b""
            case ev.TextDelta():
                text = state.place.say(event.text)
                logprobs = {"content": event.logprobs, "refusal": None} if event.logprobs else None
                return self._chunk({"content": text}, event.extra, choice=event.choice, logprobs=logprobs)
            case ev.ArgumentsDelta():
                return self._arguments(event.text, state, event.extra, event.choice)
            case ev.ReasoningDelta():
                return self._reasoning(event, state)
            case ev.ToolCallStart():
                return self._call(event, state)
            case ev.ToolCallEnd():
                return self._call_end(event, state)
            case ev.ReasoningStart():
                state.thought, state.part, state.item_id = [], None, event.item_id
                return self._hold(event.extra)
            case ev.ReasoningEnd():
                self._hold(event.extra)
                details = [self._detail(blob, state) for blob in event.opaque]
                return self._chunk({"reasoning_details": details}, choice=event.choice) if details else b""
            case ev.RefusalDelta():
                state.refused |= bool(event.text)
                return self._chunk({"refusal": event.text}, event.extra, choice=event.choice)
            case ev.Citation():
                return self._citation(event, state)
            case ev.ChoiceEnd():
                return self._finish(event.stop, None, event.extra, event.choice)
            case ev.UpstreamError():
                return self.fail(ErrorReport(event.code, event.message, self._reply.request_id, param=event.param))
            case ev.ServerToolStart():
                lose_once(self.losses, Loss(f"response.{event.type}", "Chat has no form for this block"))
                return b""
            case ev.Unknown():
                return self._unknown(event)
            case ev.ServerToolDelta() | ev.ServerToolEnd():
                return b""
            case ev.ToolRunStart() | ev.ToolRunEnd():
                self._pending = merged(self._pending, {"once": {FIELD: run_record(event)}})
                return self._chunk({})
            case ev.ImageOutput():
                state.images += 1
                return self._chunk({"images": [{**image_entry(event), "index": state.images - 1}]})
            case ev.RefusalStart() | ev.RefusalEnd():
                return self._hold(event.extra)

    def _start(self, event: ev.MessageStart) -> bytes:
        self._started = True
        self._same = event.dialect == "openai_chat"
        if event.usage is not None:
            self._usage = event.usage
        return self._chunk(_ROLE, event.extra)

    def _set_head(self, repeated: dict[str, Any]) -> None:
        """What every chunk begins with. `repeated`: fields of the upstream's chunks."""
        self._head = self._identity + (b"," + _enc(repeated)[1:-1] if repeated else b"")
        self._pieces.set_head(self._head)

    def _hold(self, extra: Extra) -> bytes:
        if extra and self._same:
            self._pending = merged(self._pending, extra)
        return b""

    def _unknown(self, event: ev.Unknown) -> bytes:
        if self._same and event.name.startswith("delta."):
            images = event.raw.get("images")
            self._choices[0].images += len(images) if is_array(images) else 0
            return self._chunk(event.raw)
        lose_once(self.losses, Loss(f"response.{event.name}", "Chat has no form for it"))
        return b""

    def _citation(self, event: ev.Citation, state: ChoiceState) -> bytes:
        annotation = annotation_to_wire(event, self.losses, state.place.before(event))
        if annotation is None:
            return b""
        # openai-python puts lists of objects together by their `index`, and fails on a second piece without one.
        numbered = {**annotation, "index": state.annotations}
        state.annotations += 1
        return self._chunk({"annotations": [numbered]}, choice=event.choice)

    # -- reasoning

    def _reasoning(self, event: ev.ReasoningDelta, state: ChoiceState) -> bytes:
        text, part = event.text, (event.form, event.part)
        if text and not self._same and state.thought_before and state.part != part:
            text = "\n\n" + text
        state.part = part
        if text:
            state.thought_before = True
            state.thought.append(event.text if not state.thought else text)
        delta: dict[str, Any] = {"reasoning": text, "reasoning_content": text} if text else {}
        own, shared = split_extra(event.extra if self._same else None)
        if details := own.get("details"):
            delta["reasoning_details"] = [state.numbered(detail) for detail in details]
        return self._chunk(delta, shared, choice=event.choice) if delta else self._hold(shared)

    def _detail(self, blob: Opaque, state: ChoiceState) -> dict[str, Any]:
        detail = detail_to_client(
            blob,
            self._reply.upstream,
            text="".join(state.thought),
            item_id=state.item_id,
            index=state.blobs,
            after_calls=state.calls,
        )
        state.blobs += 1
        return state.numbered(detail)

    # -- calls

    def _call(self, event: ev.ToolCallStart, state: ChoiceState) -> bytes:
        state.arguments_seen = False
        own, shared = split_extra(event.extra if self._same else None)
        if is_legacy_call(event, same=self._same):
            state.form = "legacy"
            return self._chunk({"function_call": {"name": event.name, "arguments": ""}}, shared, choice=event.choice)
        state.form = "wrapped" if is_wrapped(event, self._reply, same=self._same) else event.kind
        call: dict[str, Any] = {"index": state.calls, "id": state.ids.give(event.call_id)}
        if state.form == "custom":
            call |= {"type": "custom", "custom": {"name": event.name, "input": ""}}
        else:
            call |= {"type": "function", "function": {"name": event.name, "arguments": ""}}
        call |= own
        state_to_client(call, event.opaque, self._reply.upstream)
        return self._chunk({"tool_calls": [call]}, shared, choice=event.choice)

    def _arguments(self, text: str, state: ChoiceState, extra: Extra, choice: int) -> bytes:
        if state.form == "wrapped":
            inner = _enc(text)[1:-1].decode()
            text = inner if state.arguments_seen else '{"input":"' + inner
        # A first piece that is empty is still no arguments.
        state.arguments_seen |= bool(text)
        return self._arguments_chunk(text, state, extra, choice)

    def _arguments_chunk(self, text: str, state: ChoiceState, extra: Extra, choice: int) -> bytes:
        if state.form == "legacy":
            return self._chunk({"function_call": {"arguments": text}}, extra, choice=choice)
        inner = {"custom": {"input": text}} if state.form == "custom" else {"function": {"arguments": text}}
        return self._chunk({"tool_calls": [{"index": state.calls, **inner}]}, extra, choice=choice)

    def _call_end(self, event: ev.ToolCallEnd, state: ChoiceState) -> bytes:
        self._hold(event.extra)
        last = ""
        if state.form == "wrapped":
            last = '"}' if state.arguments_seen else '{"input":""}'
        elif not state.arguments_seen and state.form != "custom":
            last = "{}"
        out = self._arguments_chunk(last, state, None, event.choice) if last else b""
        if state.form != "legacy":
            state.calls += 1
            self._pieces.next_call()
        return out

    # -- ends

    def _finish(self, stop: ev.StopReason, explanation: str | None, extra: Extra, choice: int) -> bytes:
        state = self._choices[choice]
        refused = stop == "refusal" and explanation and not state.refused
        out = self._chunk({"refusal": explanation}, choice=choice) if refused else b""
        word = stop_to_wire(stop, called_tools=state.calls > 0, called_function=state.form == "legacy")
        return out + self._chunk({}, extra, choice=choice, finish=word)

    def _end(self, event: ev.MessageEnd) -> bytes:
        own, shared = split_extra(event.extra if self._same else None)
        if event.stop_sequence is not None and (not self._same or event.raw_stop is None):
            self._pending = merged(self._pending, {"choice": {"stop_reason": event.stop_sequence}})
        out = self._finish(event.stop, event.explanation, shared, 0)
        more = b"," + _enc(own["usage"])[1:-1] if own.get("usage") else b""
        return out + self._head + more + b',"choices":[],"usage":' + bytes(usage_json(self._usage)) + b"}\n\n"

    def end(self) -> bytes:
        """The finish reason, the usage and `[DONE]`."""
        return self._last + DONE

    def keep_alive(self) -> bytes:
        """A comment."""
        return KEEP_ALIVE

    def fail(self, error: ErrorReport) -> bytes:
        """An error chunk and `[DONE]` (RULES: Streams). The role frame comes first where nothing has been said yet."""
        return (b"" if self._started else self._chunk(_ROLE)) + b"data: " + encode_error(error) + b"\n\n" + DONE

    def _chunk(
        self,
        delta: dict[str, Any],
        extra: Extra = None,
        *,
        choice: int = 0,
        logprobs: dict[str, Any] | None = None,
        finish: str | None = None,
    ) -> bytes:
        self._hold(extra)
        pending, self._pending = self._pending, {}
        if "chunk" in pending:
            self._set_head(pending["chunk"])
        head = self._head
        if once := pending.get("once"):
            head += b"," + _enc(once)[1:-1]
        fields = {
            "index": choice,
            "delta": {**pending.get("delta", {}), **delta},
            "logprobs": logprobs,
            **pending.get("choice", {}),
            "finish_reason": finish,
        }
        return head + b',"choices":[' + _enc(fields) + b"]}\n\n"
