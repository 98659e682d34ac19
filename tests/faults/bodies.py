"""Histories with tool calls in the three client formats, and what a request body says of its calls, results and texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperinfer.formats.wire import is_array, is_object
from tests.faults.kit import CHAT, MESSAGES, RESPONSES
from tests.support.bench import catalogue

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.providers.catalogue import Catalogue

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PIXEL_URL = f"data:image/png;base64,{PIXEL}"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"q": {"type": "string"}}}

IMAGES: Mapping[Dialect, dict[str, Any]] = {
    CHAT: {"type": "image_url", "image_url": {"url": PIXEL_URL}},
    RESPONSES: {"type": "input_image", "image_url": PIXEL_URL},
    MESSAGES: {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
}


class Called(NamedTuple):
    """A call in a history. `arguments`: JSON text where it is written, the decoded object where it is read."""

    id: str | None
    name: str
    arguments: Any


def quirky(quirks: str) -> Catalogue:
    """The bench's catalogue with these quirks on every provider."""
    return catalogue(f"quirks: {{{quirks}}}")


def text_part(client: Dialect, text: str) -> dict[str, Any]:
    """A text part of what the user or a tool says."""
    return {"type": "input_text" if client == RESPONSES else "text", "text": text}


def round_of_calls(
    client: Dialect, *calls: Called, results: Iterable[tuple[str | None, Any]] | None = None, last: str | None = None
) -> dict[str, Any]:
    """Fields of a request: the user asks, the assistant calls, the results (id, content) come, `last`: the user again.

    An id or an argument that is None is left out. Without `results` every call is answered with `done`.
    """
    answers = [(call.id, "done") for call in calls] if results is None else list(results)
    tools = tool_fields(client, *dict.fromkeys(call.name for call in calls))
    if client == RESPONSES:
        items: list[Any] = [{"role": "user", "content": "go"}]
        items += [given({"type": "function_call", "call_id": c.id, "name": c.name, "arguments": c.arguments}) for c in calls]
        items += [given({"type": "function_call_output", "call_id": id, "output": content}) for id, content in answers]
        return {"input": items + ([{"role": "user", "content": last}] if last else []), **tools}
    end = [{"role": "user", "content": last}] if last else []
    if client == CHAT:
        made = [
            given({"id": c.id, "type": "function", "function": given({"name": c.name, "arguments": c.arguments})})
            for c in calls
        ]
        told: list[Any] = [given({"role": "tool", "tool_call_id": id, "content": content}) for id, content in answers]
        history = [{"role": "user", "content": "go"}, {"role": "assistant", "content": None, "tool_calls": made}]
        return {"messages": [*history, *told, *end], **tools}
    used = [{"type": "tool_use", "id": c.id, "name": c.name, "input": json.loads(c.arguments or "{}")} for c in calls]
    told = [given({"type": "tool_result", "tool_use_id": id, "content": content}) for id, content in answers]
    history = [{"role": "user", "content": "go"}, {"role": "assistant", "content": used}, {"role": "user", "content": told}]
    return {"messages": [*history, *end], **tools}


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is None."""
    return {name: value for name, value in fields.items() if value is not None}


def tool_fields(client: Dialect, *names: str) -> dict[str, Any]:
    """`tools` with these functions."""
    functions: list[dict[str, Any]] = [{"name": name, "description": f"The {name}.", "parameters": SCHEMA} for name in names]
    if client == CHAT:
        return {"tools": [{"type": "function", "function": function} for function in functions]}
    if client == RESPONSES:
        return {"tools": [{"type": "function", **function} for function in functions]}
    return {"tools": [{"name": f["name"], "description": f["description"], "input_schema": SCHEMA} for f in functions]}


def parsed(text: object) -> Any:
    """JSON text decoded. An assertion, so that a wrong body fails its check and does not break it."""
    assert isinstance(text, str), text
    try:
        return json.loads(text)
    except ValueError:
        raise AssertionError(f"not JSON: {text!r}") from None


def calls_in(upstream: Dialect, body: Mapping[str, Any]) -> list[Called]:
    """The calls of a request's history, in order."""
    if upstream == RESPONSES:
        made = [item for item in items_in(body) if item.get("type") == "function_call"]
        return [Called(item["call_id"], item["name"], parsed(item["arguments"])) for item in made]
    if upstream == CHAT:
        made = [call for message in body["messages"] for call in message.get("tool_calls") or ()]
        return [Called(c["id"], c["function"]["name"], parsed(c["function"].get("arguments"))) for c in made]
    return [Called(b["id"], b["name"], b["input"]) for b in blocks_in(body, "tool_use")]


def results_in(upstream: Dialect, body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(call id, content) of the results of a request's history, in order."""
    if upstream == RESPONSES:
        return [(i["call_id"], i["output"]) for i in items_in(body) if i.get("type") == "function_call_output"]
    if upstream == CHAT:
        return [(m["tool_call_id"], m["content"]) for m in body["messages"] if m["role"] == "tool"]
    return [(b["tool_use_id"], b.get("content")) for b in blocks_in(body, "tool_result")]


def items_in(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The input items of a Responses request."""
    found = body["input"]
    return [item for item in found if is_object(item)] if is_array(found) else []


def blocks_in(body: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """The blocks of one type in the messages of a Messages request."""
    contents: list[Any] = [message["content"] for message in body["messages"]]
    return [block for content in contents if is_array(content) for block in content if block["type"] == kind]


def texts_in(value: Any) -> list[str]:
    """Every text in a body's messages or items, in order: strings of `content` and `output`, `text` of parts."""
    if is_array(value):
        return [text for inner in value for text in texts_in(inner)]
    if not is_object(value):
        return []
    found: list[str] = []
    for name, inner in value.items():
        if name in ("content", "output", "text", "system", "instructions", "input", "messages") and isinstance(inner, str):
            found.append(inner)
        elif name not in ("tools", "tool_calls"):
            found += texts_in(inner)
    return found


def images_in(value: Any) -> int:
    """How many times `PIXEL` stands in an image, in any protocol's form."""
    if is_array(value):
        return sum(map(images_in, value))
    if not is_object(value):
        return 0
    if value in IMAGES.values() or (value.get("type") == "input_image" and value.get("image_url") == PIXEL_URL):
        return 1
    return sum(map(images_in, value.values()))


def names_of_tools(upstream: Dialect, body: Mapping[str, Any]) -> list[str]:
    """The names of the declared tools; the type of one that has no name."""
    tools: Sequence[dict[str, Any]] = body.get("tools") or ()
    return [str((tool.get("function") or tool).get("name") or tool["type"]) for tool in tools]
