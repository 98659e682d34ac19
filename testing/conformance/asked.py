"""What a gateway asked of the upstream, read from the body in each of the three protocols."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hyperinfer.testing.conformance.json_values import count, parsed, record, records, string, texts

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Format, Object


@dataclass(slots=True)
class Asked:
    """A request as the upstream got it.

    `choice`: `auto`, `required`, `none`, or `tool:NAME`; "" when nothing is said. `results`: (id of the call, text).
    `calls`: (id, name, value of the arguments). `opaque`: signatures and encrypted contents. `images`: in base64, or URLs.
    `budget`: tokens of thinking, where the protocol counts them. `schema`: of the JSON that the answer is to be.
    """

    protocol: Format
    body: Object
    system: str = ""
    prompts: list[str] = field(default_factory=list[str])
    tools: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    choice: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    results: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    opaque: list[str] = field(default_factory=list[str])
    images: list[str] = field(default_factory=list[str])
    effort: str = ""
    budget: int = 0
    limit: int | None = None
    schema: Object | None = None

    @property
    def streamed(self) -> bool:
        return self.body.get("stream") is True


def read(protocol: Format, body: bytes) -> Asked:
    """Never raises: what cannot be read is left empty."""
    asked = Asked(protocol, record(parsed(body)))
    match protocol:
        case "chat":
            _chat(asked)
        case "responses":
            _responses(asked)
        case "messages":
            _messages(asked)
    return asked


def _chat(asked: Asked) -> None:
    body = asked.body
    for message in records(body.get("messages")):
        content = message.get("content")
        match message.get("role"):
            case "system" | "developer":
                asked.system += texts(content)
            case "user":
                asked.prompts.append(texts(content))
                asked.images += [string(record(part.get("image_url")).get("url")) for part in _of(content, "image_url")]
            case "tool":
                asked.results.append((string(message.get("tool_call_id")), texts(content)))
            case _:
                for call in records(message.get("tool_calls")):
                    function = record(call.get("function"))
                    asked.calls.append((string(call.get("id")), string(function.get("name")), _value(function)))
    for tool in records(body.get("tools")):
        asked.tools.append(_tool(record(tool.get("function")), "parameters"))
    asked.choice = _choice(body.get("tool_choice"), record(record(body.get("tool_choice")).get("function")))
    asked.effort = string(body.get("reasoning_effort")) or string(record(body.get("reasoning")).get("effort"))
    asked.limit = count(body.get("max_completion_tokens")) or count(body.get("max_tokens"))
    asked.schema = record(record(body.get("response_format")).get("json_schema")).get("schema")


def _responses(asked: Asked) -> None:
    body = asked.body
    asked.system = string(body.get("instructions"))
    given = body.get("input")
    if isinstance(given, str):
        asked.prompts.append(given)
    for item in records(given):
        content = item.get("content")
        match item.get("type", "message"):
            case "message" if item.get("role") in ("system", "developer"):
                asked.system += texts(content)
            case "message" if item.get("role") == "user":
                asked.prompts.append(texts(content))
                asked.images += [string(part.get("image_url")) for part in _of(content, "input_image")]
            case "function_call":
                asked.calls.append((string(item.get("call_id")), string(item.get("name")), _value(item)))
            case "function_call_output":
                asked.results.append((string(item.get("call_id")), texts(item.get("output"))))
            case "reasoning":
                asked.opaque.append(string(item.get("encrypted_content")))
            case _:
                pass
    asked.tools += [_tool(tool, "parameters") for tool in records(body.get("tools"))]
    asked.choice = _choice(body.get("tool_choice"), record(body.get("tool_choice")))
    asked.effort = string(record(body.get("reasoning")).get("effort"))
    asked.limit = count(body.get("max_output_tokens"))
    asked.schema = record(record(body.get("text")).get("format")).get("schema")


def _messages(asked: Asked) -> None:
    body = asked.body
    asked.system = texts(body.get("system"))
    for message in records(body.get("messages")):
        content = message.get("content")
        blocks = records(content) if isinstance(content, list) else [{"type": "text", "text": content}]
        if message.get("role") == "system":
            asked.system += texts(blocks)
        elif message.get("role") == "user":
            asked.prompts.append("".join(string(each.get("text")) for each in blocks if each.get("type") == "text"))
        for block in blocks:
            _block(asked, block)
    asked.tools += [_tool(tool, "input_schema") for tool in records(body.get("tools"))]
    choice = record(body.get("tool_choice"))
    kind = string(choice.get("type"))
    asked.choice = f"tool:{choice.get('name')}" if kind == "tool" else {"any": "required"}.get(kind, kind)
    asked.effort = string(record(body.get("output_config")).get("effort"))
    asked.budget = count(record(body.get("thinking")).get("budget_tokens")) or 0
    asked.limit = count(body.get("max_tokens"))
    asked.schema = record(record(body.get("output_config")).get("format") or body.get("output_format")).get("schema")


def _block(asked: Asked, block: Object) -> None:
    match block.get("type"):
        case "tool_use":
            asked.calls.append((string(block.get("id")), string(block.get("name")), block.get("input")))
        case "tool_result":
            asked.results.append((string(block.get("tool_use_id")), texts(block.get("content"))))
        case "thinking":
            asked.opaque.append(string(block.get("signature")))
        case "image":
            source = record(block.get("source"))
            asked.images.append(string(source.get("data")) or string(source.get("url")))
        case _:
            pass


def _of(content: Any, kind: str) -> list[Object]:
    return [part for part in records(content) if part.get("type") == kind]


def _tool(tool: Object, schema: str) -> tuple[str, str, Any]:
    return string(tool.get("name")), string(tool.get("description")), tool.get(schema)


def _value(call: Object) -> Any:
    """Of arguments, which are JSON in a string."""
    return parsed(string(call.get("arguments")) or "{}")


def _choice(choice: Any, named: Object) -> str:
    return string(choice) or (f"tool:{named['name']}" if string(named.get("name")) else "")
