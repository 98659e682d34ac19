"""Requests whose stop sequences the upstream does not take: the gateway ends the reply, and the upstream's connection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.kit import CHAT, MESSAGES, RESPONSES, Seen
from tests.faults.reading import Reading, read
from tests.faults.wire import chat_whole, chunk, data
from tests.support.bench import bench, catalogue
from tests.support.judge import breaches_if_judged
from tests.support.texts import text_frames, text_whole
from tests.support.upstreams import NEVER, Piece, Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.formats import Dialect
    from hyperinfer.providers.catalogue import Catalogue
    from tests.support.bench import Bench
    from tests.support.exchanges import ScriptedExchange


@dataclass(frozen=True)
class Cell:
    """A client with stop sequences of which one is END, and an upstream that does not take them."""

    client: Dialect
    upstream: Dialect
    stops: tuple[str, ...]
    catalogue: Catalogue | None = None

    @property
    def fields(self) -> dict[str, Any]:
        return {"stop" if self.client == CHAT else "stop_sequences": self.stops}


_FIVE = ("STOP", "END", "\n\nHuman:", "</answer>", "ENDE")
_NO_STOPS = catalogue("quirks: {stop: none}")
CELLS = {
    "chat-responses": Cell(CHAT, RESPONSES, ("END", "ENDE")),
    "messages-responses": Cell(MESSAGES, RESPONSES, ("ENDE", "END")),
    "chat-chat-five": Cell(CHAT, CHAT, _FIVE),
    "messages-chat-five": Cell(MESSAGES, CHAT, _FIVE),
    "chat-chat-none": Cell(CHAT, CHAT, ("END", "ENDE"), _NO_STOPS),
    "chat-messages-blank": Cell(CHAT, MESSAGES, ("\n", "END", "ENDE")),
    "messages-messages-none": Cell(MESSAGES, MESSAGES, ("END", "ENDE"), _NO_STOPS),
}
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())

PIECES = ("It is ", "42.", " E", "N", "D. Ende")
TEXT = "It is 42. "


async def answered(gateway: Bench, cell: Cell, *, stream: bool, failed: bool = False, **fields: Any) -> Reading:
    """What the client reads; the row of a reply that went well says so."""
    exchange = await gateway.ask(cell.client, cell.upstream, stream=stream, **cell.fields, **fields)
    found = reading(cell, exchange, stream=stream, failed=failed)
    asked = json.loads(gateway.transport.played[-1].body)
    assert "stop" not in asked
    assert "stop_sequences" not in asked
    if not failed:
        assert exchange.sent_headers["x-hyperinfer-loss"] == "0"
        assert (gateway.row.status, gateway.row.error_code, gateway.row.losses) == ("completed", None, ())
        assert gateway.row.cost > 0
    return found


def reading(cell: Cell, exchange: ScriptedExchange, *, stream: bool, failed: bool = False) -> Reading:
    """The response as a strict client reads it."""
    if stream:
        assert breaches_if_judged(cell.client, exchange.sent, failed=failed) == []
    return read(Seen(cell.client, stream, exchange.sent, exchange.status or 0), failed=failed)


def told(cell: Cell, found: Reading, sequence: str | None) -> bool:
    """Whether the reply ended at `sequence`, in the client's words; None: at its own end."""
    if cell.client == CHAT:
        return found.stop == "stop"
    return (found.stop, found.stop_sequence) == (("stop_sequence", sequence) if sequence else ("end_turn", None))


def second_by_second(cell: Cell, pieces: Sequence[str], *, ends: bool) -> Script:
    """The opening, the pieces and the end of a reply, each a second after the one before; or no end, and it stays open."""
    opening, frames, ending = text_frames(cell.upstream, pieces)
    last = [(1.0, ending)] if ends else [NEVER]
    return Script([(1.0, frame) for frame in (opening, *frames)] + last)


