"""OpenAI Responses from a client's side: what it asks, and how it reads a whole answer.

Sources: the types of openai-python (`Response`, `ResponseUsage`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.testing.conformance.heard import Heard, HeardCall
from hyperinfer.testing.conformance.json_values import count, record, records, string, texts

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Ask, Object

PATH = "/responses"
_STATUSES = ("completed", "incomplete", "failed", "in_progress", "cancelled", "queued")
_REQUIRED = ("created_at", "model", "output", "parallel_tool_calls", "tool_choice", "tools")


def body(ask: Ask, model: str, *, streamed: bool) -> Object:
    """The first request."""
    content: list[Object] = [{"type": "input_text", "text": ask.prompt}]
    if ask.image:
        image = f"data:image/png;base64,{ask.image}"
        content.append({"type": "input_image", "image_url": image, "detail": "auto"})
    value: Object = {
        "model": model,
        "input": [{"type": "message", "role": "user", "content": content}],
        "max_output_tokens": ask.limit,
        "store": False,
    }
    if ask.system:
        value["instructions"] = ask.system
    if streamed:
        value["stream"] = True
    if ask.effort:
        value["reasoning"] = {"effort": ask.effort, "summary": "auto"}
        value["include"] = ["reasoning.encrypted_content"]
    if ask.schema is not None:
        value["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": ask.schema}}
    if ask.tools:
        value["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": False,
            }
            for tool in ask.tools
        ]
    if ask.choice:
        named = {"type": "function", "name": ask.choice}
        value["tool_choice"] = ask.choice if ask.choice in ("required", "none") else named
    return value


def again(before: Object, heard: Heard, results: list[tuple[str, str]]) -> Object:
    """The second request: the model's turn as it was heard, and what the tools returned."""
    told = [{"type": "function_call_output", "call_id": call, "output": text} for call, text in results]
    return {**before, "input": [*before["input"], *heard.turn, *told]}


def read_whole(value: Object) -> Heard:
    """A whole answer."""
    heard = Heard()
    envelope(value, heard)
    ended(value, heard)
    heard.turn = records(value.get("output"))
    parts(heard)
    return heard


def error_of(value: Object) -> tuple[Object, str]:
    """The error of an answer, and what is wrong with its envelope."""
    error = record(value.get("error"))
    if not string(error.get("message")):
        return error, "no error.message"
    return error, "" if string(error.get("type")) else "no error.type"


def envelope(response: Object, heard: Heard) -> None:
    """What a response always has."""
    heard.must(response.get("object") == "response", "fields", f"object is {response.get('object')!r}")
    heard.must(string(response.get("id")), "fields", f"id is {response.get('id')!r}")
    for name in _REQUIRED:
        heard.must(response.get(name) is not None, "fields", f"{name} is {response.get(name, 'missing')!r}")
    heard.must(response.get("status") in _STATUSES, "fields", f"status is {response.get('status')!r}")


def ended(response: Object, heard: Heard) -> None:
    """How it ended, and its usage."""
    status = string(response.get("status"))
    reason = string(record(response.get("incomplete_details")).get("reason"))
    heard.stop = reason if status == "incomplete" else status
    heard.finished = status in ("completed", "incomplete")
    if status == "failed":
        heard.error = record(response.get("error"))
    told = record(response.get("usage"))
    cache, output = record(told.get("input_tokens_details")), record(told.get("output_tokens_details"))
    heard.usage = {
        "input": count(told.get("input_tokens")),
        "output": count(told.get("output_tokens")),
        "total": count(told.get("total_tokens")),
        "cached": count(cache.get("cached_tokens")),
        "written": count(cache.get("cache_write_tokens")),
        "reasoning": count(output.get("reasoning_tokens")),
    }


def parts(heard: Heard) -> None:
    """Of its items."""
    for item in heard.turn:
        match item.get("type"):
            case "message":
                heard.text += texts(item.get("content"))
            case "reasoning":
                heard.reasoning += texts(item.get("summary")) or texts(item.get("content"))
            case "function_call":
                name, arguments = string(item.get("name")), string(item.get("arguments"))
                heard.calls.append(HeardCall(string(item.get("call_id")), name, arguments))
            case _:
                pass
