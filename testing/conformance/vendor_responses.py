"""OpenAI Responses as its vendor sends it: bytes written here by hand, not by the codecs that may be judged with them.

Source: the types of openai-python (`Response`, `ResponseStreamEvent`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hyperinfer.testing.conformance.said import Call, Said, Text, Thinking, call_id
from hyperinfer.testing.conformance.vendor_chat import refusal as refusal  # one envelope for both of this vendor's APIs

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Object

_ID = "resp_conformance000000000000000001"


class _Events:
    """Numbers them."""

    def __init__(self) -> None:
        self.found: list[bytes] = []

    def add(self, kind: str, **fields: Any) -> None:
        value = {"type": kind, "sequence_number": len(self.found), **fields}
        self.found.append(f"event: {kind}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode())


def stream(said: Said, asked: Object) -> list[bytes]:
    """Its events. Encrypted reasoning comes when it was asked for."""
    events = _Events()
    begun = _response(said, asked, status="in_progress", output=[], usage=None)
    events.add("response.created", response=begun)
    events.add("response.in_progress", response=begun)
    items = _items(said, asked)
    for index, (part, item) in enumerate(zip(said.parts, items, strict=True)):
        match part:
            case Text(pieces):
                _message(events, index, item, pieces)
            case Thinking(pieces):
                _reasoning(events, index, item, pieces)
            case Call(_, _, pieces):
                _call(events, index, item, pieces)
        events.add("response.output_item.done", output_index=index, item=item)
    final = _final(said, asked)
    events.add("response.completed" if final["status"] == "completed" else "response.incomplete", response=final)
    return events.found


def _message(events: _Events, index: int, item: Object, pieces: tuple[str, ...]) -> None:
    at: Object = {"item_id": item["id"], "output_index": index, "content_index": 0}
    part: Object = item["content"][0]
    events.add("response.output_item.added", output_index=index, item={**item, "status": "in_progress", "content": []})
    events.add("response.content_part.added", **at, part={**part, "text": ""})
    for piece in pieces:
        events.add("response.output_text.delta", **at, delta=piece, logprobs=[], obfuscation="x4")
    events.add("response.output_text.done", **at, text=part["text"], logprobs=[])
    events.add("response.content_part.done", **at, part=part)


def _reasoning(events: _Events, index: int, item: Object, pieces: tuple[str, ...]) -> None:
    at: Object = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    part: Object = item["summary"][0]
    events.add("response.output_item.added", output_index=index, item={**item, "summary": []})
    events.add("response.reasoning_summary_part.added", **at, part={**part, "text": ""})
    for piece in pieces:
        events.add("response.reasoning_summary_text.delta", **at, delta=piece, obfuscation="x4")
    events.add("response.reasoning_summary_text.done", **at, text=part["text"])
    events.add("response.reasoning_summary_part.done", **at, part=part)


def _call(events: _Events, index: int, item: Object, pieces: tuple[str, ...]) -> None:
    at: Object = {"item_id": item["id"], "output_index": index}
    begun = {**item, "status": "in_progress", "arguments": ""}
    events.add("response.output_item.added", output_index=index, item=begun)
    for piece in pieces:
        events.add("response.function_call_arguments.delta", **at, delta=piece, obfuscation="x4")
    events.add("response.function_call_arguments.done", **at, name=item["name"], arguments=item["arguments"])


def whole(said: Said, asked: Object) -> bytes:
    """Its body."""
    return json.dumps(_final(said, asked), ensure_ascii=False).encode()


def error_event() -> bytes:
    """What a stream brings when it fails."""
    error = {"code": "server_error", "message": "The server had an error while processing your request."}
    failed = {**_response(Said(()), {}, status="failed", output=[], usage=None), "error": error}
    value = {"type": "response.failed", "sequence_number": 90, "response": failed}
    return f"event: response.failed\ndata: {json.dumps(value)}\n\n".encode()


def _items(said: Said, asked: Object) -> list[Object]:
    include: Any = asked.get("include") or []
    found: list[Object] = []
    for index, part in enumerate(said.parts):
        match part:
            case Text():
                content: Object = {"type": "output_text", "annotations": [], "logprobs": [], "text": part.whole}
                item: Object = {"id": f"msg_conformance{index}", "type": "message", "role": "assistant"}
                found.append({**item, "status": "completed", "content": [content]})
            case Thinking():
                item = {"id": f"rs_conformance{index}", "type": "reasoning"}
                item["summary"] = [{"type": "summary_text", "text": part.whole}]
                if "reasoning.encrypted_content" in include:
                    item["encrypted_content"] = part.opaque
                found.append(item)
            case Call():
                item = {"id": f"fc_conformance{index}", "type": "function_call", "status": "completed"}
                item |= {"call_id": call_id("responses", part), "name": part.name, "arguments": part.arguments}
                found.append(item)
    return found


def _final(said: Said, asked: Object) -> Object:
    reason = {"length": "max_output_tokens", "refusal": "content_filter"}.get(said.stop)
    usage = said.usage
    told = {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }
    items = _items(said, asked)
    if reason is None:
        return _response(said, asked, status="completed", output=items, usage=told)
    final = _response(said, asked, status="incomplete", output=items, usage=told)
    return {**final, "incomplete_details": {"reason": reason}}


def _response(said: Said, asked: Object, *, status: str, output: list[Object], usage: Object | None) -> Object:
    return {
        "id": _ID,
        "object": "response",
        "created_at": 1764000000,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "model": "conformance-responses",
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": asked.get("reasoning") or {"effort": None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": asked.get("tool_choice") or "auto",
        "tools": asked.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "user": None,
        "metadata": {},
    }
