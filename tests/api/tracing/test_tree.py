"""What a request's trace is, on virtual time: which span below which, from when to when, and what each says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import trio

from hyperinfer.api.request_line import request_fields
from hyperinfer.engine import Sink, Stage, stage
from hyperinfer.nodes.settlement import SETTLE_SECONDS
from tests.support.bench import DIALECTS, Bench, asked, bench, catalogue
from tests.support.replies import STREAMS, WHOLES
from tests.support.tool_rounds import ScriptedTool, call, found, switched_on, text, tooling, upstream
from tests.support.traced import Kept, keeping, spans, tree
from tests.support.upstreams import NEVER, Piece, Script

if TYPE_CHECKING:
    from hyperinfer.nodes import Ticket

JSON = {"content-type": "application/json"}
BUSY = Script([(0.0, b'{"error":{"message":"a secret of theirs"}}')], status=503, headers=JSON, thinking=1.0)
CHAT = "POST /api/v1/chat/completions"


def good(*, stream: bool, every: float = 0.5) -> Script:
    pieces = [(every, piece) for piece in STREAMS["openai_chat"]] if stream else [(every, WHOLES["openai_chat"])]
    return Script(pieces, thinking=1.0)


async def test_a_whole_request_that_was_tried_again(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(BUSY, good(stream=False), tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False)
    assert tree(kept.one) == {
        f"{CHAT} 0-2.6875": {
            "decode 0-0": {},
            "route 0-0": {},
            "admit 0-0": {},
            "tool_loop 0-2.6875": {
                "chat up 0-1!provider_overloaded": {},
                "wait for another attempt 1-1.1875": {},
                "chat up 1.1875-2.6875": {},
            },
            "translate 0-2.6875": {},
            "meter 0-2.6875": {},
            "encode 0-2.6875": {},
            "settle 2.6875-2.6875": {"settlement 2.6875-2.6875": {}},
        }
    }


@pytest.mark.parametrize("stream", [False, True])
async def test_what_an_upstream_calls_itself_is_cut(stream: bool, autojump_clock: object) -> None:
    """Else traces that wait would hold as much as upstreams like."""
    tracer, kept = keeping()
    script = good(stream=stream)
    long = [(at, piece.replace(b'"c1"', b'"%s"' % (b"c" * 100_000)).replace(b'"up"', b'"%s"' % (b"u" * 100_000)))
            for at, piece in script.pieces if isinstance(piece, bytes)]  # fmt: skip
    async with bench(Script(long, thinking=1.0, headers=script.headers), tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=stream)
    (attempt,) = spans(kept.one, "chat")
    assert attempt.attributes["gen_ai.response.id"] == "c" * 1024
    assert attempt.attributes["gen_ai.response.model"] == "u" * 1024


async def test_a_stream_and_what_its_attempt_says(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(good(stream=True), tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True, temperature=1, seed=2**70, stop=["private words"])
    trace = kept.one
    assert tree(trace)[f"{CHAT} 0-4"]["tool_loop 0-4"] == {"chat up 0-4": {}}
    (attempt,) = spans(trace, "chat")
    assert attempt.kind == 3
    assert attempt.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "up",
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.seed": 2**70,
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": 2.0,
        "gen_ai.response.id": "c1",
        "gen_ai.response.model": "up",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "http.response.status_code": 200,
        "server.address": "openai_chat.test",
        "server.port": 443,
        "hyperinfer.model": "test/openai_chat",
        "hyperinfer.provider": "openai_chat",
        "hyperinfer.protocol": "openai_chat",
    }
    assert [(time - trace.started, name) for time, name in attempt.events] == [
        (1.0, "hyperinfer.response_head"),
        (2.0, "hyperinfer.first_output"),
    ]


async def test_what_the_servers_span_says(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(good(stream=False), tracer=tracer) as gateway:
        headers = {"user-agent": "a client/1" + "x" * 2000}
        await gateway.send("openai_chat", asked("openai_chat", "openai_chat", stream=False), headers)
        row, principal = gateway.row, gateway.principal
    root = kept.one.spans[0]
    assert (root.kind, root.error, root.parent) == (2, None, b"")
    assert root.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/v1/chat/completions",
        "http.response.status_code": 200,
        "url.path": "/api/v1/chat/completions",
        "url.scheme": "http",
        "user_agent.original": "a client/1" + "x" * (1024 - 10),
        "hyperinfer.request.id": row.id,
        "hyperinfer.format": "openai_chat",
        "hyperinfer.workspace": principal.workspace,
        "hyperinfer.key": principal.key_id,
        "hyperinfer.model": "test/openai_chat",
        "hyperinfer.status": "completed",
        "hyperinfer.cost_usd": "0.0000942",
    }


@pytest.mark.parametrize("stream", [True, False])
async def test_failing_over_to_another_format(stream: bool, autojump_clock: object) -> None:
    tracer, kept = keeping()
    messages = b"".join(STREAMS["anthropic_messages"]) if stream else WHOLES["anthropic_messages"]
    broken = Script(connecting=0.5, breaks=httpx2.ConnectError("no"))
    async with bench(broken, Script([(1.0, messages)]), tracer=tracer) as gateway:
        await gateway.ask("openai_responses", "two", stream=stream)
    first, second = spans(kept.one, "chat")
    assert (first.start - kept.one.started, first.end) == (0, kept.one.started + 0.5)
    assert first.error == "provider_unavailable"
    assert "http.response.status_code" not in first.attributes
    assert (second.start - kept.one.started, second.end) == (0.5, kept.one.started + 1.5)
    assert second.error is None
    assert second.attributes["gen_ai.provider.name"] == "anthropic"
    assert second.attributes["hyperinfer.chosen_by"] == "failover"
    assert spans(kept.one, "wait") == []


@pytest.mark.parametrize("stream", [True, False])
async def test_rounds_of_tools(stream: bool, autojump_clock: object) -> None:
    tracer, kept = keeping()
    search = ScriptedTool(by_query={"a": (2.0, found("x")), "b": (1.0, found("y", error="not_found"))})
    first = upstream("openai_chat", call("web_search", "c1", query="a"), call("web_search", "c2", query="b"), stream=stream)
    second = upstream("openai_chat", text("done"), stream=stream)
    async with bench(first, second, tooling=tooling(search), tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=stream, **switched_on("openai_chat", "web_search"))
    (loop,) = [below for name, below in tree(kept.one)[f"{CHAT} 0-{7 if stream else 5}"].items() if "tool_loop" in name]
    middle, end = (3, 7) if stream else (2, 5)
    assert loop == {
        f"chat up 0-{middle}": {},
        f"execute_tool web_search {middle}-{middle + 2}": {},
        f"execute_tool web_search {middle}-{middle + 1}!not_found": {},
        f"chat up {middle + 2}-{end}": {},
    }
    tools = {span.attributes["gen_ai.tool.call.id"]: span.error for span in spans(kept.one, "execute_tool")}
    assert tools == {"c1": None, "c2": "not_found"}
    assert [span.attributes.get("hyperinfer.round") for span in spans(kept.one, "chat")] == [None, 1]


async def test_a_client_that_leaves(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(Script([(0.0, STREAMS["openai_chat"][0]), NEVER], thinking=1.0), tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True, leaves_at=trio.current_time() + 5)
    trace = kept.one
    assert set(tree(trace)[f"{CHAT} 0-5"]) == {
        "decode 0-5", "route 0-5", "admit 0-5", "tool_loop 0-5", "translate 0-5", "meter 0-5", "encode 0-5",
        "settlement 5-5",
    }  # fmt: skip
    assert spans(trace, "chat")[0].attributes["hyperinfer.cut_short"] is True
    assert trace.spans[0].attributes["hyperinfer.client_left"] is True
    assert trace.spans[0].attributes["hyperinfer.status"] == "cancelled"


async def test_a_tool_that_is_cut_short(autojump_clock: object) -> None:
    tracer, kept = keeping()
    search = ScriptedTool(steps=[(10.0, found("x"))])
    first = upstream("openai_chat", call("web_search", "c1", query="a"), stream=True)
    async with bench(first, tooling=tooling(search), tracer=tracer) as gateway:
        more = switched_on("openai_chat", "web_search")
        await gateway.ask("openai_chat", "openai_chat", stream=True, leaves_at=trio.current_time() + 4, **more)
    (tool,) = spans(kept.one, "execute_tool")
    assert tool.end == kept.one.started + 4
    assert tool.attributes["hyperinfer.cut_short"] is True


async def test_a_deadline_is_named(autojump_clock: object) -> None:
    tracer, kept = keeping()
    more = "timeouts: {first_token: 3}"
    async with bench(Script([NEVER]), catalogue=catalogue(more, "{retries: 0}"), tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True)
    (attempt,) = spans(kept.one, "chat")
    assert (attempt.error, attempt.attributes["hyperinfer.deadline"]) == ("provider_timeout", "first_token")
    assert kept.one.spans[0].error == "provider_timeout"
    assert kept.one.spans[0].attributes["http.response.status_code"] == 504


async def test_a_stream_that_breaks_is_an_error_though_its_status_was_200(autojump_clock: object) -> None:
    tracer, kept = keeping()
    breaks: list[Piece] = [(1.0, STREAMS["openai_chat"][0] + STREAMS["openai_chat"][1]), (1.0, httpx2.ReadError("reset"))]
    async with bench(Script(breaks), tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True)
    root = kept.one.spans[0]
    assert (root.attributes["http.response.status_code"], root.error) == (200, "provider_unavailable")
    assert spans(kept.one, "chat")[0].error == "provider_unavailable"


async def test_a_settlement_that_is_late_is_an_error_of_its_own(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(good(stream=False), tracer=tracer) as gateway:
        gateway.store.settling = SETTLE_SECONDS + 1
        await gateway.ask("openai_chat", "openai_chat", stream=False)
        await trio.sleep(1)
    (settlement,) = spans(kept.one, "settlement")
    assert settlement.error == "not_recorded"
    assert settlement.end is not None
    assert settlement.end - settlement.start == SETTLE_SECONDS


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_who_is_refused_has_the_servers_span_and_no_error_of_ours(dialect: Any, autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(tracer=tracer) as gateway:
        await gateway.send(dialect, b"{}", {"authorization": "Bearer hi-nobody", "traceparent": "nonsense"})
        await gateway.send(dialect, b"no JSON")
        await gateway.ask(dialect, "nowhere", stream=False)
    codes = [trace.spans[0].attributes["hyperinfer.error_code"] for trace in kept.traces]
    assert codes == ["invalid_api_key", "invalid_request", "invalid_request"]
    # What decode refuses goes past the others: they have it, for no time.
    assert [len(trace.spans) for trace in kept.traces] == [1, 9, 9]
    assert all(span.error is None for trace in kept.traces for span in trace.spans)


async def test_a_refusal_of_the_ledger_says_by_whom(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(credits=0, tracer=tracer) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False)
    assert kept.one.spans[0].attributes["hyperinfer.refused_by"] == "ledger"


class Crash(Stage[Any, Any]):
    """Raises at its so manieth item."""

    def __init__(self, last: int) -> None:
        self._left = last

    async def receive(self, item: Any, sink: Sink[Any]) -> None:
        self._left -= 1
        if not self._left:
            raise LookupError("words of a node")
        await sink.send(item)


def crashing(gateway: Bench, place: int, item: int) -> str:
    """A node that crashes, before the so manieth of the stream's; its name."""
    from hyperinfer.engine import Graph

    graph = gateway.pipelines.stream
    nodes = [graph.node(name) for name in graph.order]
    nodes.insert(place, stage(lambda: Crash(item), name="custom", consumes=Any, produces=Any))
    gateway.pipelines.stream = Graph.linear(*nodes, buffers={"encode": 0} if place != 7 else {})
    return "custom"