@cells
async def test_a_stream_ends_at_the_match_and_so_does_the_upstreams_connection(cell: Cell, autojump_clock: object) -> None:
    async with bench(second_by_second(cell, PIECES, ends=False), catalogue=cell.catalogue) as gateway:
        found = await answered(gateway, cell, stream=True)
        assert found.text == TEXT
        assert told(cell, found, "END")
        (played,) = gateway.transport.played
        assert played.closed_at is not None
        assert (played.closed_at - played.at, played.read_to_end) == (6.0, False)
        row = gateway.row
        assert row.finish_reason == "stop_sequence"
        assert row.tokens_prompt > 0
        assert row.tokens_completion > 1  # Messages told one of them at its start
        assert [(attempt.status, attempt.code) for attempt in row.attempts] == [(200, None)]
        assert found.usage.get("output_tokens", found.usage.get("completion_tokens")) == row.tokens_completion


@cells
async def test_text_comes_as_soon_as_it_cannot_be_a_stop_sequence(cell: Cell, autojump_clock: object) -> None:
    async with bench(second_by_second(cell, PIECES, ends=False), catalogue=cell.catalogue) as gateway:
        exchange = await gateway.ask(cell.client, cell.upstream, stream=True, **cell.fields)
        at = {text: next(time for time, written in exchange.writes if text in written) for text in (b"It is ", b"42.")}
        assert at == {b"It is ": gateway.transport.played[0].at + 2, b"42.": gateway.transport.played[0].at + 3}


@cells
@pytest.mark.parametrize("stream", [True, False])
async def test_a_whole_reply_is_cut_and_its_counts_stand(cell: Cell, stream: bool, autojump_clock: object) -> None:
    """Also for a client that asked for a stream: some servers answer so."""
    async with bench(Script([(1.0, text_whole(cell.upstream, "".join(PIECES)))]), catalogue=cell.catalogue) as gateway:
        found = await answered(gateway, cell, stream=stream)
        assert found.text == TEXT
        assert told(cell, found, "END")
        assert (gateway.row.finish_reason, gateway.row.tokens_prompt, gateway.row.tokens_completion) == (
            "stop_sequence",
            10,
            5,
        )
        assert gateway.transport.played[0].read_to_end


@cells
async def test_a_stream_where_a_whole_reply_was_asked_for(cell: Cell, autojump_clock: object) -> None:
    async with bench(second_by_second(cell, PIECES, ends=False), catalogue=cell.catalogue) as gateway:
        found = await answered(gateway, cell, stream=False)
        assert found.text == TEXT
        assert told(cell, found, "END")
        assert gateway.transport.played[0].closed_at == gateway.transport.played[0].at + 6


@cells
@pytest.mark.parametrize("stream", [True, False])
async def test_without_a_match_nothing_is_missing(cell: Cell, stream: bool, autojump_clock: object) -> None:
    pieces = ("The E", "ND", "E of EN")
    others = Cell(cell.client, cell.upstream, tuple(stop + "R" for stop in cell.stops))
    whole = Script([(1.0, text_whole(cell.upstream, "".join(pieces)))])
    script = second_by_second(cell, pieces, ends=True) if stream else whole
    async with bench(script, catalogue=_NO_STOPS) as gateway:
        found = await answered(gateway, others, stream=stream)
        assert found.text == "".join(pieces)
        assert told(cell, found, None)
        assert (gateway.row.finish_reason, gateway.row.tokens_completion) == ("stop", 5)
        assert gateway.transport.played[0].read_to_end


@cells
@pytest.mark.parametrize("way", ["EOF", "garbage", "silence"])
async def test_an_upstream_that_fails_while_text_is_held_back(cell: Cell, way: str, autojump_clock: object) -> None:
    opening, frames, _ = text_frames(cell.upstream, ("It is ", "E"))
    endings: dict[str, list[Piece]] = {"EOF": [], "garbage": [(1.0, b"data: {\n\n")], "silence": [NEVER]}
    async with bench(Script([(1.0, opening + b"".join(frames)), *endings[way]]), catalogue=cell.catalogue) as gateway:
        found = await answered(gateway, cell, stream=True, failed=True)
        code = "provider_timeout" if way == "silence" else "provider_unavailable"
        assert (gateway.row.status, gateway.row.error_code, gateway.row.finish_reason) == ("failed", code, None)
        assert found.text == "It is E"


