"""A collector on a socket gets the traces of a gateway, as OTLP has them."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import TYPE_CHECKING

import trio

import hyperinfer
from hyperinfer.api.tracing.opening import open_tracer
from hyperinfer.api.tracing.settings import tracing_settings
from hyperinfer.api.tracing.spans import CLIENT, SERVER, Trace
from hyperinfer.providers.upstreams import open_upstreams
from tests.support.bench import asked, bench
from tests.support.collector import answer, by_name, collector, values
from tests.support.ledger import NOW
from tests.support.replies import WHOLES
from tests.support.traced import Kept
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    import pytest

    from hyperinfer.api.tracing.tracer import Tracer

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@asynccontextmanager
async def tracing(url: str, **environ: str) -> AsyncGenerator[Tracer]:
    """To there, over a connection, at once."""
    settings = tracing_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "1", **environ})
    assert settings is not None
    numbers = count(1)
    async with (
        open_upstreams() as upstreams,
        open_tracer(
            settings,
            upstreams.network,
            scheme="https",
            now=lambda: NOW,
            entropy=lambda size: next(numbers).to_bytes(1) * size,
            jitter=lambda: 0.0,
        ) as tracer,
    ):
        yield tracer


@contextmanager
def held_back(tracer: Tracer) -> Generator[None]:
    """The traces of the block, sent when it is over: a gateway of tests counts the tasks that its end leaves."""
    exporter, tracer.traces = tracer.traces, (kept := Kept())
    yield
    tracer.traces = exporter
    for trace in kept.traces:
        exporter.take(trace)


async def test_a_request_as_the_collector_gets_it() -> None:
    async with collector() as server, tracing(server.url, OTEL_SERVICE_NAME="mine") as tracer:
        with held_back(tracer):
            async with bench(Script([(0.0, WHOLES["openai_chat"])]), tracer=tracer) as gateway:
                body = asked("openai_chat", "openai_chat", stream=False, temperature=0.5, seed=2**70)
                await gateway.send("openai_chat", body, {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1,b=2"})
        await server.wait_for(1)
    (got,) = server.got
    assert (got.path, got.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
    assert got.resource == {
        "service.name": "mine",
        "service.version": hyperinfer.__version__,
        "service.instance.id": "01" * 16,
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "hyperinfer",
        "telemetry.sdk.version": hyperinfer.__version__,
    }
    scope = got.message.resource_spans[0].scope_spans[0]
    assert (scope.scope.name, scope.schema_url) == ("hyperinfer", "https://opentelemetry.io/schemas/1.41.0")
    spans = by_name(got.spans)
    root, attempt, loop = spans["POST /api/v1/chat/completions"], spans["chat up"], spans["tool_loop"]
    assert {span.trace_id.hex() for span in got.spans} == {TRACE}
    assert {span.trace_state for span in got.spans} == {"a=1,b=2"}
    assert (root.parent_span_id.hex(), attempt.parent_span_id, loop.parent_span_id) == (SPAN, loop.span_id, root.span_id)
    assert (root.kind, attempt.kind, root.flags, attempt.flags) == (SERVER, CLIENT, 0x301, 0x101)
    assert root.status.code == attempt.status.code == 0
    assert values(root.attributes)["url.scheme"] == "https"
    said = values(attempt.attributes)
    assert (said["gen_ai.request.temperature"], said["gen_ai.request.seed"]) == (0.5, 2**63 - 1)
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert {event.name for event in attempt.events} == {"hyperinfer.response_head", "hyperinfer.first_output"}
    assert all(NOW * 1e9 <= span.start_time_unix_nano <= span.end_time_unix_nano < (NOW + 30) * 1e9 for span in got.spans)


async def test_errors_and_whatever_text(caplog: pytest.LogCaptureFixture) -> None:
    async with collector() as server, tracing(server.url) as tracer:
        trace = Trace(b"\1" * 16, b"\2" * 8, unix=5.0, started=trio.current_time())
        span = trace.open("a\ud800é", CLIENT, trace.started + 0.25, None)
        span.end, span.error = trace.started + 1.5, "provider_timeout"
        span.attributes = {"text": "\udfff", "flag": True, "list": ["a", "\ud800"], "least": -(2**70)}
        tracer.traces.take(trace)
        await server.wait_for(1)
    (written,) = server.spans
    assert (written.name, written.status.code) == ("a?é", 2)
    assert (written.start_time_unix_nano, written.end_time_unix_nano) == (5_250_000_000, 6_500_000_000)
    assert values(written.attributes) == {
        "text": "?",
        "flag": True,
        "list": ["a", "?"],
        "least": -(2**63),
        "error.type": "provider_timeout",
    }
    assert caplog.records == []


async def test_headers_and_compression() -> None:
    more = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20s3cret", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
    async with collector() as server, tracing(f"{server.url}/a", **more) as tracer:
        with held_back(tracer):
            async with bench(tracer=tracer) as gateway:
                await gateway.send("openai_chat", b"{}", {"authorization": ""})
        await server.wait_for(1)
    (got,) = server.got
    assert (got.path, got.headers["authorization"], got.headers["content-encoding"]) == (
        "/a/v1/traces",
        "Bearer s3cret",
        "gzip",
    )
    assert [span.name for span in got.spans] == ["POST /api/v1/chat/completions"]


async def test_a_collector_that_is_busy_gets_it_again_on_the_same_connection() -> None:
    async with collector(answer(503, retry_after="0"), answer()) as server, tracing(server.url) as tracer:
        with held_back(tracer):
            async with bench(tracer=tracer) as gateway:
                await gateway.send("openai_chat", b"{}", {"authorization": ""})
        await server.wait_for(2)
    assert server.got[0].message == server.got[1].message


async def test_none_there_costs_no_request_anything() -> None:
    settled = Script([(0.0, WHOLES["openai_chat"])])
    async with (
        tracing("http://127.0.0.1:9", OTEL_BSP_EXPORT_TIMEOUT="100") as tracer,
        bench(settled, tracer=tracer) as gateway,
    ):
        assert (await gateway.ask("openai_chat", "openai_chat", stream=False)).status == 200