@pytest.mark.parametrize("item", [1, 3])
@pytest.mark.parametrize("place", range(9))
async def test_whatever_crashes_the_trace_is_whole(place: int, item: int, autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(good(stream=True), tracer=tracer) as gateway:
        crashing(gateway, place, item)
        exchange = await gateway.ask("openai_chat", "openai_chat", stream=True)
    trace = kept.one
    assert tree(trace)
    assert all(span.end is not None and span.start <= span.end <= (trace.spans[0].end or math.inf) for span in trace.spans)
    crashed = spans(trace, "custom")
    if item == 1 or place > 3:
        assert [span.error for span in crashed] == ["LookupError"]
        assert trace.spans[0].error == "internal_error"
        assert trace.spans[0].attributes.get("http.response.status_code") == exchange.status
    else:
        assert [span.error for span in crashed] == [None]
    assert "words of a node" not in repr([span.attributes for span in trace.spans])


async def test_nothing_of_what_is_said_is_in_it(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(BUSY, good(stream=True), tracer=tracer) as gateway:
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": "private words"}],
            "stop": ["private stop"],
            "user": "private user",
        }
        await gateway.ask("openai_chat", "openai_chat", stream=True, **body)
        secret = gateway.secret
    told = repr([(span.name, span.attributes, span.error, span.events) for span in kept.one.spans])
    assert "private" not in told
    assert "secret" not in told
    assert secret not in told


async def test_a_bug_in_it_refuses_nobody(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tracer, kept = keeping()

    def broken(*_: object) -> None:
        raise LookupError

    async with bench(good(stream=False), good(stream=False), tracer=tracer) as gateway:
        monkeypatch.setattr(tracer, "_begin", broken)
        assert (await gateway.ask("openai_chat", "openai_chat", stream=False)).status == 200
        monkeypatch.undo()
        monkeypatch.setattr(Kept, "take", broken)
        assert (await gateway.ask("openai_chat", "openai_chat", stream=False)).status == 200
    assert kept.traces == []
    assert sum("LookupError" in (record.exc_text or str(record.exc_info)) for record in caplog.records) == 2


async def test_requests_at_once_have_traces_of_their_own(autojump_clock: object) -> None:
    tracer, kept = keeping()
    async with bench(*[good(stream=True)] * 3, tracer=tracer) as gateway, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(lambda: gateway.ask("openai_chat", "openai_chat", stream=True))
    assert len({trace.trace_id for trace in kept.traces}) == 3
    assert len({span.span_id for trace in kept.traces for span in trace.spans}) == sum(len(t.spans) for t in kept.traces)
    assert all(tree(trace) == tree(kept.traces[0]) for trace in kept.traces)


async def test_the_line_in_the_log_names_the_trace(autojump_clock: object) -> None:
    tracer, kept = keeping()
    said: list[Any] = []

    def say(ticket: Ticket, http: int | None, left: bool) -> None:
        said.append(request_fields(ticket, http=http, left=left, now=trio.current_time).get("trace_id"))

    for each in (tracer, None):
        async with bench(good(stream=False), tracer=each) as gateway:
            gateway.data_plane = replace(gateway.data_plane, say=say)
            await gateway.ask("openai_chat", "openai_chat", stream=False)
    assert said == [kept.one.trace_id.hex(), None]
