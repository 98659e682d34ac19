"""What cannot be expressed is counted and listed, or refused; and which headers of a client go upstream."""

from __future__ import annotations

import json

from tests.nodes.envelopes import check_error
from tests.support.bench import asked, bench
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script

FRAMES = STREAMS["openai_chat"]


def good(*, stream: bool) -> Script:
    return Script([(1.0, b"".join(FRAMES) if stream else WHOLES["openai_chat"])])


async def test_losses_are_counted_and_refused_when_strict(autojump_clock: object) -> None:
    script = Script([(1.0, WHOLES["anthropic_messages"])])
    body = asked("openai_chat", "anthropic_messages", stream=False, seed=1, logprobs=True)
    async with bench(script, script) as gateway:
        exchange = await gateway.send("openai_chat", body)
        count = len(gateway.row.losses)
        assert count >= 2
        assert exchange.sent_headers["x-hyperinfer-loss"] == str(count)
        exchange = await gateway.send("openai_chat", body, {"x-hyperinfer-strict": "true"})
        message = check_error("openai_chat", exchange, "invalid_request")
        assert "seed" in message
        assert "logprobs" in message
        losses = json.loads(exchange.sent)["error"]["details"]["losses"]
        assert {loss["path"] for loss in losses} == {loss.path for loss in gateway.store.settlements[0][1].losses}
        _, refused = gateway.store.settlements[1][1], gateway.store.settlements[1][1]
        assert (refused.status, refused.error_code, refused.attempts) == ("failed", "invalid_request", ())
        plain = asked("openai_chat", "anthropic_messages", stream=False)
        assert (await gateway.send("openai_chat", plain, {"x-hyperinfer-strict": "true"})).status == 200


async def test_strict_is_yes_or_no_and_nothing_else(autojump_clock: object) -> None:
    body = asked("openai_chat", "anthropic_messages", stream=False, seed=1)
    async with bench(*[Script([(1.0, WHOLES["anthropic_messages"])])] * 2) as gateway:
        for value in ("false", "False"):
            assert (await gateway.send("openai_chat", body, {"x-hyperinfer-strict": value})).status == 200
        for value in ("yes", "1", "true, true"):
            exchange = await gateway.send("openai_chat", body, {"x-hyperinfer-strict": value})
            check_error("openai_chat", exchange, "invalid_request")
            assert json.loads(exchange.sent)["error"]["param"] == "X-HyperInfer-Strict"
        refused = await gateway.send("openai_chat", body, {"x-hyperinfer-strict": "TRUE"})
        assert "seed" in check_error("openai_chat", refused, "invalid_request")


async def test_losses_of_the_response_are_in_the_row(autojump_clock: object) -> None:
    citation = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
    frame = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": citation}}
    frames = STREAMS["anthropic_messages"]
    cited = b"event: content_block_delta\ndata: " + json.dumps(frame).encode() + b"\n\n"
    async with bench(Script([(1.0, piece) for piece in (*frames[:2], cited, *frames[2:])])) as gateway:
        exchange = await gateway.ask("openai_chat", "anthropic_messages", stream=True)
        assert exchange.sent_headers["x-hyperinfer-loss"] == "0"  # not known yet when the head went
        assert [loss.path.startswith("response.") for loss in gateway.row.losses] == [True]


async def test_plugins_that_are_not_configured(autojump_clock: object) -> None:
    """Codex sends `web_search` unasked; whoever else names a tool that is not there wants it."""
    body = asked("openai_responses", "openai_chat", stream=False, tools=[{"type": "web_search"}])
    async with bench(good(stream=False)) as gateway:
        exchange = await gateway.send("openai_responses", body)
        assert exchange.sent_headers["x-hyperinfer-loss"] == "1"
        assert "web_search" in gateway.row.losses[0].reason
        strict = await gateway.send("openai_responses", body, {"x-hyperinfer-strict": "true"})
        assert "web_search" in check_error("openai_responses", strict, "invalid_request")
    body = asked("openai_chat", "openai_chat", stream=False, plugins=[{"id": "web_search"}])
    async with bench() as gateway:
        exchange = await gateway.send("openai_chat", body)
        assert "web_search" in check_error("openai_chat", exchange, "invalid_request")


async def test_headers_that_go_upstream(autojump_clock: object) -> None:
    given = {"anthropic-beta": "a,b", "anthropic-version": "2026-01-01", "x-secret": "1", "cookie": "c=1", "xi-api-key": "k"}
    script = Script([(1.0, WHOLES["anthropic_messages"])])
    async with bench(script, good(stream=False)) as gateway:
        for model in ("anthropic_messages", "openai_chat"):
            await gateway.send("anthropic_messages", asked("anthropic_messages", model, stream=False), given)
        first, second = (played.headers for played in gateway.transport.played)
        assert (first["anthropic-beta"], first["anthropic-version"]) == ("a,b", "2026-01-01")
        assert not {"anthropic-beta", "anthropic-version"} & set(second)
        assert not {"x-secret", "cookie", "xi-api-key"} & (set(first) | set(second))
