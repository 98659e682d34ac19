"""One small reply in each protocol, as an upstream writes it: 'Hello', 10 tokens in (4 of them cached), 5 out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

TEXT = "Hello"


def _event(value: dict[str, Any]) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def _chunk(**fields: Any) -> bytes:
    value = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up", **fields}
    return f"data: {json.dumps(value)}\n\n".encode()


def _delta(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return _chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])


CHAT_USAGE: dict[str, Any] = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4},
}
RESPONSES_USAGE: dict[str, Any] = {
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens_details": {"reasoning_tokens": 0},
}
MESSAGES_USAGE: dict[str, Any] = {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 5}

_RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "up",
    "status": "in_progress",
    "output": [],
}
_PART: dict[str, Any] = {"type": "output_text", "text": TEXT, "annotations": []}
_ITEM: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [_PART],
}
_AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
_DONE_RESPONSE = {**_RESPONSE, "status": "completed", "output": [_ITEM], "usage": RESPONSES_USAGE}
_MESSAGE: dict[str, Any] = {"id": "m1", "type": "message", "role": "assistant", "model": "up", "content": []}

STREAMS: dict[Dialect, list[bytes]] = {
    "openai_chat": [
        _delta({"role": "assistant", "content": ""}),
        _delta({"content": "Hel"}),
        _delta({"content": "lo"}),
        _delta({}, "stop"),
        _chunk(choices=[], usage=CHAT_USAGE),
        b"data: [DONE]\n\n",
    ],
    "openai_responses": [
        _event({"type": "response.created", "response": _RESPONSE, "sequence_number": 0})
        + _event(
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {**_ITEM, "status": "in_progress", "content": []},
                "sequence_number": 1,
            }
        )
        + _event({"type": "response.content_part.added", **_AT, "part": {**_PART, "text": ""}, "sequence_number": 2}),
        _event({"type": "response.output_text.delta", **_AT, "delta": "Hel", "sequence_number": 3}),
        _event({"type": "response.output_text.delta", **_AT, "delta": "lo", "sequence_number": 4}),
        _event({"type": "response.output_text.done", **_AT, "text": TEXT, "sequence_number": 5})
        + _event({"type": "response.content_part.done", **_AT, "part": _PART, "sequence_number": 6})
        + _event({"type": "response.output_item.done", "output_index": 0, "item": _ITEM, "sequence_number": 7}),
        _event({"type": "response.completed", "response": _DONE_RESPONSE, "sequence_number": 8}),
    ],
    "anthropic_messages": [
        _event({"type": "message_start", "message": {**_MESSAGE, "usage": {**MESSAGES_USAGE, "output_tokens": 1}}})
        + _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}),
        _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}}),
        _event({"type": "content_block_stop", "index": 0}),
        _event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": MESSAGES_USAGE}),
        _event({"type": "message_stop"}),
    ],
}
"""Frames. The first says nothing of the model yet; the second and the third each bring a piece of the text."""

WHOLES: dict[Dialect, bytes] = {
    "openai_chat": json.dumps(
        {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "up",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"},
            ],
            "usage": CHAT_USAGE,
        }
    ).encode(),
    "openai_responses": json.dumps(_DONE_RESPONSE).encode(),
    "anthropic_messages": json.dumps(
        {
            **_MESSAGE,
            "content": [{"type": "text", "text": TEXT}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": MESSAGES_USAGE,
        }
    ).encode(),
}
"""The same, whole."""

ERROR_FRAMES: dict[Dialect, bytes] = {
    "openai_chat": b'data: {"error": {"message": "Too busy", "code": 503}}\n\n',
    "openai_responses": _event(
        {
            "type": "response.failed",
            "sequence_number": 3,
            "response": {**_RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "Too busy"}},
        }
    ),
    "anthropic_messages": _event({"type": "error", "error": {"type": "overloaded_error", "message": "Too busy"}}),
}
"""An error within a stream."""


def text_of(dialect: Dialect, streamed: bool, body: bytes) -> str:
    """The text of a reply as a client of `dialect` reads it."""
    if not streamed:
        value = json.loads(body)
        if dialect == "openai_chat":
            return str(value["choices"][0]["message"]["content"])
        parts = value["content"] if dialect == "anthropic_messages" else value["output"][0]["content"]
        return "".join(part["text"] for part in parts)
    found = ""
    for line in body.decode().splitlines():
        if not line.startswith("data: {"):
            continue
        value = json.loads(line[6:])
        if dialect == "openai_chat" and value.get("choices"):
            found += value["choices"][0]["delta"].get("content") or ""
        elif value.get("type") == "content_block_delta":
            found += value["delta"]["text"]
        elif value.get("type") == "response.output_text.delta":
            found += value["delta"]
    return found


def usage_of(dialect: Dialect, streamed: bool, body: bytes) -> dict[str, Any]:
    """The final usage that a client of `dialect` reads."""
    if not streamed:
        usage: dict[str, Any] = json.loads(body)["usage"]
        return usage
    values: list[dict[str, Any]] = [
        json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")
    ]
    found: list[dict[str, Any] | None] = [v.get("usage") or v.get("response", {}).get("usage") for v in values]
    return [usage for usage in found if usage][-1]
