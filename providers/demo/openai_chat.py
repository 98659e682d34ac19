"""The demo model that speaks OpenAI Chat Completions: reads a request, fills the recording."""

from collections.abc import Sequence
from typing import Any

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
    last_text,
    prompt_tokens,
    read,
    rows,
)
from hyperinfer.providers.demo.recording import Part, Reply, json_text


class _Function(msgspec.Struct):
    name: str
    parameters: Table | None = None


class _Custom(msgspec.Struct):
    name: str


class _Tool(msgspec.Struct):
    type: str
    function: _Function | None = None
    custom: _Custom | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[Table] | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | Table | None = None
    reasoning_effort: str | None = None
    reasoning: Table | None = None
    thinking: Table | None = None
    response_format: Table | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None


def ask(body: bytes) -> Asked:
    """What a request asks for. Raises `Malformed`."""
    raw, request = read(body, _Body)
    if not request.messages:
        raise Malformed("Invalid 'messages': empty array.", "messages")
    if request.n is not None and request.n != 1:
        raise Malformed("Invalid 'n': the demo model makes one choice.", "n")
    result = _result(request.messages)
    spoken = [message.content for message in request.messages if message.role == "user"]
    stops = request.stop or []
    return Asked(
        model=request.model,
        streamed=bool(request.stream),
        title="OpenAI Chat Completions",
        prompt_tokens=prompt_tokens(raw["messages"], raw.get("tools")),
        said=last_text(spoken[-1]) if spoken else "",
        result=result,
        tool=_tool(request) if result is None else None,
        reasons=_reasons(request),
        schema=_schema(request.response_format or {}),
        limit=request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens,
        stops=(stops,) if isinstance(stops, str) else tuple(stops),
        wishes=frozenset({"usage"} if request.stream_options and request.stream_options.include_usage else ()),
    )


def fill(asked: Asked, answer: Answer, *, seed: str, created: int) -> Reply:
    """What the recording is filled with. `seed` makes the ids, `created` is Unix seconds."""
    call = answer.call
    wants_usage = "usage" in asked.wishes
    places = {
        "id": json_text(f"chatcmpl-{seed}"),
        "created": str(created),
        "model": json_text(asked.model),
        # Every chunk before the last says that its usage is not known yet.
        "no_usage": ',"usage":null' if wants_usage else "",
        "usage": json_text(_usage(answer)),
        "finish_reason": json_text(answer.ended),
        "message": json_text(_message(answer, seed)),
    }
    parts = {"start": Part({"opening": '""' if call is None else "null"})}
    if answer.reasoning:
        parts["reasoning"] = Part(pieces=pieces(answer.reasoning, 6))
    if answer.text:
        parts["text"] = Part(pieces=pieces(answer.text, 12))
    if call is not None:
        kind = "custom" if call.custom else "function"
        names = {"call_id": json_text(f"call_{seed}"), "kind": kind, "name": json_text(call.name)}
        names["field"] = "input" if call.custom else "arguments"
        parts["tool"] = Part(names, pieces(call.arguments, 5, 6))
    parts["end"] = Part(traits=frozenset({"usage"} if wants_usage else ()))
    return Reply(places, parts)


def error(status: int, message: str, param: str | None, *, seed: str) -> bytes:
    """The body of an error response, as both OpenAI protocols have it."""
    return msgspec.json.encode(
        {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": None}}
    )


def _result(messages: Sequence[_Message]) -> str | None:
    """What a tool has answered since the model's last turn."""
    result = None
    for message in messages:
        if message.role == "assistant":
            result = None
        elif message.role in ("tool", "function"):
            result = last_text(message.content)
    return result


def _tool(request: _Body) -> Tool | None:
    tools: list[Tool] = []
    for tool in request.tools or []:
        if tool.type == "function" and tool.function is not None:
            tools.append(Tool(tool.function.name, tool.function.parameters or {}))
        elif tool.type == "custom" and tool.custom is not None:
            tools.append(Tool(tool.custom.name, None))
    match request.tool_choice:
        case "none":
            return None
        case {"type": "allowed_tools", "allowed_tools": allowed}:
            return choose(tools, allowed=[_named(tool) for tool in rows(allowed, "tools")])
        case {"type": "function" | "custom"} as choice:
            return choose(tools, named=_named(choice))
        case None | "auto":
            return choose(few(tools))
        case _:
            return choose(tools)


def _named(choice: Any) -> str:
    match choice:
        case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}} | {"name": str(name)}:
            return name
        case _:
            return ""


def _reasons(request: _Body) -> bool:
    if request.reasoning is not None:
        return request.reasoning.get("enabled") is not False and request.reasoning.get("effort") != "none"
    if request.thinking is not None:
        return request.thinking.get("type") != "disabled"
    return is_effort(request.reasoning_effort)


def _schema(response_format: Table) -> object:
    match response_format:
        case {"type": "json_schema", "json_schema": {"schema": schema}} if schema is not None:
            return schema
        case {"type": "json_object" | "json_schema"}:
            return ANY_OBJECT
        case _:
            return None


def _message(answer: Answer, seed: str) -> Table:
    message: Table = {"role": "assistant", "content": answer.text if answer.call is None else None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    message["refusal"] = None
    message["annotations"] = []
    if answer.call is not None:
        message["tool_calls"] = [{"id": f"call_{seed}", **_called(answer.call)}]
    return message


def _called(call: Call) -> Table:
    if call.custom:
        return {"type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _usage(answer: Answer) -> Table:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
