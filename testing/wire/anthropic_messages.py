"""Replies as Anthropic's Messages API writes them, down to the spaces behind its events and the ping behind the first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from hyperinfer.testing.parts import (
    Citation,
    CustomToolCall,
    ErrorEvent,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Reply,
    Said,
    Text,
    ToolCall,
)
from hyperinfer.testing.wire import errors
from hyperinfer.testing.wire.frames import Asked, Frame, compact, counted, event, json_bytes, mint

_STOP = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "content_filter": "refusal",
    "context_window": "model_context_window_exceeded",
    "pause": "pause_turn",
}
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'


class MessagesWriter:
    """One reply. `start`, then each part in its order, then `finish` or `fail`; or `whole`."""

    def __init__(self, reply: Reply, asked: Asked) -> None:
        self._reply, self._asked = reply, asked
        self._blocks = self._frames = 0

    def start(self) -> Iterator[Frame]:
        usage = {**self._usage(), "output_tokens": 1}
        usage.pop("output_tokens_details")
        yield self._event("message_start", message=self._message([], {"stop_reason": None, "stop_sequence": None}, usage))

    def part(self, part: Said) -> Iterator[Frame]:
        match part:
            case Text():
                yield from self._open({"type": "text", "text": ""})
                for piece in part.pieces:
                    yield self._delta(piece, type="text_delta", text=piece)
                for citation in part.citations:
                    yield self._delta(None, type="citations_delta", citation=_cited(citation, part.text))
            case Reasoning():
                yield from self._open({"type": "thinking", "thinking": "", "signature": ""})
                for piece in part.pieces:
                    yield self._delta(piece, type="thinking_delta", thinking=piece)
                yield self._delta(None, type="signature_delta", signature=part.signature)
            case RedactedReasoning():
                yield from self._open({"type": "redacted_thinking", "data": part.data})
            case ToolCall():
                yield from self._open(
                    {"type": "tool_use", "id": self._id(part, self._blocks), "name": part.name, "input": {}}
                )
                yield self._delta(None, type="input_json_delta", partial_json="")
                for piece in part.pieces if part.text != "{}" else ():
                    yield self._delta(piece, type="input_json_delta", partial_json=piece)
            case CustomToolCall():
                raise ValueError(f"Messages has no custom tools: {part!r}")
            case Refusal():
                return
        yield self._event("content_block_stop", index=self._blocks)
        self._blocks += 1

    def finish(self) -> Iterator[Frame]:
        usage = self._usage()
        kept = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
        details = {"output_tokens_details": usage["output_tokens_details"]}
        yield self._event("message_delta", delta=self._stop(), usage={key: usage[key] for key in kept} | details)
        yield self._event("message_stop")

    def fail(self, error: ErrorEvent) -> Iterator[Frame]:
        yield Frame(event(errors.anthropic(error.status, error.message)))

    def whole(self) -> str:
        content: list[dict[str, Any]] = []
        for part in self._reply.parts:
            match part:
                case Text():
                    block: dict[str, Any] = {"type": "text", "text": part.text}
                    if part.citations:
                        block["citations"] = [_cited(citation, part.text) for citation in part.citations]
                    content.append(block)
                case Reasoning():
                    content.append({"type": "thinking", "thinking": part.text, "signature": part.signature})
                case RedactedReasoning():
                    content.append({"type": "redacted_thinking", "data": part.data})
                case ToolCall():
                    called = {"type": "tool_use", "id": self._id(part, len(content)), "name": part.name}
                    content.append({**called, "input": _object(part)})
                case CustomToolCall():
                    raise ValueError(f"Messages has no custom tools: {part!r}")
                case _:
                    pass
        usage = {**self._usage(), "service_tier": "standard"}
        return compact(self._message(content, self._stop(), usage))

    def _message(self, content: list[dict[str, Any]], stop: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
        return {
            "model": self._reply.model or self._asked.model,
            "id": mint("message", self._asked.number),
            "type": "message",
            "role": "assistant",
            "content": content,
            **stop,
            "usage": {**usage, "service_tier": "standard"},
        }

    def _stop(self) -> dict[str, Any]:
        stop: dict[str, Any] = {"stop_reason": _STOP[self._reply.stop], "stop_sequence": self._reply.stop_sequence}
        if stop["stop_reason"] == "refusal":
            words = "".join(part.text for part in self._reply.parts if isinstance(part, Refusal)) or None
            stop["stop_details"] = {"type": "refusal", "category": None, "explanation": words}
        return stop

    def _id(self, call: ToolCall, index: int) -> str:
        return mint("toolu", self._asked.number, index) if call.id is None else call.id

    def _usage(self) -> dict[str, Any]:
        usage = counted(self._reply)
        return {
            "input_tokens": usage.input - usage.cached - usage.cache_written,
            "cache_creation_input_tokens": usage.cache_written,
            "cache_read_input_tokens": usage.cached,
            "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": usage.output or 0,
            "output_tokens_details": {"thinking_tokens": usage.reasoning or 0},
        }

    def _open(self, block: dict[str, Any]) -> Iterator[Frame]:
        yield self._event("content_block_start", index=self._blocks, content_block=block)
        if not self._blocks:
            yield Frame(_PING)

    def _delta(self, piece: str | None, **delta: Any) -> Frame:
        return Frame(self._event("content_block_delta", index=self._blocks, delta=delta).data, delta=piece is not None)

    def _event(self, name: str, **fields: Any) -> Frame:
        self._frames += 1
        text = compact({"type": name, **fields})
        # The vendor puts spaces before the last brace, more or fewer of them.
        spaces = " " * (self._frames * 7 % 15)
        return Frame(json_bytes(f"event: {name}\ndata: {text[:-1]}{spaces}}}\n\n"))


def _cited(citation: Citation, text: str) -> dict[str, Any]:
    return {
        "type": "web_search_result_location",
        "cited_text": citation.quote or text,
        "url": citation.url,
        "title": citation.title,
        "encrypted_index": "Eo8BCioIAhgBIiQ=",
    }


def _object(call: ToolCall) -> dict[str, Any]:
    """The arguments as an object: also of a call that broke off, for which there is none."""
    try:
        value: Any = json.loads(call.text or "{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
