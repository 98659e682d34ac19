"""Answers of a demanded shape, in every cell, however the upstream is asked for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import events as ev
from tests.faults.kit import CHAT, MESSAGES, RESPONSES, Seen
from tests.faults.reading import Reading, frames_of, read
from tests.support.bench import DIALECTS, asked, bench, catalogue
from tests.support.judge import breaches_if_judged
from tests.support.shapes import (
    HIDDEN,
    LIST,
    SCHEMA,
    called,
    choice_of,
    function,
    reply,
    said,
    shape_of,
    shaped,
    thought,
    tools_of,
)
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.formats import Dialect
    from hyperinfer.formats.events import Event
    from tests.support.bench import Bench
    from tests.support.exchanges import ScriptedExchange

ANSWER = {"city": 'Ulm "an der Donau" ```', "tags": ["größte Kirche 😀", "\n"]}
TEXT = json.dumps(ANSWER, separators=(",", ":"), ensure_ascii=False)
PIECES = (TEXT[:12], TEXT[12:13], TEXT[13:40], TEXT[40:])
ROUTES = {
    rule: catalogue(f"quirks: {{json_schema: {rule}}}") for rule in ("auto", "tool", "instruction", "tool, stop: none")
}
PROPER: Mapping[Dialect, str] = {CHAT: "stop", RESPONSES: "completed", MESSAGES: "end_turn"}
WAITS: Mapping[Dialect, str] = {CHAT: "tool_calls", RESPONSES: "completed", MESSAGES: "tool_use"}
CUT: Mapping[Dialect, str] = {CHAT: "length", RESPONSES: "incomplete", MESSAGES: "max_tokens"}
PATHS: Mapping[Dialect, str] = {CHAT: "response_format", RESPONSES: "text.format", MESSAGES: "output_config.format"}

both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
to = pytest.mark.parametrize("upstream", DIALECTS)
of = pytest.mark.parametrize("client", DIALECTS)


class Cell:
    """One client format in front of one upstream protocol, whose routes have `rule`."""

    def __init__(self, client: Dialect, upstream: Dialect, *, stream: bool, rule: str = "tool") -> None:
        self.client: Dialect = client
        self.upstream: Dialect = upstream
        self.stream = stream
        self._catalogue = ROUTES[rule]

    async def ask(self, *parts: list[Event], ended: ev.StopReason = "tool_calls", **fields: Any) -> Answer:
        """What comes of a reply of these parts."""
        frames = reply(self.upstream, *parts, stop=ended, stream=self.stream)
        async with bench(Script([(1.0, frame) for frame in frames]), catalogue=self._catalogue) as gateway:
            exchange = await gateway.ask(self.client, self.upstream, stream=self.stream, **fields)
            return Answer(self, gateway, exchange)


class Answer:
    """What the client got, and what the upstream was asked. Nothing of the hidden tool is with the client."""

    def __init__(self, cell: Cell, gateway: Bench, exchange: ScriptedExchange) -> None:
        assert exchange.status == 200, exchange.sent
        if cell.stream:
            assert breaches_if_judged(cell.client, exchange.sent) == []
        assert HIDDEN.encode() not in exchange.sent
        seen = Seen(cell.client, cell.stream, exchange.sent, exchange.status)
        self.found: Reading = read(seen)
        self.deltas = _deltas(seen) if cell.stream else 0
        self.asked: dict[str, Any] = json.loads(gateway.transport.played[0].body)
        self.losses = [loss.path for loss in gateway.row.losses]
        self.counted = int(exchange.sent_headers["x-hyperinfer-loss"])
        self.reason = gateway.row.finish_reason
        assert gateway.row.error_code is None


def _deltas(seen: Seen) -> int:
    """Pieces of text in a stream."""
    frames = [data for _, data in frames_of(seen.body, named=seen.client != CHAT) if data]
    if seen.client == CHAT:
        return sum(bool(choice["delta"].get("content")) for data in frames for choice in data["choices"])
    if seen.client == RESPONSES:
        return sum(data["type"] == "response.output_text.delta" for data in frames)
    return sum(data["type"] == "content_block_delta" and "text" in data["delta"] for data in frames)


@both
@to
@of
async def test_an_api_that_takes_schemas(client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object) -> None:
    cell = Cell(client, upstream, stream=stream, rule="auto")
    answer = await cell.ask(said(*PIECES), ended="stop", **shaped(client))
    assert shape_of(answer.asked)
    assert (answer.found.text, answer.found.stop, answer.losses) == (TEXT, PROPER[client], [])


@both
@to
@of
async def test_a_hidden_tool(client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object) -> None:
    cell = Cell(client, upstream, stream=stream)
    answer = await cell.ask(called(HIDDEN, *PIECES), **shaped(client))
    assert (tools_of(answer.asked), choice_of(answer.asked)) == ([HIDDEN], HIDDEN)
    assert (answer.found.text, answer.found.kinds) == (TEXT, ["text"])
    assert (answer.found.stop, answer.reason, answer.losses, answer.counted) == (PROPER[client], "stop", [], 0)
    assert answer.deltas == (len(PIECES) if stream else 0)
    if client == RESPONSES:
        whole = answer.found.whole
        assert (whole["tools"], whole["tool_choice"]) == ([], "auto")
        assert whole["text"]["format"]["schema"] == SCHEMA


@both
@to
@of
async def test_an_answer_that_is_no_object(client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object) -> None:
    value = json.dumps(['a"}', "ü", {"answer": 1}], ensure_ascii=False)
    text = f'{{"answer": {value}}}'
    cell = Cell(client, upstream, stream=stream)
    answer = await cell.ask(called(HIDDEN, *text), **shaped(client, LIST))
    assert json.loads(answer.found.text) == json.loads(value)
    assert (answer.found.kinds, answer.found.stop, answer.losses) == (["text"], PROPER[client], [])
    assert answer.deltas > 5 or not stream


@both
@to
@of
async def test_an_instruction(client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object) -> None:
    cell = Cell(client, upstream, stream=stream, rule="instruction")
    answer = await cell.ask(said("Here ", "it is:\n``", "`json\n", *PIECES, "\n``", "`\n"), ended="stop", **shaped(client))
    assert "tools" not in answer.asked
    assert (answer.found.text, answer.found.stop) == (TEXT, PROPER[client])
    assert sorted(answer.losses) == sorted([PATHS[client], "response.text"])
    assert answer.counted == (1 if stream else 2)  # those known when the head is sent
    assert answer.deltas == (len(PIECES) if stream else 0)


@both
@to
@of
async def test_words_beside_the_answer(client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object) -> None:
    cell = Cell(client, upstream, stream=stream)
    answer = await cell.ask(said("Let me see. "), called(HIDDEN, *PIECES), **shaped(client))
    assert (answer.found.text, answer.found.kinds, answer.found.stop) == (TEXT, ["text"], PROPER[client])
    assert answer.losses == ["response.text"]


@both
@to
@of
async def test_calls_of_the_callers_tools(client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object) -> None:
    cell = Cell(client, upstream, stream=stream)
    fields: dict[str, Any] = {"tools": [function(client)], **shaped(client)}
    answer = await cell.ask(said("First: "), called("weather", '{"city": ', '"Ulm"}'), **fields)
    assert (tools_of(answer.asked), choice_of(answer.asked)) == (["weather", HIDDEN], "required")
    assert (answer.found.calls, answer.found.kinds) == ([("weather", {"city": "Ulm"})], ["call"])
    assert (answer.found.stop, answer.reason, answer.losses) == (WAITS[client], "tool_calls", ["response.text"])
    answer = await cell.ask(called(HIDDEN, *PIECES), **fields)
    assert (answer.found.text, answer.found.kinds, answer.found.stop) == (TEXT, ["text"], PROPER[client])
    early = [called("weather", '{"city": "Ulm"}'), called(HIDDEN, TEXT)]
    answer = await cell.ask(*early, **fields)
    assert (answer.found.kinds, answer.found.stop, answer.losses) == (["call"], WAITS[client], ["response.answer"])


@both
@to
@of
async def test_beside_thinking(client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object) -> None:
    thinking: Mapping[Dialect, dict[str, Any]] = {
        CHAT: {"reasoning_effort": "low"},
        RESPONSES: {"reasoning": {"effort": "low", "summary": "auto"}},
        MESSAGES: {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000},
    }
    cell = Cell(client, upstream, stream=stream)
    fields = {**thinking[client], **shaped(client)}
    answer = await cell.ask(thought("Hm."), said("\n"), called(HIDDEN, *PIECES), **fields)
    assert choice_of(answer.asked) == (None if upstream == MESSAGES else HIDDEN)
    assert (answer.found.reasoning, answer.found.text, answer.found.stop) == ("Hm.", TEXT, PROPER[client])
    assert (PATHS[client] in answer.losses) == (upstream == MESSAGES)
    answer = await cell.ask(thought("Hm."), said("```json\n", *PIECES, "\n```"), ended="stop", **fields)  # it need not call
    assert (answer.found.reasoning, answer.found.text, answer.found.stop) == ("Hm.", TEXT, PROPER[client])


@both
@to
@of
@pytest.mark.parametrize("rule", ["tool", "instruction"])
async def test_a_reply_that_is_cut_short(
    client: Dialect, upstream: Dialect, stream: bool, rule: str, autojump_clock: object
) -> None:
    # A whole Messages reply holds its calls' input as an object, which is never cut in the middle.
    whole_call = rule == "tool" and upstream == MESSAGES and not stream
    half = TEXT if whole_call else TEXT[:30]
    part = called(HIDDEN, half) if rule == "tool" else said("```json\n" + half)
    answer = await Cell(client, upstream, stream=stream, rule=rule).ask(part, ended="length", **shaped(client))
    found = answer.found.text
    assert json.loads(found) == ANSWER if whole_call else found == half
    assert (answer.found.stop, answer.reason) == (CUT[client], "length")


@both
@to
@of
@pytest.mark.parametrize("rule", ["tool", "instruction"])
async def test_a_refusal(client: Dialect, upstream: Dialect, stream: bool, rule: str, autojump_clock: object) -> None:
    cell = Cell(client, upstream, stream=stream, rule=rule)
    refused: list[Event] = [ev.RefusalStart(), ev.RefusalDelta("I will not."), ev.RefusalEnd()]
    answer = await cell.ask(refused, ended="refusal", **shaped(client))
    assert "I will not." in "".join(block.get("text", "") for block in answer.found.blocks)
    assert answer.reason == "refusal"
    answer = await cell.ask(said("I will ", "not."), ended="stop", **shaped(client))  # in words
    assert (answer.found.text, answer.found.stop) == ("I will not.", PROPER[client])


@both
@to
@pytest.mark.parametrize("client", [CHAT, MESSAGES])
async def test_stop_strings_end_the_answer(client: Dialect, upstream: Dialect, stream: bool, autojump_clock: object) -> None:
    """They are looked for in the text that the client gets, where the upstream is not sent them."""
    stops: dict[str, Any] = {"stop" if client == CHAT else "stop_sequences": ["Kirche"]}
    cell = Cell(client, upstream, stream=stream, rule="tool, stop: none")
    answer = await cell.ask(called(HIDDEN, *TEXT), **stops, **shaped(client))
    assert (answer.found.text, answer.reason) == (TEXT.partition("Kirche")[0], "stop_sequence")


@to
@of
async def test_a_strict_client_is_told_what_cannot_be_promised(
    client: Dialect, upstream: Dialect, autojump_clock: object
) -> None:
    strict = {"x-hyperinfer-strict": "true"}

    async def refused(rule: str, fields: dict[str, Any]) -> bytes | None:
        frames = reply(upstream, called(HIDDEN, TEXT), stop="tool_calls", stream=False)
        async with bench(Script([(1.0, frame) for frame in frames]), catalogue=ROUTES[rule]) as gateway:
            body = asked(client, upstream, stream=False, **fields)
            exchange = await gateway.send(client, body, strict)
            assert (exchange.status == 400) == (gateway.transport.played == [])
            return exchange.sent if exchange.status == 400 else None

    assert await refused("tool", shaped(client)) is None
    assert PATHS[client].encode() in (await refused("instruction", shaped(client)) or b"")
    if client != MESSAGES:
        assert b"strict" in (await refused("tool", shaped(client, strict=True)) or b"")


@of
async def test_a_stream_that_breaks_says_nothing_of_the_tool(client: Dialect, autojump_clock: object) -> None:
    for upstream in DIALECTS:
        frames = reply(upstream, called(HIDDEN, *PIECES), stop="tool_calls", stream=True)
        cut = next(place for place, frame in enumerate(frames) if b"greatest" in frame or b"Donau" in frame) + 1
        script = Script([(1.0, frame) for frame in frames[:cut]])
        async with bench(script, catalogue=ROUTES["tool"]) as gateway:
            exchange = await gateway.ask(client, upstream, stream=True, **shaped(client))
            assert exchange.status == 200
            assert breaches_if_judged(client, exchange.sent, failed=True) == []
            read(Seen(client, True, exchange.sent, 200), failed=True)
            assert HIDDEN.encode() not in exchange.sent
            assert gateway.row.error_code == "provider_unavailable"
