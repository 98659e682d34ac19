"""The demo model that speaks OpenAI Responses: reads a request, fills the recording."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hyperinfer.providers.demo.answer import Answer, Call, pieces
from hyperinfer.providers.demo.asked import (
    ANY_OBJECT,
    Asked,
    Malformed,
    Table,
    Tool,
    choose,
    few,
    is_effort,
    is_table,
    last_text,
    prompt_tokens,
    read,
    rows,
)
from hyperinfer.providers.demo.recording import Part, Reply, json_text

ENCRYPTED: Final = "gAAAAABkZW1vLXJlYXNvbmluZzpub3RoaW5nLWhlcmUtaXMtZW5jcnlwdGVkLWFuZC1ub2JvZHktY2hlY2tzLWl0"
"""Stands for the vendor's encrypted reasoning: opaque to everybody, and to be sent back as it is."""

_ECHO: Final[Table] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of its request, with the vendor's defaults."""

_MODEL_ITEMS: Final = frozenset({"reasoning", "function_call", "custom_tool_call"})
_RESULT_ITEMS: Final = frozenset({"function_call_output", "custom_tool_call_output"})


class _Item(msgspec.Struct):
    type: str = "message"
    role: str | None = None
    content: str | list[Table] | None = None
    output: str | list[Table] | Table | None = None


class _Body(msgspec.Struct):
    model: str
    input: str | list[_Item]
    stream: bool | None = None
    tools: list[Table] | None = None
    tool_choice: str | Table | None = None
    reasoning: Table | None = None
    text: Table | None = None
    max_output_tokens: int | None = None
    include: list[str] | None = None


def ask(body: bytes) -> Asked:
    """What a request asks for. Raises `Malformed`."""
    raw, request = read(body, _Body)
    items = [_Item(role="user", content=request.input)] if isinstance(request.input, str) else request.input
    if not items:
        raise Malformed("Missing required parameter: 'input'.", "input")
    result = _result(items)
    spoken = [item.content for item in items if item.type == "message" and item.role == "user"]
    reasoning = request.reasoning or {}
    encrypted = "reasoning.encrypted_content" in (request.include or ())
    return Asked(
        model=request.model,
        streamed=bool(request.stream),
        title="OpenAI Responses",
        prompt_tokens=prompt_tokens(raw.get("instructions"), raw["input"], raw.get("tools")),
        said=last_text(spoken[-1]) if spoken else "",
        result=result,
        tool=_tool(request) if result is None else None,
        reasons=reasoning.get("effort") != "none" and (is_effort(reasoning.get("effort")) or bool(reasoning.get("summary"))),
        schema=_schema((request.text or {}).get("format")),
        limit=request.max_output_tokens,
        wishes=frozenset({"encrypted"} if encrypted else ()),
        echo={key: _echo(raw.get(key), default) for key, default in _ECHO.items()},
    )


def fill(asked: Asked, answer: Answer, *, seed: str, created: int) -> Reply:
    """What the recording is filled with. `seed` makes the ids, `created` is Unix seconds."""
    cut = answer.ended == "length"
    output: list[Table] = []
    parts = {"start": Part()}

    def add(name: str, added: Table, done: Table, text: str, most: int, **places: str) -> None:
        size = 6 if name == "tool" else 12
        item = {"index": str(len(output)), "item_id": json_text(added["id"]), "text": json_text(text)}
        item |= {"added": json_text(added), "done": json_text(done)}
        parts[name] = Part(item | places, pieces(text, most, size))
        output.append(done)

    if answer.reasoning:
        thought: Table = {"id": f"rs_{seed}", "type": "reasoning", "summary": []}
        if "encrypted" in asked.wishes:
            thought["encrypted_content"] = ENCRYPTED
        summary = [{"type": "summary_text", "text": answer.reasoning}]
        add("reasoning", thought, {**thought, "summary": summary}, answer.reasoning, 6)
    status = "incomplete" if cut else "completed"
    if answer.text:
        said: Table = {"id": f"msg_{seed}", "type": "message", "status": "in_progress", "content": [], "role": "assistant"}
        content: list[Table] = [{"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}]
        add("text", said, {**said, "status": status, "content": content}, answer.text, 12)
    if answer.call is not None:
        field = "input" if answer.call.custom else "arguments"
        called = _call(answer.call, field, seed)
        done = {**called, "status": status, field: answer.call.arguments}
        event = "custom_tool_call_input" if answer.call.custom else "function_call_arguments"
        add("tool", called, done, answer.call.arguments, 5, field=field, written=event)
    parts["end"] = Part()
    opened = _response(asked, seed, created, "in_progress")
    closed = _response(asked, seed, created, status) | {"completed_at": None if cut else created, "output": output}
    closed |= {"incomplete_details": {"reason": "max_output_tokens"} if cut else None, "usage": _usage(answer)}
    return Reply({"opened": json_text(opened), "closed": json_text(closed), "outcome": status}, parts)


def _response(asked: Asked, seed: str, created: int, status: str) -> Table:
    return {
        "id": f"resp_{seed}",
        "object": "response",
        "created_at": created,
        "status": status,
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": asked.model,
        "output": [],
        "previous_response_id": None,
        "service_tier": "default",
        "usage": None,
        **asked.echo,
    }


def _echo(given: Any, default: Any) -> Any:
    """A field as the vendor repeats it: what was not said is filled with the defaults."""
    if given is None:
        return default
    return {**default, **given} if is_table(default) and is_table(given) else given


def _call(call: Call, field: str, seed: str) -> Table:
    kind, prefix = ("custom_tool_call", "ctc") if call.custom else ("function_call", "fc")
    item: Table = {"id": f"{prefix}_{seed}", "type": kind, "status": "in_progress", field: ""}
    item |= {"call_id": f"call_{seed}", "name": call.name}
    return item if call.namespace is None else item | {"namespace": call.namespace}


def _result(items: Sequence[_Item]) -> str | None:
    """What a tool has answered since the model's last turn."""
    result = None
    for item in items:
        if item.type in _MODEL_ITEMS or (item.type == "message" and item.role == "assistant"):
            result = None
        elif item.type in _RESULT_ITEMS:
            result = last_text(item.output if isinstance(item.output, str | list) else None)
    return result


def _tool(request: _Body) -> Tool | None:
    tools = _callable(request.tools or [], None)
    match request.tool_choice:
        case "none":
            return None
        case {"type": "allowed_tools"} as allowed:
            return choose(tools, allowed=[tool.get("name", "") for tool in rows(allowed, "tools")])
        case {"type": "function" | "custom", "name": str(name)}:
            return choose(tools, named=name)
        case None | "auto":
            return choose(few(tools))
        case _:
            return choose(tools)


def _callable(definitions: Sequence[Table], namespace: str | None) -> list[Tool]:
    """The tools that the caller runs. Hosted ones would be the vendor's to run."""
    tools: list[Tool] = []
    for definition in definitions:
        match definition:
            case {"defer_loading": True}:
                pass
            case {"type": "function", "name": str(name)}:
                tools.append(Tool(name, definition.get("parameters") or {}, namespace))
            case {"type": "custom", "name": str(name)}:
                tools.append(Tool(name, None, namespace))
            case {"type": "namespace", "name": str(name)}:
                tools += _callable(rows(definition, "tools"), name)
            case _:
                pass
    return tools


def _schema(wanted: Any) -> object:
    match wanted:
        case {"type": "json_schema", "schema": schema} if schema is not None:
            return schema
        case {"type": "json_object" | "json_schema"}:
            return ANY_OBJECT
        case _:
            return None


def _usage(answer: Answer) -> Table:
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
