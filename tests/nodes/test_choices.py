"""Replies with several choices: each says its own end, and none is made up where one of them failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.faults.kit import CHAT
from tests.faults.wire import DONE, bare_chunk, chat_usage, chat_whole, chunk, data
from tests.nodes.envelopes import check_error, check_failed_stream
from tests.support.bench import bench, catalogue
from tests.support.judge import breaches_if_judged
from tests.support.upstreams import NEVER, Piece, Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.bench import Bench

QUICK = catalogue("timeouts: {idle: 5, first_token: 5, stream: 60}")


def says(index: int, text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """A chunk of one choice."""
    return chunk({} if text is None else {"content": text}, finish, choice={"index": index, **more})


def told(sent: bytes) -> dict[int, tuple[str, str | None]]:
    """Text and reason of each choice of a stream."""
    found: dict[int, tuple[str, str | None]] = {}
    for line in sent.decode().splitlines():
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[6:]).get("choices", ()):
            text, finish = found.get(choice["index"], ("", None))
            assert finish is None, "a choice goes on after its end"
            found[choice["index"]] = (text + (choice["delta"].get("content") or ""), choice["finish_reason"])
    return found


async def streamed(gateway: Bench) -> bytes:
    exchange = await gateway.ask(CHAT, CHAT, stream=True, n=2)
    assert exchange.status == 200
    return exchange.sent


A, B = says(0, "a"), says(1, "b")
USAGE = bare_chunk(choices=[], usage=chat_usage())


@pytest.mark.parametrize(
    ("first", "second"),
    [("stop", "length"), ("length", "stop"), ("content_filter", "stop"), ("stop", "content_filter")],
)
@pytest.mark.parametrize("before", [0, 1], ids=["the first ends first", "the second ends first"])
async def test_each_choice_ends_by_its_own_reason(first: str, second: str, before: int, autojump_clock: object) -> None:
    """Also where the other goes on for long after it."""
    ends = [says(0, None, first), says(1, None, second)]
    other = says(1 - before, "!")
    pieces = [A, B, ends[before], other, other, ends[1 - before], USAGE, DONE]
    async with bench(Script([(1.0, piece) for piece in pieces])) as gateway:
        sent = await streamed(gateway)
        assert breaches_if_judged(CHAT, sent) == []
        texts = ["a", "b"]
        texts[1 - before] += "!!"
        assert told(sent) == {0: (texts[0], first), 1: (texts[1], second)}
        status = "completed" if first == "stop" else "incomplete"
        assert gateway.row.status == status


FAILED = says(0, None, "error", error={"code": 503, "message": "Overloaded"})
FAILURES: dict[str, tuple[Sequence[Piece], str]] = {
    "it ends by an error": ([(1.0, FAILED)], "provider_overloaded"),
    "it has an error": (
        [(1.0, FAILED.replace(b'"finish_reason": "error"', b'"finish_reason": null'))],
        "provider_overloaded",
    ),
    "an error frame": (
        [(1.0, data({"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}))],
        "provider_rate_limit",
    ),
    "the end of the bytes": ([], "provider_unavailable"),
    "a broken connection": ([(1.0, httpx2.ReadError("reset"))], "provider_unavailable"),
    "silence": ([NEVER], "provider_timeout"),
    "the end without its reason": ([(1.0, USAGE + DONE)], "provider_unavailable"),
}


@pytest.mark.parametrize("failed", [0, 1])
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_choice_that_fails_after_the_other_has_ended(failure: str, failed: int, autojump_clock: object) -> None:
    pieces, code = FAILURES[failure]
    own: list[Piece] = [
        (s, p.replace(b'"index": 0', b'"index": %d' % failed) if isinstance(p, bytes) else p) for s, p in pieces
    ]
    script = Script([(1.0, A + B), (1.0, says(1 - failed, None, "length")), *own])
    async with bench(script, catalogue=QUICK) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=True, n=2)
        check_failed_stream(CHAT, exchange, code)
        found = told(exchange.sent)
        assert found[failed] == ("ab"[failed], None)
        assert found[1 - failed] in (("ba"[failed], None), ("ba"[failed], "length"))
        row = gateway.row
        assert (row.status, row.error_code, row.finish_reason) == ("failed", code, None)
        assert row.cost == sum(line.cost for line in row.lines) > 0, "what the client got is billed"


async def test_a_whole_reply_with_a_choice_that_failed_is_an_error(autojump_clock: object) -> None:
    reply = json.loads(chat_whole({"content": "a"}))
    reply["choices"].append({"index": 1, "message": {}, "finish_reason": "error", "error": {"code": 503, "message": "x"}})
    async with bench(*[Script([(0.0, json.dumps(reply).encode())])] * 3) as gateway:
        check_error(CHAT, await gateway.ask(CHAT, CHAT, stream=False, n=2), "provider_overloaded")


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_no_first_choice_is_made_up(stream: bool, autojump_clock: object) -> None:
    reply = json.loads(chat_whole({"content": "b"}))
    reply["choices"][0]["index"] = 1
    script = B + says(1, None, "stop") + USAGE + DONE if stream else json.dumps(reply).encode()
    async with bench(*[Script([(1.0, script)])] * 3) as gateway:
        exchange = await gateway.ask(CHAT, CHAT, stream=stream, n=2)
        (check_failed_stream if stream else check_error)(CHAT, exchange, "provider_unavailable")
