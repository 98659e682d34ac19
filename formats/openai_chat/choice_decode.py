"""One choice of a Chat reply: its deltas, or its whole message, to events.

Blocks open and close by what a delta holds. A new tool index (or a new id under the same index, as Gemini sends) closes
the call before it. Reasoning comes in any of the fields that servers use (wire facts 2.3).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.openai_chat.reasoning import ReasoningPiece, reasoning_pieces
from hyperinfer.formats.openai_chat.stop import matched_stop, stop_from_wire

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Upstream
    from hyperinfer.formats.events import Event, Extra
    from hyperinfer.formats.opaque import Opaque


class ChoiceDecoder:
    """State of one choice."""

    def __init__(self, index: int, upstream: Upstream) -> None:
        self.finish_reason: str | None = None
        self._index = index
        self._upstream = upstream
        self._open = ""  # text | reasoning | refusal | tool
        self._blobs: list[Opaque] = []
        self._ids: list[str] = []  # of the calls so far
        self._wire: dict[int, int] = {}  # wire index to the number of the last call under it
        self._current: int | None = None  # number of the open call
        self._stop_sequence: str | None = None
        self._waiting: dict[str, Any] = {}  # extra fields that wait for an event to go with
        self._citations: list[dict[str, Any]] = []

    def content(
        self,
        delta: dict[str, Any],
        choice: dict[str, Any],
        finish: str | None,
        once: dict[str, Any],
        out: deque[Event],
    ) -> None:
        """One delta. `choice`: the choice's other fields. `once`: chunk fields that go with the first event of it."""
        before = len(out)
        self._stop_sequence = matched_stop(choice) or self._stop_sequence
        logprobs = choice.pop("logprobs", None)
        pieces = reasoning_pieces(delta, self._blob)
        text, refusal = delta.pop("content", None), delta.pop("refusal", None)
        calls, legacy = delta.pop("tool_calls", None), delta.pop("function_call", None)
        annotations = delta.pop("annotations", None)
        delta.pop("role", None)
        extra = self._extra(delta, choice, once)
        for piece in pieces:
            self._reasoning(piece, out)
        if isinstance(text, list):
            text = self._parts(text, out)
        if isinstance(text, str) and text:
            self._switch("text", out)
            out.append(ev.TextDelta(text, logprobs=_logprobs(logprobs, "content"), choice=self._index))
        if isinstance(refusal, str) and refusal:
            self._switch("refusal", out)
            out.append(ev.RefusalDelta(refusal, choice=self._index))
        if isinstance(annotations, list):
            self._annotations(annotations, out)
        if isinstance(calls, list):
            for call in calls:
                if not isinstance(call, dict):
                    raise PeerError("a tool call is not an object")
                self._tool_call(call, out)
        if isinstance(legacy, dict) and (legacy.get("name") or legacy.get("arguments")):
            self._tool_call({"index": 0, "function": legacy, "legacy": True}, out)
        if finish is not None:
            self.finish_reason = finish
        if extra:
            if len(out) > before:
                _put_extra(out, before, extra)
            else:
                self._waiting = _merged(self._waiting, extra)

    def _blob(self, text: str) -> tuple[str, str]:
        return self._upstream.vendor, text

    def _extra(self, delta: dict[str, Any], choice: dict[str, Any], once: dict[str, Any]) -> dict[str, Any]:
        extra: dict[str, Any] = {}
        if delta:
            extra["delta"] = delta
        if choice:
            extra["choice"] = choice
        if once:
            extra["once"] = once
        if self._waiting:
            extra, self._waiting = _merged(self._waiting, extra), {}
        return extra

    def _switch(self, block: str, out: deque[Event]) -> None:
        if self._open == block:
            return
        self.close(out)
        self._open = block
        if block == "text":
            out.append(ev.TextStart(choice=self._index))
            for raw in self._citations:
                out.append(_citation(raw, self._index))
            self._citations = []
        elif block == "reasoning":
            out.append(ev.ReasoningStart(choice=self._index))
        elif block == "refusal":
            out.append(ev.RefusalStart(choice=self._index))

    def close(self, out: deque[Event]) -> None:
        """Closes the open block."""
        block, self._open = self._open, ""
        if block == "text":
            out.append(ev.TextEnd(choice=self._index))
        elif block == "reasoning":
            out.append(ev.ReasoningEnd(tuple(self._blobs), choice=self._index))
            self._blobs = []
        elif block == "refusal":
            out.append(ev.RefusalEnd(choice=self._index))
        elif block == "tool":
            out.append(ev.ToolCallEnd(choice=self._index))
            self._current = None

    def _reasoning(self, piece: ReasoningPiece, out: deque[Event]) -> None:
        if not (piece.text or piece.blob or piece.details):
            return
        self._switch("reasoning", out)
        if piece.text or piece.details:
            extra = {"details": piece.details} if piece.details else None
            out.append(ev.ReasoningDelta(piece.text, form=piece.form, extra=extra, choice=self._index))
        if piece.blob:
            self._blobs.append(piece.blob)

    def _parts(self, parts: list[Any], out: deque[Event]) -> str:
        """Content as an array (Mistral): thinking parts become reasoning, text parts are joined."""
        text = ""
        for part in parts:
            if not isinstance(part, dict):
                continue
            if part.get("type") == "thinking":
                inner = part.get("thinking")
                thought = inner if isinstance(inner, str) else _joined_text(inner)
                self._reasoning(ReasoningPiece(thought), out)
            elif isinstance(part.get("text"), str):
                text += part["text"]
        return text

    def _annotations(self, annotations: list[Any], out: deque[Event]) -> None:
        for raw in annotations:
            if not isinstance(raw, dict):
                continue
            if self._open == "text":
                out.append(_citation(raw, self._index))
            else:
                self._citations.append(raw)

    def _tool_call(self, call: dict[str, Any], out: deque[Event]) -> None:
        # Only the first piece of a call has its type.
        custom = call.get("custom") if call.get("type") == "custom" or "function" not in call else None
        function = custom if isinstance(custom, dict) else call.get("function")
        function = function if isinstance(function, dict) else {}
        raw_id, name = call.get("id"), function.get("name")
        arguments = function.get("input" if custom else "arguments")
        ordinal = self._ordinal(call.get("index"), raw_id, name)
        if ordinal == len(self._ids):
            if not isinstance(name, str) or not name:
                raise PeerError("a tool call begins without a name")
            self.close(out)
            self._open, self._current = "tool", ordinal
            call_id = raw_id if isinstance(raw_id, str) and raw_id else f"call_{self._upstream.id_seed}_{ordinal}"
            self._ids.append(call_id)
            extra = {k: v for k, v in call.items() if k not in ("index", "id", "type", "function", "custom")}
            out.append(
                ev.ToolCallStart(
                    call_id,
                    name,
                    "custom" if custom is not None else "function",
                    extra=extra or None,
                    choice=self._index,
                )
            )
        if arguments is not None and not isinstance(arguments, str):  # Ollama's native form, an object
            arguments = msgspec.json.encode(arguments).decode()
        if arguments:
            if self._open != "tool" or self._current != ordinal:
                raise PeerError("arguments arrived for a tool call that was over")
            out.append(ev.ArgumentsDelta(arguments, choice=self._index))

    def _ordinal(self, index: object, raw_id: object, name: object) -> int:
        """Which call a piece belongs to: the number of an earlier one, or `len(self._ids)` for the next."""
        fresh = len(self._ids)
        has_id = isinstance(raw_id, str) and raw_id != ""
        if isinstance(index, int):
            known = self._wire.get(index)
            if known is None or (has_id and name and self._ids[known] != raw_id):
                self._wire[index] = known = fresh  # also another call under the same index, as Gemini sends
            return known
        if has_id:
            return self._ids.index(raw_id) if raw_id in self._ids else fresh
        return fresh if name or self._current is None else self._current

    def choice_end(self) -> Event:
        """The end of a further choice."""
        return ev.ChoiceEnd(self._stop(), extra=self._waiting or None, choice=self._index)

    def message_end(self, once: dict[str, Any], usage_extra: Extra) -> Event:
        """The end of the reply, by choice 0."""
        extra = dict(self._waiting)
        if once:
            extra["once"] = {**extra.get("once", {}), **once}
        if usage_extra:
            extra["usage"] = usage_extra
        if self._citations:
            extra["delta"] = {**extra.get("delta", {}), "annotations": self._citations}
        stop = self._stop()
        sequence = self._stop_sequence if stop == "stop" else None
        return ev.MessageEnd(
            "stop_sequence" if sequence else stop,
            stop_sequence=sequence,
            raw_stop=self.finish_reason,
            extra=extra or None,
        )

    def _stop(self) -> ev.StopReason:
        return stop_from_wire(self.finish_reason, called_tools=bool(self._ids))


def _logprobs(value: object, field: str) -> list[Any] | None:
    inner = value.get(field) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) and inner else None


def _citation(raw: dict[str, Any], choice: int) -> ev.Citation:
    inner = raw.get("url_citation")
    source: dict[str, Any] = inner if isinstance(inner, dict) else raw
    return ev.Citation(
        "openai_chat",
        raw,
        url=_text(source.get("url")),
        title=_text(source.get("title")),
        cited_text=_text(source.get("content")),
        start=_number(source.get("start_index")),
        end=_number(source.get("end_index")),
        choice=choice,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _joined_text(parts: object) -> str:
    if not isinstance(parts, list):
        return ""
    return "".join(p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str))


def _put_extra(out: deque[Event], start: int, extra: dict[str, Any]) -> None:
    """Gives `extra` to the first event from `start` on that can carry it. There is one: annotations only follow a
    text."""
    for place in range(start, len(out)):
        event = out[place]
        if hasattr(event, "extra"):
            out[place] = msgspec.structs.replace(event, extra=_merged(extra, event.extra or {}))
            return


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    merged = dict(first)
    for key, value in second.items():
        old = merged.get(key)
        merged[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