@cells
async def test_an_upstream_that_fails_once_the_reply_was_over(cell: Cell, autojump_clock: object) -> None:
    """END had come, and could only have become ENDE: there is nothing left to fail."""
    opening, frames, _ = text_frames(cell.upstream, ("It is END",))
    async with bench(Script([(1.0, opening + b"".join(frames))]), catalogue=cell.catalogue) as gateway:
        found = await answered(gateway, cell, stream=True)
        assert found.text == "It is "
        assert told(cell, found, "END")
        assert gateway.row.finish_reason == "stop_sequence"


async def test_text_that_is_held_back_is_output_to_the_deadlines(autojump_clock: object) -> None:
    """The first token has come, though the client sees none of it yet."""
    cell = Cell(CHAT, RESPONSES, ("END",), catalogue("timeouts: {first_token: 3, idle: 60}"))
    opening, frames, ending = text_frames(RESPONSES, ("E", "nd"))
    script = Script([(1.0, opening + frames[0]), (30.0, frames[1] + ending)])
    async with bench(script, catalogue=cell.catalogue) as gateway:
        assert (await answered(gateway, cell, stream=True)).text == "End"


async def test_a_reply_that_begins_with_a_stop_sequence_is_empty(autojump_clock: object) -> None:
    cell = Cell(MESSAGES, RESPONSES, ("END",))
    async with bench(second_by_second(cell, ("END",), ends=False)) as gateway:
        found = await answered(gateway, cell, stream=True)
        assert found.text == ""
        assert told(cell, found, "END")


async def test_choices_are_cut_each_and_the_connection_ends_with_the_last(autojump_clock: object) -> None:
    def said(index: int, text: str, finish: str | None = None) -> bytes:
        return chunk({"content": text}, finish, choice={"index": index})

    frames = [said(0, "a EN"), said(1, "b"), said(0, "D x"), said(1, " E"), said(0, "y"), said(1, "ND"), said(1, " z")]
    fields: dict[str, Any] = {"n": 2, "stop": (*_FIVE[:4], "six")}
    async with bench(Script([*((1.0, frame) for frame in frames), NEVER])) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=True, **fields)
        assert breaches_if_judged(CHAT, exchange.sent) == []
        chunks = [json.loads(line[6:]) for line in exchange.sent.decode().splitlines() if line.startswith("data: {")]
        choices = [choice for one in chunks for choice in one["choices"]]
        text = ["".join(one["delta"].get("content") or "" for one in choices if one["index"] == n) for n in (0, 1)]
        assert text == ["a ", "b "]
        assert [(one["index"], one["finish_reason"]) for one in choices if one["finish_reason"]] == [
            (1, "stop"),
            (0, "stop"),
        ]
        assert gateway.transport.played[0].closed_at == gateway.transport.played[0].at + 6
    reply = json.loads(chat_whole({"content": "a END"}))
    reply["choices"].append({"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": "length"})
    async with bench(Script([(1.0, json.dumps(reply).encode())])) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=False, **fields)
        choices = json.loads(exchange.sent)["choices"]
        found = [(one["message"]["content"], one["finish_reason"]) for one in choices]
        assert found == [("a ", "stop"), ("b", "length")]


@pytest.mark.parametrize(("stop", "sent"), [("x", "x"), (["x"], ["x"]), (list("abcd"), list("abcd")), (list("abcde"), None)])
async def test_what_goes_up(stop: Any, sent: Any, autojump_clock: object) -> None:
    async with bench(second_by_second(CELLS["chat-chat-five"], ("Hello",), ends=True)) as gateway:
        strict = {"x-hyperinfer-strict": "true"}
        body = {"model": "test/openai_chat", "messages": [{"role": "user", "content": "hi"}], "stop": stop, "stream": True}
        exchange = await gateway.send(CHAT, json.dumps(body).encode(), strict)
        assert exchange.status == 200
        assert json.loads(gateway.transport.played[0].body).get("stop") == sent


async def test_an_error_frame_after_the_match_in_one_read(autojump_clock: object) -> None:
    opening, frames, _ = text_frames(CHAT, ("It is END and",))
    error = data({"error": {"message": "overloaded", "code": 503}})
    async with bench(Script([(1.0, opening + frames[0] + error)])) as gateway:
        found = await answered(gateway, CELLS["messages-chat-five"], stream=True)
        assert (found.text, found.stop_sequence) == ("It is ", "END")
