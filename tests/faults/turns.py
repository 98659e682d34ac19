"""Two turns of one conversation, as a client holds it: what the first reply said goes back with the results of its calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperinfer.providers.catalogue import load
from tests.faults.bodies import tool_fields
from tests.faults.kit import CHAT, MESSAGES, RESPONSES, Seen
from tests.faults.reading import frames_of
from tests.faults.reading_responses import read_items
from tests.support.bench import MODEL, PROVIDER, asked, bench
from tests.support.replies import WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

USER: dict[str, Any] = {"role": "user", "content": "go"}

PROTOCOLS: Mapping[str, Dialect] = {
    "anthropic": MESSAGES,
    "openai": RESPONSES,
    "openai-chat": CHAT,
    "google": CHAT,
    "deepseek": MESSAGES,
    "vllm": RESPONSES,
}
"""Models of `CATALOGUE`, each behind a provider of its own, whose vendor has the model's name (`openai` for openai-chat)."""


def _catalogue() -> Any:
    text = "providers:\n"
    for name, protocol in PROTOCOLS.items():
        text += PROVIDER.format(name=name, protocol=protocol, more=f"vendor: {vendor_of(name)}")
    text += "creators:\n  test: {name: Test}\nmodels:\n"
    text += "".join(MODEL.format(slug=name, routes=f"{{provider: {name}, model: up}}") for name in PROTOCOLS)
    return load(text, {}, "test.yaml")


def vendor_of(model: str) -> str:
    """The vendor of a model of the catalogue."""
    return model.removesuffix("-chat")


CATALOGUE = _catalogue()


@dataclass(frozen=True)
class Turns:
    """`reply`: the first one, as the client saw it. `back`: the JSON body that the second turn's upstream got."""

    reply: Seen
    back: Any


async def two_turns(client: Dialect, model: str, says: bytes, *, stream: bool, then: str | None = None) -> Turns:
    """The first turn at `model`, whose upstream `says` a reply with calls of `f`; the second there or at `then`."""
    kind = {"content-type": "text/event-stream" if stream else "application/json"}
    second = PROTOCOLS[then or model]
    async with bench(
        Script([(0.1, says)], headers=kind),
        Script([(0.1, WHOLES[second])], headers={"content-type": "application/json"}),
        catalogue=CATALOGUE,
    ) as gateway:
        tools = tool_fields(client, "f")
        start = {"input": [USER]} if client == RESPONSES else {"messages": [USER]}
        got = await gateway.send(client, asked(client, model, stream=stream, **start, **tools))
        reply = Seen(client, stream, got.sent, got.status or 0)
        assert reply.status == 200, reply.body
        body = asked(client, then or model, stream=False, **history(reply), **tools)
        again = await gateway.send(client, body)
        assert again.status == 200, again.sent
        return Turns(reply, json.loads(gateway.transport.played[-1].body))


def history(reply: Seen) -> dict[str, Any]:
    """The fields of the next request: all that the reply held, each call answered with `done`."""
    if reply.client == RESPONSES:
        output = (read_items(frames_of(reply.body, named=True)) if reply.stream else json.loads(reply.body))["output"]
        calls = [item["call_id"] for item in output if item["type"] == "function_call"]
        results = [{"type": "function_call_output", "call_id": id, "output": "done"} for id in calls]
        return {"input": [USER, *output, *results]}
    if reply.client == CHAT:
        message = _chat_message(reply)
        told = [{"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in message["tool_calls"]]
        return {"messages": [USER, message, *told]}
    blocks = _blocks(reply)
    ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
    done = [{"type": "tool_result", "tool_use_id": id, "content": "done"} for id in ids]
    return {"messages": [USER, {"role": "assistant", "content": blocks}, {"role": "user", "content": done}]}


def _blocks(reply: Seen) -> list[dict[str, Any]]:
    if not reply.stream:
        found: list[dict[str, Any]] = json.loads(reply.body)["content"]
        return found
    blocks: list[dict[str, Any]] = []
    inputs: dict[int, str] = {}
    for kind, data in frames_of(reply.body, named=True):
        if kind == "content_block_start":
            blocks.append(dict(data["content_block"]))
        elif kind == "content_block_delta":
            for name, value in data["delta"].items():
                if name == "partial_json":
                    inputs[data["index"]] = inputs.get(data["index"], "") + value
                elif name != "type":
                    blocks[-1][name] = blocks[-1].get(name, "") + value
    for index, text in inputs.items():
        blocks[index]["input"] = json.loads(text or "{}")
    return blocks


def _chat_message(reply: Seen) -> dict[str, Any]:
    if not reply.stream:
        found: dict[str, Any] = json.loads(reply.body)["choices"][0]["message"]
        return found
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: dict[int, dict[str, Any]] = {}
    for _, chunk in frames_of(reply.body, named=False):
        choices: list[Any] = chunk["choices"] if chunk else []
        for delta in (choice["delta"] for choice in choices):
            _add_delta(message, calls, delta)
    return {**message, "tool_calls": [calls[index] for index in sorted(calls)]}


def _add_delta(message: dict[str, Any], calls: dict[int, dict[str, Any]], delta: dict[str, Any]) -> None:
    """As the OpenAI SDK adds deltas up: strings and lists grow, what is new is kept."""
    for name, value in delta.items():
        if name == "tool_calls":
            for piece in value:
                _add_call(calls, piece)
        elif name != "role" and value is not None:
            message[name] = message[name] + value if message.get(name) else value


def _add_call(calls: dict[int, dict[str, Any]], piece: dict[str, Any]) -> None:
    call = calls.setdefault(piece["index"], {"function": {"name": "", "arguments": ""}})
    call.update({name: value for name, value in piece.items() if name not in ("index", "function")})
    function: dict[str, str | None] = piece.get("function") or {}
    for name, value in function.items():
        call["function"][name] = call["function"].get(name, "") + (value or "")
