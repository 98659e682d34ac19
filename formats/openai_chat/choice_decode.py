"""One choice of a Chat reply: its deltas, or its whole message, to events.

Blocks open and close by what a delta holds. A new tool index (or a new id under the same index, as Gemini sends) closes
the call before it. Reasoning comes in any of the fields that servers use (wire facts 2.3).

A call is complete when its arguments are complete JSON. What comes before that and belongs to another block waits behind
the call, so that interleaved calls come out one after the other and no argument arrives for a block that is closed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.backlog import Backlog
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.openai_chat.annotations import BESIDE, annotation_from_wire
from hyperinfer.formats.openai_chat.calls_decode import CallBook, CallPiece
from hyperinfer.formats.openai_chat.extras import merged, put_extra
from hyperinfer.formats.openai_chat.reasoning import FIELDS, ReasoningPiece, reasoning_length, reasoning_pieces
from hyperinfer.formats.openai_chat.stop import matched_stop, stop_from_wire
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Upstream
    from hyperinfer.formats.events import Event, Extra
    from hyperinfer.formats.opaque import Opaque
    from hyperinfer.formats.runs import Say

_MODELLED = frozenset({"role", "content", "refusal", "tool_calls", "function_call", "annotations", *FIELDS})
_MEDIA = frozenset({"audio", "images", "video"})
"""Delta fields that are content of their own, which other dialects must be told of."""
_SAID = frozenset({"role", "content", "refusal"})
_NOTHING_BESIDE: tuple[dict[str, Any], ...] = ({"logprobs": None}, {})
_BEHIND = "behind the open call"
_MOST_WAITING = 10_000
"""Pieces that wait behind a call; then the call counts as complete, whatever its arguments."""


class ChoiceDecoder:
    """State of one choice. Events go to `out`."""

    def __init__(self, index: int, upstream: Upstream, out: deque[Event]) -> None:
        self.finish_reason: str | None = None
        self._index = index
        self._upstream = upstream
        self._out = out
        self._open = ""  # text | reasoning | refusal | tool
        self._blobs: list[Opaque] = []  # of the open reasoning block
        self._thought: list[str] = []  # its text
        self._calls = CallBook(upstream.id_seed)
        self._waiting: list[Callable[[], None]] = []  # pieces of other blocks, behind an open call
        self._backlog = Backlog()  # their size
        self._stop_sequence: str | None = None
        self._extra: dict[str, Any] = {}  # extra fields that wait for an event to go with
        self._annotations: list[ev.Citation] = []  # that wait for a text

    def content(self, delta: dict[str, Any], choice: dict[str, Any], finish: str | None, levels: dict[str, Any]) -> None:
        """One delta. `choice`: the choice's other fields. `levels`: what its first event takes along from the chunk."""
        if not levels and _SAID.issuperset(delta) and choice in _NOTHING_BESIDE and self._said(delta, finish):
            return
        before = len(self._out)
        self._stop_sequence = matched_stop(choice) or self._stop_sequence
        text, refusal, calls = delta.get("content"), delta.get("refusal"), delta.get("tool_calls")
        logprobs = self._logprobs(choice, has_text=isinstance(text, str) and text != "")
        self._collect(delta, choice, levels)
        if thought := {name: value for name in FIELDS if (value := delta.get(name))}:
            self._piece(partial(self._think, thought), sum(map(reasoning_length, thought.values())))
        if isinstance(text, str) and text:
            self._piece(partial(self._text, text, logprobs), len(text))
        elif is_array(text):
            self._parts(text)
        if is_array(annotations := delta.get("annotations")):
            for raw in annotations:
                if is_object(raw):
                    self._piece(partial(self._annotation, raw), len(msgspec.json.encode(raw)))
        if isinstance(refusal, str) and refusal:
            self._piece(partial(self._refusal, refusal), len(refusal))
        if is_array(calls):
            for call in calls:
                if not is_object(call):
                    raise PeerError("a tool call is not an object")
                self._call_piece(call)
        if is_object(legacy := delta.get("function_call")) and (legacy.get("name") or legacy.get("arguments")):
            self._call_piece({"index": 0, "function": legacy, "legacy": True})
        if finish is not None:
            self.finish_reason = finish
        if self._extra and put_extra(self._out, before, self._index, self._extra):
            self._extra = {}

    def _said(self, delta: dict[str, Any], finish: str | None) -> bool:
        """A delta of nothing but text, or of nothing, as most are; whether it was one."""
        text = delta.get("content")
        if delta.get("refusal") or not (text is None or isinstance(text, str)):
            return False
        before = len(self._out)
        if text:
            self._piece(partial(self._text, text), len(text))
        if finish is not None:
            self.finish_reason = finish
        if self._extra and put_extra(self._out, before, self._index, self._extra):
            self._extra = {}
        return True

    @property
    def at_rest(self) -> bool:
        """Whether nothing waits for a later delta."""
        return not self._extra and not self._waiting and not self._annotations

    def repeater(self, kind: type[Event]) -> Say:
        """What tells more pieces of the open block, of the kind that its last delta was."""
        if kind is ev.TextDelta:
            return self._more_text
        return self._more_reasoning if kind is ev.ReasoningDelta else self._more_arguments

    def _more_text(self, texts: list[str]) -> Iterable[Event]:
        index = self._index
        return [ev.TextDelta(text, choice=index) for text in texts if text]

    def _more_reasoning(self, texts: list[str]) -> Iterable[Event]:
        index = self._index
        self._thought.extend(texts)
        return [ev.ReasoningDelta(text, choice=index) for text in texts if text]

    def _more_arguments(self, texts: list[str]) -> Iterable[Event]:
        index = self._index
        self._calls.add(*texts)
        return [ev.ArgumentsDelta(text, choice=index) for text in texts if text]

    def _open_blob(self, text: str) -> tuple[str, str]:
        return self._upstream.vendor, text

    def _logprobs(self, choice: dict[str, Any], *, has_text: bool) -> list[Any] | None:
        """Log probabilities of a text go with it; any others stay with the choice."""
        raw = choice.get("logprobs")
        if not is_object(raw) or not any(raw.values()):
            choice.pop("logprobs", None)
            return None
        content = raw.get("content")
        if has_text and is_array(content) and not raw.get("refusal"):
            del choice["logprobs"]
            return content
        return None

    def _collect(self, delta: dict[str, Any], choice: dict[str, Any], levels: dict[str, Any]) -> None:
        """Keeps the fields that are not modelled; media are an event of their own."""
        rest: dict[str, Any] = {}
        for name, value in delta.items():
            if name in _MODELLED:
                continue
            if name in _MEDIA and _says_something(value) and not self._index:
                self._out.append(ev.Unknown("openai_chat", f"delta.{name}", {name: value}))
            else:
                rest[name] = value
        if rest or choice or levels:
            own = {level: fields for level, fields in (("delta", rest), ("choice", choice)) if fields}
            self._extra = merged(self._extra, {**own, **levels})

    # -- blocks

    def _piece(self, deliver: Callable[[], None], size: int) -> None:
        """Something that does not go on with an open call: at once, or behind the call where that is not complete."""
        if not self._must_wait(partial(self._piece, deliver, size), size):
            deliver()

    def _must_wait(self, later: Callable[[], None], size: int, block: Hashable = _BEHIND) -> bool:
        """Whether the open call is not complete; then `later`, a piece of `size` characters, is called when it is. `block`:
        the call that it is of. Each call that waits may have all behind it wait again, so they are bounded in number."""
        if not self._waiting and (self._open != "tool" or self._calls.complete):
            return False
        self._backlog.hold(block, size)
        self._waiting.append(later)
        if len(self._waiting) > _MOST_WAITING:
            self._release()
        return True

    def _release(self) -> None:
        """The open call is over. What waits is delivered, as far as no other call makes it wait again."""
        self._close_block()
        self._backlog = Backlog()
        waiting, self._waiting = self._waiting, []
        for again in waiting:
            again()

    def _switch(self, block: str) -> None:
        if self._open == block:
            return
        self._close_block()
        self._open = block
        if block == "text":
            self._out.append(ev.TextStart(choice=self._index))
            self._out.extend(self._annotations)
            self._annotations = []
        elif block == "reasoning":
            self._out.append(ev.ReasoningStart(choice=self._index))
        elif block == "refusal":
            self._out.append(ev.RefusalStart(choice=self._index))

    def _close_block(self) -> None:
        """Closes the open block."""
        block, self._open = self._open, ""
        if block == "text":
            self._out.append(ev.TextEnd(choice=self._index))
        elif block == "reasoning":
            self._out.append(ev.ReasoningEnd(tuple(self._blobs), choice=self._index))
            self._blobs, self._thought = [], []
        elif block == "refusal":
            self._out.append(ev.RefusalEnd(choice=self._index))
        elif block == "tool":
            self._out.append(ev.ToolCallEnd(choice=self._index))
            self._calls.close()

    def _text(self, text: str, logprobs: list[Any] | None = None) -> None:
        self._switch("text")
        self._out.append(ev.TextDelta(text, logprobs=logprobs, choice=self._index))

    def _refusal(self, text: str) -> None:
        self._switch("refusal")
        self._out.append(ev.RefusalDelta(text, choice=self._index))

    def _think(self, fields: dict[str, Any]) -> None:
        """The reasoning of one delta, which may repeat what was thought before its turn came, not only before it arrived."""
        for piece in reasoning_pieces(fields, self._open_blob, self._thought):
            self._reasoning(piece)

    def _reasoning(self, piece: ReasoningPiece) -> None:
        if self._blobs and self._open == "reasoning":
            self._close_block()  # a blob ends its block
        self._switch("reasoning")
        if piece.blob is not None:
            self._blobs.append(piece.blob)
            return
        extra = {"details": piece.details} if piece.details else None
        self._thought.append(piece.text)
        self._out.append(ev.ReasoningDelta(piece.text, form=piece.form, extra=extra, choice=self._index))
        if piece.last:
            self._close_block()

    def _parts(self, parts: list[Any]) -> None:
        """Content as an array (Mistral): thinking parts are reasoning, text parts text, others are passed on."""
        for part in parts:
            if not is_object(part):
                continue
            kind, text = part.get("type"), part.get("text")
            if kind == "thinking":
                inner = part.get("thinking")
                thought = inner if isinstance(inner, str) else _joined_text(inner)
                if thought:
                    self._piece(partial(self._reasoning, ReasoningPiece(thought)), len(thought))
            elif isinstance(text, str):
                if text:
                    self._piece(partial(self._text, text), len(text))
            else:
                self._out.append(ev.Unknown("openai_chat", f"content.{kind}", {"content": [part]}))

    def _annotation(self, raw: dict[str, Any]) -> None:
        self.cite(annotation_from_wire(raw, self._index))

    def cite(self, source: ev.Citation) -> None:
        """A source of the open text, or of the next one."""
        if self._open == "text":
            self._out.append(source)
        else:
            self._annotations.append(source)

    # -- calls

    def _call_piece(self, call: dict[str, Any]) -> None:
        self._route(self._calls.piece(call, self._open_blob))

    def _route(self, piece: CallPiece) -> None:
        """A piece of the open call, or one that may have to wait behind it."""
        if not piece.begins and self._open == "tool" and piece.ordinal == self._calls.current:
            self._arguments(piece)
            if self._waiting and piece.arguments.rstrip().endswith("}") and self._calls.complete:
                self._release()
        elif not self._must_wait(partial(self._route, piece), len(piece.arguments), piece.ordinal):
            self._call(piece)

    def _call(self, piece: CallPiece) -> None:
        if piece.begins:
            self._close_block()
            self._open = "tool"
            self._calls.open(piece)
            self._out.append(
                ev.ToolCallStart(
                    piece.call_id, piece.name, piece.kind, opaque=piece.state, extra=piece.extra, choice=self._index
                )
            )
        elif piece.arguments and (self._open != "tool" or piece.ordinal != self._calls.current):
            raise PeerError("arguments arrived for a tool call that was over")
        self._arguments(piece)

    def _arguments(self, piece: CallPiece) -> None:
        if piece.arguments:
            self._calls.add(piece.arguments)
            self._out.append(ev.ArgumentsDelta(piece.arguments, choice=self._index))

    # -- ends

    def close(self) -> None:
        """The choice is over: delivers what waits, closes the open block."""
        while self._waiting:
            self._release()
        self._close_block()
        if own := [source.raw for source in self._annotations if source.raw.keys().isdisjoint(BESIDE)]:
            self._extra = merged(self._extra, {"delta": {"annotations": own}})

    def end_choice(self) -> None:
        """The end of a further choice."""
        self.close()
        self._out.append(ev.ChoiceEnd(self._stop(), extra=self._extra or None, choice=self._index))

    def end_message(self, levels: dict[str, Any], usage_extra: Extra) -> None:
        """The end of the reply, by choice 0, which is closed already."""
        extra = merged(self._extra, levels)
        if usage_extra:
            extra["usage"] = usage_extra
        stop = self._stop()
        sequence = self._stop_sequence if stop == "stop" else None
        self._out.append(
            ev.MessageEnd(
                "stop_sequence" if sequence else stop,
                stop_sequence=sequence,
                raw_stop=self.finish_reason,
                extra=extra or None,
            )
        )

    def _stop(self) -> ev.StopReason:
        return stop_from_wire(self.finish_reason, called_tools=self._calls.any)


def _says_something(value: object) -> bool:
    """Not so an object of empty values, which some servers send beside every message."""
    return any(value.values()) if is_object(value) else bool(value)


def _joined_text(parts: object) -> str:
    if not is_array(parts):
        return ""
    return "".join(text for part in parts if is_object(part) and isinstance(text := part.get("text"), str))
