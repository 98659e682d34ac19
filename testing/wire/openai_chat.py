"""Replies as OpenAI's Chat Completions writes them, with `reasoning_content` as compatible servers have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
from hyperinfer.testing.wire.frames import Asked, Frame, compact, counted, data, mint, obfuscation, stream_options

_FINISH = {
    "end": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "stop_sequence": "stop",
    "refusal": "stop",
    "content_filter": "content_filter",
    "context_window": "length",
    "pause": "stop",
}


class ChatWriter:
    """One reply. `start`, then each part in its order, then `finish` or `fail`; or `whole`."""

    def __init__(self, reply: Reply, asked: Asked) -> None:
        self._reply, self._asked = reply, asked
        options = stream_options(asked)
        self._with_usage = bool(options.get("include_usage"))
        self._padded = options.get("include_obfuscation") is not False
        self._calls = self._chunks = self._length = 0

    def start(self) -> Iterator[Frame]:
        first = self._reply.parts[0] if self._reply.parts else None
        content = None if isinstance(first, ToolCall | CustomToolCall) else ""
        yield self._delta({"role": "assistant", "content": content, "refusal": None})

    def part(self, part: Said) -> Iterator[Frame]:
        match part:
            case Text():
                yield from (self._delta({"content": piece}, piece) for piece in part.pieces)
                if part.citations:
                    begin, self._length = self._length, self._length + len(part.text)
                    yield self._delta({"annotations": _annotations(part, begin)})
                else:
                    self._length += len(part.text)
            case Reasoning():
                yield from (self._delta({"reasoning_content": piece}, piece) for piece in part.pieces)
            case Refusal():
                yield from (self._delta({"refusal": piece}, piece) for piece in part.pieces)
            case ToolCall() | CustomToolCall():
                index, self._calls = self._calls, self._calls + 1
                kind, field = ("function", "arguments") if isinstance(part, ToolCall) else ("custom", "input")
                call = {"index": index, "id": self._id(part, index), "type": kind}
                yield self._delta({"tool_calls": [{**call, kind: {"name": part.name, field: ""}}]})
                for piece in part.pieces:
                    yield self._delta({"tool_calls": [{"index": index, kind: {field: piece}}]}, piece)
            case RedactedReasoning():
                pass

    def finish(self) -> Iterator[Frame]:
        yield self._chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": _FINISH[self._reply.stop]}])
        if self._with_usage:
            yield self._chunk([], usage=self._usage())
        yield Frame(b"data: [DONE]\n\n")

    def fail(self, error: ErrorEvent) -> Iterator[Frame]:
        yield Frame(data(errors.openai(error.status, error.message)))

    def whole(self) -> str:
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
        calls: list[dict[str, Any]] = []
        for part in self._reply.parts:
            match part:
                case Text():
                    message["annotations"] += _annotations(part, len(message["content"] or ""))
                    message["content"] = (message["content"] or "") + part.text
                case Reasoning() if part.text:
                    message["reasoning_content"] = message.get("reasoning_content", "") + part.text
                case Refusal():
                    message["refusal"] = (message["refusal"] or "") + part.text
                case ToolCall():
                    function = {"name": part.name, "arguments": part.text}
                    calls.append({"id": self._id(part, len(calls)), "type": "function", "function": function})
                case CustomToolCall():
                    custom = {"name": part.name, "input": part.text}
                    calls.append({"id": self._id(part, len(calls)), "type": "custom", "custom": custom})
                case _:
                    pass
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[self._reply.stop]}
        return compact(
            {
                "id": mint("chatcmpl", self._asked.number),
                "object": "chat.completion",
                "created": self._asked.created,
                "model": self._reply.model or self._asked.model,
                "choices": [choice],
                "usage": self._usage(),
                "service_tier": "default",
                "system_fingerprint": None,
            }
        )

    def _id(self, call: ToolCall | CustomToolCall, index: int) -> str:
        return mint("call", self._asked.number, index) if call.id is None else call.id

    def _delta(self, delta: dict[str, Any], piece: str | None = None) -> Frame:
        return self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}], piece)

    def _chunk(self, choices: list[dict[str, Any]], piece: str | None = None, usage: Any = None) -> Frame:
        chunk: dict[str, Any] = {
            "id": mint("chatcmpl", self._asked.number),
            "object": "chat.completion.chunk",
            "created": self._asked.created,
            "model": self._reply.model or self._asked.model,
            "service_tier": "default",
            "system_fingerprint": None,
            "choices": choices,
        }
        if self._with_usage:
            chunk["usage"] = usage
        if self._padded:
            chunk["obfuscation"] = obfuscation(self._chunks, len(piece or ""))
        self._chunks += 1
        return Frame(data(chunk), delta=piece is not None)

    def _usage(self) -> dict[str, Any]:
        usage = counted(self._reply)
        output = usage.output or 0
        return {
            "prompt_tokens": usage.input,
            "completion_tokens": output,
            "total_tokens": usage.input + output,
            "prompt_tokens_details": {
                "cached_tokens": usage.cached,
                "cache_write_tokens": usage.cache_written,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {
                "reasoning_tokens": usage.reasoning or 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def _annotations(part: Text, begin: int) -> list[dict[str, Any]]:
    def cited(citation: Citation) -> dict[str, Any]:
        place = {"start_index": begin, "end_index": begin + len(part.text)}
        return {"type": "url_citation", "url_citation": {**place, "title": citation.title, "url": citation.url}}

    return [cited(citation) for citation in part.citations]
