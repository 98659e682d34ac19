"""The demo model that speaks Anthropic Messages: reads a request, fills the recording."""

from collections.abc import Sequence
from typing import Final

import msgspec

from hyperinfer.providers.demo.answer import Answer, pieces
from hyperinfer.providers.demo.asked import (
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

SIGNATURE: Final = "ZGVtby1zaWduYXR1cmU6bm90aGluZy1oZXJlLWlzLWVuY3J5cHRlZC1hbmQtbm9ib2R5LWNoZWNrcy1pdA=="
"""Stands for the vendor's signature of a thinking block: opaque to everybody, and to be sent back as it is."""

_STOP_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


class _Message(msgspec.Struct):
    role: str
    content: str | list[Table]


class _Body(msgspec.Struct):
    model: str
    max_tokens: int
    messages: list[_Message]
    stream: bool | None = None
    tools: list[Table] | None = None
    tool_choice: Table | None = None
    thinking: Table | None = None
    output_config: Table | None = None
    output_format: Table | None = None
    stop_sequences: list[str] | None = None


def ask(body: bytes) -> Asked:
    """What a request asks for. Raises `Malformed`."""
    raw, request = read(body, _Body)
    if not request.messages:
        raise Malformed("messages: at least one message is required", "messages")
    result = _result(request.messages)
    spoken = [message.content for message in request.messages if message.role == "user"]
    said = [content for content in spoken if not _results(content)]
    thinking = request.thinking or {}
    return Asked(
        model=request.model,
        streamed=bool(request.stream),
        title="Anthropic Messages",
        prompt_tokens=prompt_tokens(raw.get("system"), raw["messages"], raw.get("tools")),
        said=last_text(said[-1]) if said else "",
        result=result,
        tool=_tool(request) if result is None else None,
        reasons=_reasons(request),
        schema=_schema(request),
        limit=request.max_tokens,
        stops=tuple(request.stop_sequences or ()),
        wishes=frozenset({"signature_only"} if thinking.get("display") == "omitted" else ()),
    )


def fill(asked: Asked, answer: Answer, *, seed: str, created: int) -> Reply:
    """What the recording is filled with. `seed` makes the ids; the protocol has no date."""
    stopped = answer.stop_sequence
    reason = _STOP_REASONS[answer.ended] if stopped is None else "stop_sequence"
    shown = "" if "signature_only" in asked.wishes else answer.reasoning
    details = {"output_tokens_details": {"thinking_tokens": answer.reasoning_tokens}} if answer.reasoning else {}
    content: list[Table] = []
    parts = {"start": Part()}
    if answer.reasoning:
        content.append({"type": "thinking", "thinking": shown, "signature": SIGNATURE})
        parts["reasoning"] = Part({"index": "0", "signature": json_text(SIGNATURE)}, pieces(shown, 6))
    where = {"index": str(len(content))}
    opening = frozenset(() if content else {"opening"})
    if answer.text:
        content.append({"type": "text", "text": answer.text})
        parts["text"] = Part(where, pieces(answer.text, 12), opening)
    if answer.call is not None:
        call_id, name, written = f"toolu_01{seed}", answer.call.name, answer.call.arguments
        content.append({"type": "tool_use", "id": call_id, "name": name, "input": _input(answer, written)})
        named = {**where, "call_id": json_text(call_id), "name": json_text(name)}
        # A call without arguments streams none.
        parts["tool"] = Part(named, () if written == "{}" else pieces(written, 5, 6), opening)
    parts["end"] = Part()
    places = {
        "id": json_text(f"msg_01{seed}"),
        "model": json_text(asked.model),
        "content": json_text(content),
        "stop_reason": json_text(reason),
        "stop_sequence": json_text(stopped),
        "input_tokens": str(answer.input_tokens),
        "output_tokens": str(answer.output_tokens),
        "details": "".join(f",{json_text(key)}:{json_text(value)}" for key, value in details.items()),
    }
    return Reply(places, parts)


def error(status: int, message: str, param: str | None, *, seed: str) -> bytes:
    """The body of an error response."""
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    text = f"{param}: {message}" if param and not message.startswith(param) else message
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": text}, "request_id": f"req_01{seed}"})


def _input(answer: Answer, written: str) -> object:
    """The arguments as an object: also of a call that the limit has cut, for which there is none."""
    return msgspec.json.decode(written) if answer.ended == "tool_calls" else {}


def _results(content: str | list[Table]) -> list[Table]:
    return [] if isinstance(content, str) else [block for block in content if block.get("type") == "tool_result"]


def _result(messages: Sequence[_Message]) -> str | None:
    """What a tool has answered since the model's last turn."""
    result = None
    for message in messages:
        if message.role == "assistant":
            result = None
        elif results := _results(message.content):
            content = results[-1].get("content")
            result = content if isinstance(content, str) else last_text(rows(results[-1], "content"))
    return result


def _tool(request: _Body) -> Tool | None:
    """The tool to call: one with a schema. Those without run at the vendor, or have arguments of the vendor's own."""
    tools: list[Tool] = []
    for tool in request.tools or []:
        match tool:
            case {"defer_loading": True}:
                pass
            case {"name": str(name), "input_schema": schema}:
                tools.append(Tool(name, schema or {}))
            case _:
                pass
    match request.tool_choice:
        case {"type": "none"}:
            return None
        case {"type": "tool", "name": str(name)}:
            return choose(tools, named=name)
        case None | {"type": "auto"}:
            return choose(few(tools))
        case _:
            return choose(tools)


def _reasons(request: _Body) -> bool:
    if request.thinking is not None:
        return request.thinking.get("type") != "disabled"
    return is_effort((request.output_config or {}).get("effort"))


def _schema(request: _Body) -> object:
    wanted = (request.output_config or {}).get("format") or request.output_format or {}
    match wanted:
        case {"type": "json_schema", "schema": schema}:
            return schema
        case _:
            return None
