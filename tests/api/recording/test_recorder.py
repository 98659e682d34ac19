"""What a recording holds, on virtual time: every line, and that nobody is served otherwise for its sake."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import httpx2
import msgspec
import pytest
import trio

from hyperinfer.api.recording.redaction import REDACTED
from hyperinfer.engine import recording as rec
from hyperinfer.formats.server_tools import ToolOutcome
from hyperinfer.providers.catalogue import load
from tests.support.bench import DIALECTS, asked, bench, catalogue
from tests.support.exchanges import ScriptedExchange
from tests.support.ledger import NOW
from tests.support.recorder import check_sent, kinds, record, the
from tests.support.replies import STREAMS, WHOLES
from tests.support.tool_rounds import ScriptedTool, call, found, switched_on, text, tooling, upstream
from tests.support.upstreams import NEVER, Script

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_request_and_all_that_came_of_it(dialect: Any, stream: bool, autojump_clock: object) -> None:
    frames = STREAMS[dialect] if stream else [WHOLES[dialect][:40], WHOLES[dialect][40:]]
    headers = {"content-type": "text/event-stream", "x-secret": "no", "set-cookie": "no", "retry-after": "3"}
    async with bench(Script([(0.25, frame) for frame in frames], headers=headers, thinking=1.0)) as gateway:
        _, scribe = record(gateway)
        body = asked(dialect, dialect, stream=stream)
        exchange = await gateway.send(dialect, body, {"user-agent": "test", "cookie": "c=12345", "x-other": "no"})
        recording, principal = scribe.one, gateway.principal
    assert exchange.status == 200
    request = recording.request
    assert (request.unix, request.method, request.path, request.body.data) == (NOW, "POST", exchange.path, body)
    assert request.headers == (("content-type", "application/json"), ("user-agent", "test"))
    assert (request.served["key_models"], principal.models) == (None, None)
    assert next(iter(scribe.files)).endswith(f"Z-{request.id}")
    assert the(recording, rec.Plan).routes == ({"slug": f"test/{dialect}", "provider": dialect, "model": "up"},)
    (attempt,) = recording.exchanges
    assert (attempt.asked.provider, attempt.asked.model, attempt.asked.slug) == (dialect, "up", f"test/{dialect}")
    assert attempt.asked.protocol == dialect
    assert attempt.asked.streamed == stream
    assert attempt.asked.body.data == gateway.transport.played[0].body
    assert attempt.head == rec.Head(0, 1.0, 200, (("content-type", "text/event-stream"), ("retry-after", "3")))
    assert [(piece.at, piece.data.data) for piece in attempt.pieces] == [
        (1.25 + 0.25 * place, frame) for place, frame in enumerate(frames)
    ]
    assert isinstance(attempt.end, rec.Eof)
    assert recording.truncated is None
    check_sent(recording, exchange)
    assert recording.end is not None
    assert (recording.end.how, recording.end.error, recording.end.redacted) == ("complete", None, 0)


async def test_a_request_can_be_served_from_it_again(autojump_clock: object) -> None:
    async with bench(Script([(0.0, b"".join(STREAMS["openai_chat"]))])) as gateway:
        _, scribe = record(gateway)
        await gateway.ask("openai_chat", "twice", stream=True, models=["test/two", "test/none"])
        served = load(json.dumps(scribe.one.request.served["catalogue"]), {})
        assert {"test/twice", "test/two"} == {slug for slug in served.models if slug.startswith("test/")}
        route, again = gateway.catalogue.models["test/twice"].routes[0], served.models["test/twice"].routes[0]
        assert (route.pricing, route.quirks) == (again.pricing, again.quirks)
        assert [key.reveal() for key in again.provider.keys] == [REDACTED]


async def test_every_attempt_and_what_chance_said(autojump_clock: object) -> None:
    busy = Script([(0.0, b'{"error":{"message":"no"}}')], status=503, headers=JSON, thinking=1.0)
    broken = Script(breaks=httpx2.ConnectError("no way to h.test"), thinking=0.5)
    good = Script([(0.0, b"".join(STREAMS["openai_chat"]))])
    async with bench(busy, broken, good) as gateway:
        _, scribe = record(gateway)
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        recording = scribe.one
    first, second, third = recording.exchanges
    assert (first.data, first.end) == (b'{"error":{"message":"no"}}', rec.Eof(0, 1.0))
    assert (second.head, second.end) == (None, rec.Fault(1, 1.6875, "ConnectError", "no way to h.test"))
    assert [line.value for line in recording.lines if isinstance(line, rec.Draw)] == [0.5, 0.5]
    assert third.asked.at == [played.at for played in gateway.transport.played][2]
    check_sent(recording, exchange)


@pytest.mark.parametrize(
    ("piece", "end"),
    [(httpx2.ReadError("gone"), "ReadError"), (b"data: {nonsense\n\n", ""), (b"", "")],
)
async def test_a_failure_after_output(piece: Any, end: str, autojump_clock: object) -> None:
    script = Script([(0.0, b"".join(STREAMS["openai_chat"][:2])), (1.0, piece) if piece else NEVER])
    async with bench(script) as gateway:
        _, scribe = record(gateway)
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        recording = scribe.one
    (attempt,) = recording.exchanges
    assert isinstance(attempt.end, rec.Fault) == bool(end)
    assert isinstance(attempt.end, rec.Fault | rec.Close)
    assert recording.end is not None
    assert recording.end.error == ("provider_timeout" if not piece else "provider_unavailable")
    alive = [line.at for line in recording.lines if isinstance(line, rec.Sent) and line.alive]
    assert alive == ([10.0 * tick for tick in range(1, 12)] if not piece else [])
    check_sent(recording, exchange)


async def test_what_could_not_be_said_otherwise(autojump_clock: object) -> None:
    """Losses of the request and of the reply, those that the client is told of."""
    citation = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
    told = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": citation}}
    frames = list(STREAMS["anthropic_messages"])
    frames.insert(2, b"event: content_block_delta\ndata: " + json.dumps(told).encode() + b"\n\n")
    async with bench(Script([(0.5, frame) for frame in frames])) as gateway:
        _, scribe = record(gateway)
        await gateway.ask("openai_chat", "anthropic_messages", stream=True, seed=1)
        recording, row = scribe.one, gateway.row
    assert recording.end is not None
    assert sorted(path.startswith("response.") for path, _ in recording.end.losses) == [False, True]
    assert recording.end.losses == tuple((loss.path, loss.reason) for loss in row.losses)


async def test_runs_of_tools(autojump_clock: object) -> None:
    tool = ScriptedTool(steps=((2.0, found("rain")), (1e9, found("never"))), seconds=5.0)
    rounds = [
        upstream("openai_chat", text("Let me see."), call("web_search", "c1", query="weather"), stream=True),
        upstream("openai_chat", call("web_search", "c2", query="more"), stream=True),
        upstream("openai_chat", text("Rain."), stream=True),
    ]
    async with bench(*rounds, tooling=tooling(tool)) as gateway:
        _, scribe = record(gateway)
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True, **switched_on("openai_chat", "web_search"))
        recording = scribe.one
    first, second = [line for line in recording.lines if isinstance(line, rec.Tool)]
    assert (first.name, json.loads(first.arguments.data), first.at - first.began) == (
        "web_search",
        {"query": "weather"},
        2.0,
    )
    assert first.outcome is not None
    assert outcome_in(first.outcome) == found("rain")
    assert (second.outcome, second.at - second.began) == (None, 5.0)
    assert [line.round for line in recording.lines if isinstance(line, rec.Plan)] == [0, 1, 2]
    assert len(recording.exchanges) == 3
    check_sent(recording, exchange)


def outcome_in(payload: rec.Payload) -> ToolOutcome:
    return msgspec.json.decode(payload.data, type=ToolOutcome)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves(stream: bool, autojump_clock: object) -> None:
    script = Script([(0.0, STREAMS["openai_chat"][0]), (1.0, STREAMS["openai_chat"][1]), NEVER])
    async with bench(script) as gateway:
        recorder, scribe = record(gateway)
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=stream, leaves_at=3.5)
        recording = scribe.one
        assert (recorder.recorded, recorder.truncated, recorder.missed) == (1, 0, 0)
    assert the(recording, rec.Abort).at == 3.5
    assert recording.exchanges[0].end == rec.Close(0, 3.5)
    assert recording.end is not None
    assert recording.end.how == "client_left"
    assert recording.end.length == len(exchange.sent)
    assert recording.end.status == (200 if stream else None)


async def test_the_end_of_the_gateways_grace(autojump_clock: object) -> None:
    script = Script([(0.0, b"".join(STREAMS["openai_chat"][:2])), NEVER])
    async with bench(script) as gateway, trio.open_nursery() as nursery:
        _, scribe = record(gateway)

        async def drain() -> None:
            await trio.sleep(1.0)
            gateway.drain.begin(3.0)
            await gateway.drain.finish(last_words=5.0)

        nursery.start_soon(drain)
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        recording = scribe.one
    assert the(recording, rec.Drain) == rec.Drain(4.0, "hard_end")
    order = kinds(recording)
    assert order.index("drain") < order.index("close") < len(order) - 2, "before the last words"
    assert recording.end is not None
    assert (recording.end.how, recording.end.error) == ("complete", "provider_unavailable")
    check_sent(recording, exchange)


@pytest.mark.parametrize("stream", [True, False])
async def test_refusals_of_the_ledger(stream: bool, autojump_clock: object) -> None:
    async with bench(credits=0) as gateway:
        _, scribe = record(gateway)
        exchange = await gateway.ask("anthropic_messages", "openai_chat", stream=stream)
        recording = scribe.one
    refusal = the(recording, rec.Refusal)
    assert (refusal.by, refusal.code) == ("ledger", "insufficient_credits")
    assert (exchange.status, recording.exchanges) == (402, ())
    check_sent(recording, exchange)


async def test_a_repeated_key(autojump_clock: object) -> None:
    good = Script([(0.0, WHOLES["openai_chat"])], headers=JSON)
    body = asked("openai_chat", "openai_chat", stream=False)
    async with bench(good) as gateway:
        _, scribe = record(gateway)
        _, exchange = [await gateway.send("openai_chat", body, {"idempotency-key": "k1"}) for _ in range(2)]
        first, second = scribe.recordings
    refusal = the(second, rec.Refusal)
    assert (refusal.by, refusal.status, refusal.details) == (
        "idempotency",
        409,
        {"first_request_id": first.request.id},
    )
    assert "idempotency-key" not in dict(second.request.headers)
    check_sent(second, exchange)


async def test_what_is_wrong_with_a_request(autojump_clock: object) -> None:
    async with bench() as gateway:
        _, scribe = record(gateway)
        unreadable = asked("openai_chat", "\u00ff", stream=False).replace(b"\\u00ff", b"\xff")
        for body in (b'{"model": 7', unreadable, asked("openai_chat", "none", stream=False)):
            exchange = await gateway.send("openai_chat", body)
            recording = scribe.recordings[-1]
            assert recording.request.body.data == body
            assert recording.end is not None
            assert (recording.end.status, recording.end.error) == (400, "invalid_request")
            check_sent(recording, exchange)


@pytest.mark.parametrize("bug", [ZeroDivisionError, SystemExit])
async def test_a_crash_is_told_and_recorded(
    bug: type[BaseException], autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise bug

    monkeypatch.setattr(import_module("hyperinfer.nodes.call"), "encoded_for", crash)
    async with bench() as gateway:
        _, scribe = record(gateway)
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
        recording = scribe.one
    assert exchange.status == 500
    assert recording.end is not None
    assert (recording.end.how, recording.end.error) == ("complete", "internal_error")
    check_sent(recording, exchange)


async def test_counts_of_tokens(autojump_clock: object) -> None:
    script = Script([(0.5, b'{"input_tokens": 7}')], headers=JSON)
    async with bench(script) as gateway:
        _, scribe = record(gateway)
        path = "/api/v1/messages/count_tokens"
        handler = gateway.data_plane.route(path)
        assert handler is not None
        headers = {"authorization": f"Bearer {gateway.secret}", **JSON}
        exchange = ScriptedExchange(asked("anthropic_messages", "anthropic_messages", stream=False), headers, path=path)
        await gateway.handle(handler, exchange)
        recording = scribe.one
    assert kinds(recording) == ["plan", "attempt", "head", "bytes", "eof", "sent", "end"]
    assert (recording.request.path, recording.exchanges[0].asked.path) == (path, "/messages/count_tokens")
    check_sent(recording, exchange)


async def test_clients_are_served_the_same(autojump_clock: object) -> None:
    """Recorded or not, write by write and at the same instants."""
    frames = STREAMS["openai_chat"]
    seen: list[Any] = []
    for recorded in (False, True):
        busy = Script([(0.0, b'{"error":{"message":"no"}}')], status=503, headers=JSON)
        async with bench(busy, Script([(0.5, frame) for frame in frames]), catalogue=catalogue()) as gateway:
            if recorded:
                record(gateway)
            began = trio.current_time()
            exchange = await gateway.ask("anthropic_messages", "openai_chat", stream=True)
            writes = [(at - began, data) for at, data in exchange.writes]
            seen.append((exchange.sent_headers, writes, gateway.row.cost, gateway.row.attempts))
    assert seen[0] == seen[1]


async def test_an_attempt_says_for_which_model_it_is(autojump_clock: object) -> None:
    """Two models may have a provider's one in common."""
    busy = Script([(0.0, b'{"error":{"message":"no"}}')], status=401, headers=JSON)
    async with bench(busy, busy, busy) as gateway:
        _, scribe = record(gateway)
        await gateway.ask("openai_chat", "openai_chat", stream=False, models=["test/free", "test/anthropic_messages"])
        recording = scribe.one
    assert [(each.asked.slug, each.asked.provider) for each in recording.exchanges] == [
        ("test/openai_chat", "openai_chat"),
        ("test/free", "openai_chat"),
        ("test/anthropic_messages", "anthropic_messages"),
    ]
