"""Bytes in the three protocols, for what upstreams say and for the wrong outputs of other gateways."""

from __future__ import annotations

import json
from typing import Any

DONE = b"data: [DONE]\n\n"


def data(value: Any) -> bytes:
    """A frame without a name."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def event(kind: str, **fields: Any) -> bytes:
    """A frame named after its type (Responses, Messages)."""
    return f"event: {kind}\n".encode() + data({"type": kind, **fields})


# Chat


def chunk(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> bytes:
    """A Chat chunk of one choice. `choice` among the fields adds to the choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **fields.pop("choice", {})}
    return bare_chunk(choices=[choice], **fields)


def bare_chunk(**fields: Any) -> bytes:
    """A Chat chunk with these fields."""
    return data({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up", **fields})


def chat_call(
    index: int | None, id: str | None = None, name: str | None = None, arguments: str | None = None
) -> dict[str, Any]:
    """A delta with a piece of one call; what is None is absent."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call: dict[str, Any] = {"function": function}
    if index is not None:
        call["index"] = index
    if id is not None:
        call |= {"id": id, "type": "function"}
    return {"tool_calls": [call]}


def chat_usage(prompt: int = 10, completion: int = 5, **fields: Any) -> dict[str, Any]:
    """Usage whose total adds up."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **fields}


def chat_ending(finish: str = "stop", **fields: Any) -> bytes:
    """The chunks that end a Chat stream well, usage among them."""
    return chunk({}, finish, **fields) + bare_chunk(choices=[], usage=chat_usage()) + DONE


def chat_whole(
    message: dict[str, Any], finish: str = "stop", *, choice: dict[str, Any] | None = None, **fields: Any
) -> bytes:
    """A whole Chat reply."""
    one = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **(choice or {})}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "up", "choices": [one]}
    return json.dumps({**whole, "usage": chat_usage(), **fields}).encode()


# Messages


def message_start(**usage: int) -> bytes:
    """`message_start` with this usage beside the zeros."""
    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0, **usage}}
    return event("message_start", message=message)


def block_start(index: int, kind: str, **fields: Any) -> bytes:
    """`content_block_start`: text and thinking begin empty, the rest as given."""
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    return event("content_block_start", index=index, content_block={"type": kind, **empty.get(kind, {}), **fields})


def block_delta(index: int, kind: str, value: str) -> bytes:
    """`content_block_delta` of kind text, thinking, signature or input_json."""
    key = {"input_json": "partial_json"}.get(kind, kind)
    return event("content_block_delta", index=index, delta={"type": f"{kind}_delta", key: value})


def block_stop(index: int) -> bytes:
    """`content_block_stop`."""
    return event("content_block_stop", index=index)


def block(index: int, kind: str, *deltas: tuple[str, str], **fields: Any) -> bytes:
    """A whole block; each delta is (kind, value)."""
    return block_start(index, kind, **fields) + b"".join(block_delta(index, *one) for one in deltas) + block_stop(index)


def message_ending(stop: str = "end_turn", sequence: str | None = None, **usage: int) -> bytes:
    """`message_delta` and `message_stop`."""
    counted = {"input_tokens": 10, "output_tokens": 5, **usage}
    return event("message_delta", delta={"stop_reason": stop, "stop_sequence": sequence}, usage=counted) + event(
        "message_stop"
    )


def message_whole(*content: dict[str, Any], stop: str = "end_turn", **fields: Any) -> bytes:
    """A whole Messages reply."""
    whole: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": list(content)}
    whole |= {"stop_reason": stop, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 5}}
    return json.dumps({**whole, **fields}).encode()


# Responses


def response(status: str, *output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A response object; with usage when it has ended."""
    usage: dict[str, Any] | None = None
    if status in ("completed", "incomplete"):
        usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}}
        usage |= {"output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15}
    whole = {"id": "resp_1", "object": "response", "created_at": 1, "model": "up", "status": status, "output": list(output)}
    return {**whole, "error": None, "incomplete_details": None, "usage": usage, **fields}


def response_whole(*output: dict[str, Any], status: str = "completed", **fields: Any) -> bytes:
    """A whole Responses reply."""
    return json.dumps(response(status, *output, **fields)).encode()


def response_stream(*events: tuple[str, dict[str, Any]]) -> bytes:
    """Events by name without `response.`, numbered from 0; `response.created` is put first."""
    listed = [("created", {"response": response("in_progress")}), *events]
    return b"".join(event(f"response.{name}", sequence_number=n, **fields) for n, (name, fields) in enumerate(listed))


def text_item(text: str, id: str = "msg_1", **fields: Any) -> dict[str, Any]:
    """A finished message item."""
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    return {"id": id, "type": "message", "role": "assistant", "status": "completed", "content": [part], **fields}


def call_item(id: str, call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """A finished function_call item."""
    item = {"id": id, "type": "function_call", "status": "completed"}
    return {**item, "call_id": call_id, "name": name, "arguments": arguments}


def text_events(index: int, text: str, id: str = "msg_1") -> list[tuple[str, dict[str, Any]]]:
    """The life of a message item."""
    done = text_item(text, id)
    at: dict[str, Any] = {"item_id": id, "output_index": index, "content_index": 0}
    part = done["content"][0]
    return [
        ("output_item.added", {"output_index": index, "item": {**done, "status": "in_progress", "content": []}}),
        ("content_part.added", {**at, "part": {**part, "text": ""}}),
        ("output_text.delta", {**at, "delta": text, "logprobs": []}),
        ("output_text.done", {**at, "text": text, "logprobs": []}),
        ("content_part.done", {**at, "part": part}),
        ("output_item.done", {"output_index": index, "item": done}),
    ]


def call_events(index: int, id: str, call_id: str, name: str, arguments: str) -> list[tuple[str, dict[str, Any]]]:
    """The life of a function_call item."""
    done = call_item(id, call_id, name, arguments)
    at: dict[str, Any] = {"item_id": id, "output_index": index}
    return [
        ("output_item.added", {"output_index": index, "item": {**done, "status": "in_progress", "arguments": ""}}),
        ("function_call_arguments.delta", {**at, "delta": arguments}),
        ("function_call_arguments.done", {**at, "arguments": arguments, "name": name}),
        ("output_item.done", {"output_index": index, "item": done}),
    ]


def completed(*output: dict[str, Any], status: str = "completed", **fields: Any) -> tuple[str, dict[str, Any]]:
    """The event that ends a stream: completed, incomplete or failed."""
    return (status, {"response": response(status, *output, **fields)})
