"""Choices among the client's own tools and the gateway's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bench import DIALECTS, bench
from tests.support.tool_rounds import ScriptedTool, asked_of, call, switched_on, text, tooling, upstream

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from tests.support.upstreams import Script

SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


def allowing(client: Dialect, *names: str, mode: str) -> dict[str, Any]:
    """Functions `local` and `other` of the client's beside our search, of which `names` are allowed."""
    fields = switched_on(client, "web_search")
    if client == "openai_chat":
        allowed = [{"type": "function", "function": {"name": name}} for name in names]
        own = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ("local", "other")]
        choice: dict[str, Any] = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": allowed}}
        return {**fields, "tools": own, "tool_choice": choice}
    own = [{"type": "function", "name": name, "parameters": SCHEMA} for name in ("local", "other")]
    allowed = [{"type": name} if name == "web_search" else {"type": "function", "name": name} for name in names]
    choice = {"type": "allowed_tools", "mode": mode, "tools": allowed}
    return {"tools": [*fields["tools"], *own], "tool_choice": choice}


@pytest.mark.parametrize("names", [("local",), ("local", "web_search")])
@pytest.mark.parametrize("protocol", DIALECTS)
@pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
async def test_only_what_is_allowed_can_be_called_in_any_round(
    client: Dialect, protocol: Dialect, names: tuple[str, ...], autojump_clock: object
) -> None:
    scripts = (
        upstream(protocol, call("web_search", "call_a", query="a"), stream=False),
        upstream(protocol, text("ok"), stream=False),
    )
    async with bench(*scripts, tooling=tooling(ScriptedTool())) as gateway:
        exchange = await gateway.ask(client, protocol, stream=False, **allowing(client, *names, mode="required"))
        assert exchange.status == 200, exchange.sent
        for played, demanded in zip(gateway.transport.played, (True, False), strict=True):
            body = json.loads(played.body)
            asked = asked_of(protocol, played.body)
            choice = asked.tool_choice
            assert choice is not None
            offered = {tool.name for tool in asked.tools}
            callable_ = offered & set(choice.allowed) if choice.mode == "allowed" else offered
            assert callable_ == set(names)
            mode = choice.allowed_mode if choice.mode == "allowed" else choice.mode
            assert mode == ("required" if demanded else "auto"), body["tool_choice"]
            assert all("name" in each or "function" in each for each in body["tools"]), "all of them are functions there"
            assert {"type": "web_search"} not in body["tool_choice"].get("tools", []) if choice.mode == "allowed" else True
        assert gateway.row.losses == ()


@pytest.mark.parametrize("stream", [True, False])
async def test_a_responses_client_is_told_its_own_request(stream: bool, autojump_clock: object) -> None:
    """Its upstream says again what it was asked, with our tools as functions, and in a later round with another choice."""
    ours = b'"tools":[{"type":"function","name":"web_search","description":"internal","parameters":{}}]'
    scripts = [upstream("openai_responses", blocks, stream=stream) for blocks in (call("web_search", query="a"), text("ok"))]
    told: list[Script] = []
    for script in scripts:
        pieces = [(after, piece.replace(b'"tools":[]', ours)) for after, piece in script.pieces if isinstance(piece, bytes)]
        assert any(ours in piece for _, piece in pieces)
        told.append(replace(script, pieces=pieces))
    async with bench(*told, tooling=tooling(ScriptedTool())) as gateway:
        fields: dict[str, Any] = {**switched_on("openai_responses", "web_search"), "tool_choice": "required"}
        exchange = await gateway.ask("openai_responses", "openai_responses", stream=stream, **fields)
        assert b"internal" not in exchange.sent
        assert exchange.sent.count(b'"tools":[{"type":"web_search"}]') == (3 if stream else 1)
        assert exchange.sent.count(b'"tool_choice":"required"') == (3 if stream else 1)
