"""An upstream of all three protocols that works through a script, for clients that run tools.

    python -m tests.system.agent_upstream        prints `listening http://127.0.0.1:PORT`

The script stands in the caller's own text: `script([{"tool": "Bash", "arguments": {...}}, ...])`. Each turn calls the
next tool of it, found by name whatever the protocol calls a tool; when all have answered, a text quotes the last answer.
A request without a script is answered as the demo models do.

`GET /__requests` gives all requests so far, `[{path, query, headers, body, status, reply}]`, and forgets them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config, Sockets
from hypercorn.trio.run import worker_serve

from hyperinfer.providers.demo import anthropic_messages, openai_chat, openai_responses
from hyperinfer.providers.demo.answer import Answer, Call, compose
from hyperinfer.providers.demo.asked import Asked, Malformed, tokens
from hyperinfer.providers.demo.recording import Reply, load

CREATED = 1_700_000_000
_FORM = re.compile(r"script\((\[.*?\])\)", re.DOTALL)
ROUTES: dict[str, tuple[Any, Any]] = {
    "chat/completions": ("openai_chat", openai_chat),
    "responses": ("openai_responses", openai_responses),
    "messages": ("anthropic_messages", anthropic_messages),
}
"""By what follows the version in the path: the dialect, and the demo model that speaks it."""
LATER = ("additional_tools", "tool_search_output")
_requests: list[dict[str, Any]] = []


def script(*steps: tuple[str, Any]) -> str:
    """What a prompt holds: the tools to call, each with its arguments, or with the text of a custom tool."""
    return f"script({json.dumps([{'tool': name, 'arguments': given} for name, given in steps])})"


@dataclass(frozen=True)
class Tool:
    """A tool as an upstream may call it."""

    name: str
    namespace: str | None
    custom: bool


@dataclass(frozen=True)
class Heard:
    """The conversation without its format: `kind` is text, call or result."""

    kind: str
    text: str


def text_of(content: Any) -> str:
    """All text in a content, with the names of tools that it refers to."""
    if isinstance(content, str):
        return content
    parts: list[dict[str, Any]] = content or []
    texts = [part.get("text") or part.get("tool_name") for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str))


def tools_of(definitions: Any, namespace: str | None = None) -> list[Tool]:
    """The tools of a request of any protocol that its caller runs."""
    found: list[Tool] = []
    listed: list[dict[str, Any]] = definitions or []
    for tool in listed:
        match tool:
            case {"type": "namespace", "name": str(name), "tools": _}:
                found += tools_of(tool["tools"], name)
            case {"type": "function" | "custom", "name": str(name)} if "input_schema" not in tool:
                found.append(Tool(name, namespace, tool["type"] == "custom"))
            case {"type": "function", "function": {"name": str(name)}}:
                found.append(Tool(name, namespace, custom=False))
            case {"type": "custom", "custom": {"name": str(name)}}:
                found.append(Tool(name, namespace, custom=True))
            case {"name": str(name), "input_schema": dict()}:
                found.append(Tool(name, namespace, custom=False))
            case _:
                pass
    return found


def declared_later(body: dict[str, Any]) -> list[Any]:
    """The tools that items of a Responses conversation declare."""
    said: Any = body.get("input") or []
    items: list[dict[str, Any]] = [] if isinstance(said, str) else said
    return [item["tools"] for item in items if item.get("type") in LATER]


def heard(body: dict[str, Any]) -> list[Heard]:
    """The conversation of a request of any protocol."""
    said: Any = body.get("messages") or body.get("input") or []
    if isinstance(said, str):
        return [Heard("text", said)]
    turns: list[dict[str, Any]] = said
    found: list[Heard] = []
    for turn in turns:
        if str(turn.get("type", "")).endswith("_call_output"):
            found.append(Heard("result", text_of(turn["output"])))
        elif turn.get("role") == "tool":
            found.append(Heard("result", text_of(turn["content"])))
        elif turn.get("role") == "user":
            content: Any = turn["content"]
            parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
            for part in parts:
                if part["type"] == "tool_result":
                    found.append(Heard("result", text_of(part.get("content"))))
                else:
                    found.append(Heard("text", part.get("text", "")))
    return found


def next_step(said: list[Heard]) -> tuple[str, Any] | str | None:
    """The tool to call and with what, or the last answer of a tool when the script is through, or None without one."""
    for place in range(len(said) - 1, -1, -1):
        if said[place].kind == "text" and (found := _FORM.search(said[place].text)):
            steps = json.loads(found[1])
            results = [entry.text for entry in said[place:] if entry.kind == "result"]
            if len(results) < len(steps):
                step = steps[len(results)]
                return step["tool"], step["arguments"]
            return results[-1]
    return None


def called(tool: Tool, arguments: Any) -> Call:
    """The call as the tool wants it: text for a custom tool, which a gateway may have made a function of `input`."""
    if tool.custom:
        return Call(tool.name, str(arguments), custom=True, namespace=tool.namespace)
    given = {"input": arguments} if isinstance(arguments, str) else arguments
    return Call(tool.name, json.dumps(given), namespace=tool.namespace)


def answer(asked: Asked, body: dict[str, Any]) -> Answer:
    """What the script says next."""
    tools = [*tools_of(body.get("tools")), *(tool for group in declared_later(body) for tool in tools_of(group))]
    step = next_step(heard(body))
    if step is None or not tools:
        return compose(asked)
    plain = compose(replace(asked, tool=None))
    if isinstance(step, str):
        if asked.schema is not None:
            return plain
        text = f"The tool said: {step.strip()}"
        return replace(plain, text=text, output_tokens=plain.reasoning_tokens + tokens(text), ended="stop")
    wanted, arguments = step
    for tool in tools:
        if wanted == tool.name or tool.name.endswith(f"__{wanted}"):
            call = called(tool, arguments)
            size = plain.reasoning_tokens + tokens(call.name + call.arguments)
            return replace(plain, text="", call=call, output_tokens=size, ended="tool_calls")
    raise Malformed(f"no tool {wanted}: there is {', '.join(tool.name for tool in tools)}", "tools")


def reply(path: str, raw: bytes) -> tuple[int, str, bytes]:
    """Status, media type and body."""
    seed = blake2b(raw, digest_size=12).hexdigest()
    found = next((value for name, value in ROUTES.items() if path.endswith(f"/v1/{name}")), None)
    if found is None:
        return 404, "application/json", openai_chat.error(404, f"Invalid URL ({path})", None, seed=seed)
    dialect, protocol = found
    try:
        asked = protocol.ask(raw)
        filled: Reply = protocol.fill(asked, answer(asked, json.loads(raw)), seed=seed, created=CREATED)
    except Malformed as error:
        return 400, "application/json", protocol_error(protocol, str(error), error.param, seed)
    recording = load(dialect)
    if asked.streamed:
        return 200, "text/event-stream", b"".join(chunk for _, chunk in recording.play(filled))
    return 200, "application/json", recording.body(filled)[1]


def protocol_error(protocol: Any, message: str, param: str | None, seed: str) -> bytes:
    """A refusal in the vendor's envelope."""
    write = anthropic_messages.error if protocol is anthropic_messages else openai_chat.error
    return write(400, message, param, seed=seed)


async def upstream(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application."""
    if scope["type"] == "lifespan":
        for moment in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{moment}.complete"})
        return
    raw, more = b"", True
    while more:
        message = await receive()
        raw += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/__requests":
        status, media, body = 200, "application/json", json.dumps(_requests).encode()
        _requests.clear()
    else:
        status, media, body = reply(scope["path"], raw)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        _requests.append(
            {
                "path": scope["path"],
                "query": scope["query_string"].decode(),
                "headers": headers,
                "body": json.loads(raw or b"null"),
                "status": status,
                "reply": body.decode(),
            }
        )
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", media.encode())]})
    await send({"type": "http.response.body", "body": body})


async def main() -> None:
    """Serves until killed."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    sockets = config.create_sockets()
    for sock in sockets.insecure_sockets:
        sock.listen(100)
    print(f"listening http://127.0.0.1:{sockets.insecure_sockets[0].getsockname()[1]}", flush=True)
    await worker_serve(ASGIWrapper(upstream), config, sockets=Sockets([], sockets.insecure_sockets, []))


if __name__ == "__main__":
    trio.run(main)
