"""Anthropic Messages as its vendor sends it: bytes written here by hand, not by the codecs that may be judged with them.

Sources: the types of anthropic-sdk-python (`Message`, `RawMessageStreamEvent`), Anthropic's page on streaming.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hyperinfer.testing.conformance.said import Call, Said, Text, Thinking, call_id

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Object, Refusal, Stop

_STOPS: dict[Stop, str] = {"end": "end_turn", "length": "max_tokens", "tool": "tool_use", "refusal": "refusal"}

REFUSALS: dict[Refusal, tuple[int, dict[str, str], str, str]] = {
    "bad_request": (400, {}, "invalid_request_error", "top_p: must be between 0 and 1"),
    "bad_key": (401, {}, "authentication_error", "invalid x-api-key"),
    "rate_limit": (429, {"retry-after": "17"}, "rate_limit_error", "This request would exceed your rate limit."),
    "server_error": (500, {}, "api_error", "Internal server error"),
    "overloaded": (529, {}, "overloaded_error", "Overloaded"),
}


def refusal(kind: Refusal) -> tuple[int, dict[str, str], bytes]:
    """Status, headers, body."""
    status, headers, name, message = REFUSALS[kind]
    body = {"type": "error", "error": {"type": name, "message": message}, "request_id": "req_conformance"}
    return status, headers, json.dumps(body).encode()


def error_event() -> bytes:
    """What a stream brings when it fails."""
    return _event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


def stream(said: Said, asked: Object) -> list[bytes]:
    """Its events."""
    start: Object = {**_message(), "content": [], "usage": {**_usage(said), "output_tokens": 1}}
    found = [_event({"type": "message_start", "message": start}), _event({"type": "ping"})]
    for index, part in enumerate(said.parts):
        opened, deltas = _block(part)
        found.append(_event({"type": "content_block_start", "index": index, "content_block": opened}))
        found += [_event({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas]
        found.append(_event({"type": "content_block_stop", "index": index}))
    delta = {"stop_reason": _STOPS[said.stop], "stop_sequence": None}
    found.append(_event({"type": "message_delta", "delta": delta, "usage": _usage(said)}))
    return [*found, _event({"type": "message_stop"})]


def _block(part: Text | Thinking | Call) -> tuple[Object, list[Object]]:
    match part:
        case Text(pieces):
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
        case Thinking(pieces, opaque):
            thoughts: list[Object] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            return {"type": "thinking", "thinking": "", "signature": ""}, [
                *thoughts,
                {"type": "signature_delta", "signature": opaque},
            ]
        case Call(_, name, pieces):
            opened: Object = {"type": "tool_use", "id": call_id("messages", part), "name": name, "input": {}}
            told = () if pieces == ("{}",) else pieces  # of a call without arguments there is but the empty piece
            return opened, [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *told)]


def whole(said: Said, asked: Object) -> bytes:
    """Its body."""
    value = {**_message(), "content": [_content(part) for part in said.parts], "usage": _usage(said)}
    value["stop_reason"] = _STOPS[said.stop]
    return json.dumps(value, ensure_ascii=False).encode()


def _content(part: Text | Thinking | Call) -> Object:
    match part:
        case Text():
            return {"type": "text", "text": part.whole}
        case Thinking():
            return {"type": "thinking", "thinking": part.whole, "signature": part.opaque}
        case Call():
            arguments = json.loads(part.arguments or "{}")
            return {"type": "tool_use", "id": call_id("messages", part), "name": part.name, "input": arguments}


def _message() -> Object:
    return {
        "id": "msg_01Conformance",
        "type": "message",
        "role": "assistant",
        "model": "conformance-messages",
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(said: Said) -> Object:
    usage = said.usage
    return {
        "input_tokens": usage.prompt - usage.cached - usage.written,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
    }


def _event(value: Object) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode()
