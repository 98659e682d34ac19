"""OpenAI Chat Completions as vendors send it: bytes written here by hand, not by the codecs that may be judged with them.

Sources: the types of openai-python (`ChatCompletion`, `ChatCompletionChunk`), DeepSeek's `reasoning_content`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hyperinfer.testing.conformance.json_values import record
from hyperinfer.testing.conformance.said import Call, Said, Text, Thinking, call_id

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Object, Refusal, Stop

_ID = "chatcmpl-Conformance0000000000000001"
_STOPS: dict[Stop, str] = {"end": "stop", "length": "length", "tool": "tool_calls", "refusal": "content_filter"}

REFUSALS: dict[Refusal, tuple[int, dict[str, str], Object]] = {
    "bad_request": (400, {}, {"message": "Invalid value for 'top_p'.", "type": "invalid_request_error", "param": "top_p"}),
    "bad_key": (
        401,
        {},
        {"message": "Incorrect API key provided.", "type": "invalid_request_error", "code": "invalid_api_key"},
    ),
    "rate_limit": (
        429,
        {"retry-after": "17"},
        {"message": "Rate limit reached.", "type": "requests", "param": None, "code": "rate_limit_exceeded"},
    ),
    "server_error": (500, {}, {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}),
    "overloaded": (503, {}, {"message": "The engine is overloaded.", "type": "server_error", "param": None, "code": None}),
}


def refusal(kind: Refusal) -> tuple[int, dict[str, str], bytes]:
    """Status, headers, body."""
    status, headers, error = REFUSALS[kind]
    return status, headers, json.dumps({"error": {"param": None, "code": None, **error}}).encode()


def error_event() -> bytes:
    """What a stream brings when it fails."""
    error = {"message": "The server had an error while processing your request.", "type": "server_error"}
    return _data({"error": {**error, "param": None, "code": None}})


def stream(said: Said, asked: Object) -> list[bytes]:
    """Its events. Usage comes when it was asked for."""
    told = record(asked.get("stream_options")).get("include_usage") is True
    more: Object = {"usage": None} if told else {}
    found = [_delta({"role": "assistant", "content": "", "refusal": None}, **more)]
    for part in said.parts:
        match part:
            case Text(pieces):
                found += [_delta({"content": piece}, **more) for piece in pieces]
            case Thinking(pieces):
                found += [_delta({"reasoning_content": piece}, **more) for piece in pieces]
            case Call(_, name, pieces):
                at = said.calls.index(part)
                head: Object = {"index": at, "id": call_id("chat", part), "type": "function"}
                head["function"] = {"name": name, "arguments": ""}
                found.append(_delta({"tool_calls": [head]}, **more))
                for piece in pieces:
                    found.append(_delta({"tool_calls": [{"index": at, "function": {"arguments": piece}}]}, **more))
    found.append(_delta({}, _STOPS[said.stop], **more))
    if told:
        found.append(_data({**_chunk(), "choices": [], "usage": _usage(said)}))
    return [*found, b"data: [DONE]\n\n"]


def whole(said: Said, asked: Object) -> bytes:
    """Its body."""
    message: Object = {"role": "assistant", "content": said.text or None, "refusal": None, "annotations": []}
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.calls:
        message["tool_calls"] = [
            {
                "id": call_id("chat", call),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in said.calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _STOPS[said.stop]}
    value = {**_chunk(), "object": "chat.completion", "choices": [choice], "usage": _usage(said)}
    return json.dumps(value, ensure_ascii=False).encode()


def _usage(said: Said) -> Object:
    usage = said.usage
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.written,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _chunk() -> Object:
    return {
        "id": _ID,
        "object": "chat.completion.chunk",
        "created": 1764000000,
        "model": "conformance-chat",
        "service_tier": "default",
        "system_fingerprint": "fp_conformance",
    }


def _delta(delta: Object, finish: str | None = None, **more: Any) -> bytes:
    return _data(
        {
            **_chunk(),
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
            **more,
            "obfuscation": "x4",
        }
    )


def _data(value: Object) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
