"""The way to a collector: when traces go, what is tried again, what is dropped, and how it ends. On virtual time."""

from __future__ import annotations

import gzip
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from hyperinfer.api.tracing.exporter import MOST_CONTENT_AT_ONCE, MOST_CONTENT_WAITING, Exporter, running
from hyperinfer.api.tracing.settings import TracingSettings
from hyperinfer.api.tracing.spans import INTERNAL, Trace
from tests.support.collector import values

if TYPE_CHECKING:
    from hyperinfer.api.tracing.exporter import Posts

SETTINGS = TracingSettings(url="http://c/v1/traces", most_waiting=20, most_at_once=10)


@dataclass
class Answers:
    """A collector by script: a status, with headers or a body, an error, or seconds that it thinks."""

    script: list[int | tuple[int, dict[str, str]] | tuple[int, bytes] | httpx2.TransportError | float]
    came: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])

    async def handle_async_request(self, request: httpx2.Request, /) -> httpx2.Response:
        body = b"".join([piece async for piece in request.stream])  # type: ignore[union-attr]
        spans = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
        self.came.append((trio.current_time(), len(spans)))
        await trio.lowlevel.checkpoint()
        said = self.script.pop(0) if self.script else 200
        if isinstance(said, httpx2.TransportError):
            raise said
        if isinstance(said, float):
            await trio.sleep(said)
            said = 200
        status, more = said if isinstance(said, tuple) else (said, b"")
        if isinstance(more, bytes):
            return httpx2.Response(status, content=more)
        return httpx2.Response(status, headers=more, content=b"")


def exporter(transport: Posts, settings: TracingSettings = SETTINGS) -> Exporter:
    return Exporter(settings, transport, resource={"service.name": "x"}, version="1", now=lambda: 0.0, jitter=lambda: 1.0)


def trace(spans: int) -> Trace:
    made = Trace(b"\1" * 16, b"\2" * 8, unix=1.0, started=trio.current_time())
    for _ in range(spans):
        made.open("a", INTERNAL, trio.current_time(), made.spans[0] if made.spans else None).end = trio.current_time()
    return made


async def times(*script: int | tuple[int, dict[str, str]] | httpx2.TransportError | float) -> tuple[list[float], Exporter]:
    """When one batch is sent, and sent again; afterwards nothing waits."""
    answers = Answers(list(script))
    sending = exporter(answers)
    began = trio.current_time()
    async with running(sending):
        sending.take(trace(3))
        await trio.sleep(100)
    assert sending.waiting == 0
    return [at - began for at, _ in answers.came], sending


async def test_spans_are_gathered_and_sent_together(autojump_clock: object) -> None:
    answers = Answers([])
    sending = exporter(answers)
    async with running(sending):
        began = trio.current_time()
        for _ in range(3):
            sending.take(trace(2))
            await trio.sleep(1)
        await trio.sleep(10)
        sending.take(trace(4))
        sending.take(trace(7))  # more than go together
        await trio.sleep(10)
    assert [(at - began, count) for at, count in answers.came] == [(5, 6), (13, 4), (18, 7)]
    assert (sending.sent, sending.dropped, sending.failed, sending.waiting) == (17, 0, 0, 0)


async def test_contents_count_by_their_bytes(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    def heavy(share: float) -> Trace:
        made = trace(1)
        made.spans[0].contents = {"a": b"x" * 10}
        made.content_bytes = int(MOST_CONTENT_AT_ONCE * share)
        return made

    answers = Answers([60.0])
    sending = exporter(answers, replace(SETTINGS, most_waiting=1000, most_at_once=1000, timeout=100.0, patience=200.0))
    async with running(sending):
        began = trio.current_time()
        for share in (0.4, 0.4, 0.4, 1.5):
            sending.take(heavy(share))
        await trio.sleep(1)
        for _ in range(64):
            sending.take(heavy(1.0))
        await trio.sleep(100)
    # The first at once, and nothing more while it is under way; one that is too large goes alone.
    assert [(at - began, count) for at, count in answers.came[:4]] == [(0, 2), (60, 1), (60, 1), (60, 1)]
    room = MOST_CONTENT_WAITING // MOST_CONTENT_AT_ONCE - 3  # 2.7 times were there
    assert (sending.sent, sending.dropped, sending.waiting) == (4 + room, 64 - room, 0)
    assert "64 MiB of contents" in caplog.text


async def test_what_is_compressed_in_pieces_is_whole(autojump_clock: object) -> None:
    bodies: list[bytes] = []

    class Keeps:
        async def handle_async_request(self, request: httpx2.Request, /) -> httpx2.Response:
            bodies.append(b"".join([piece async for piece in request.stream]))  # type: ignore[union-attr]
            return httpx2.Response(200, content=b"")

    sending = exporter(Keeps(), replace(SETTINGS, compressed=True))
    made = trace(1)
    made.spans[0].contents = {"gen_ai.input.messages": "é".encode() * 300_000}
    async with running(sending):
        sending.take(made)
    (span,) = ExportTraceServiceRequest.FromString(gzip.decompress(bodies[0])).resource_spans[0].scope_spans[0].spans
    assert values(span.attributes)["gen_ai.input.messages"] == "é" * 300_000
    assert len(bodies[0]) < 10_000


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_these_statuses_are_tried_again(status: int, autojump_clock: object) -> None:
    assert (await times(status, status, status))[0] == [5, 6, 8, 12]


@pytest.mark.parametrize("error", [httpx2.ConnectError("no"), httpx2.ReadError("reset"), httpx2.RemoteProtocolError("x")])
async def test_connections_that_break_too(error: httpx2.TransportError, autojump_clock: object) -> None:
    assert (await times(error))[0] == [5, 6]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 500, 501])
async def test_others_are_final(status: int, autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    came, sending = await times(status)
    assert came == [5]
    assert (sending.sent, sending.failed) == (0, 3)
    assert f"status {status}" in caplog.text


async def test_a_collector_in_trouble_is_not_flooded_whatever_it_says(autojump_clock: object) -> None:
    assert (await times(*[(503, {"retry-after": "0"})] * 4))[0] == [5, 5.5, 6, 6.5, 7]


async def test_it_waits_as_long_as_it_is_asked_to(autojump_clock: object) -> None:
    assert (await times((503, {"retry-after": "7"}), (429, {"retry-after": "0.5"})))[0] == [5, 12, 12.5]
    assert (await times((503, {"retry-after": "40"})))[0] == [5]


async def test_a_batch_has_its_time_and_each_request_within_it(autojump_clock: object) -> None:
    came, sending = await times(60.0, 60.0, 60.0)
    assert came == [5, 16, 28]  # ten seconds, a pause of one, ten, two; then thirty are over
    assert sending.failed == 3


async def test_a_collector_that_hangs_holds_no_more_than_it_may(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    answers = Answers([1000.0] * 9)
    sending = exporter(answers)
    async with running(sending):
        for _ in range(10):
            sending.take(trace(5))
            await trio.sleep(1)
        assert (sending.waiting, sending.dropped) == (20, 30)
        await trio.sleep(200)
        answers.script.clear()
        sending.take(trace(5))
        await trio.sleep(20)
    assert (sending.sent, sending.failed, sending.waiting) == (5, 20, 0)
    assert len([record for record in caplog.records if "spans" in record.message]) == 1  # one a minute at most


@pytest.mark.parametrize(("said", "seconds"), [(0.5, 0.5), (60.0, 3.0), (503, 1.0)])
async def test_what_is_left_at_the_end_has_a_few_seconds(said: int | float, seconds: float, autojump_clock: object) -> None:
    answers = Answers([said])
    sending = exporter(answers)
    async with running(sending):
        sending.take(trace(5))
        began = trio.current_time()
    assert trio.current_time() - began == seconds
    assert (sending.sent, sending.failed) == ((0, 5) if seconds == 3 else (5, 0))


async def test_the_end_does_not_wait_for_what_hangs_already(autojump_clock: object) -> None:
    sending = exporter(Answers([60.0, 60.0]))
    async with running(sending):
        sending.take(trace(10))
        await trio.sleep(1)
        sending.take(trace(5))
        began = trio.current_time()
    assert trio.current_time() - began == 3
    assert (sending.sent, sending.failed, sending.waiting) == (0, 15, 0)


async def test_an_end_with_nothing_left_is_at_once(autojump_clock: object) -> None:
    began = trio.current_time()
    async with running(exporter(Answers([]))):
        pass
    assert trio.current_time() == began


async def test_what_a_collector_does_not_want_is_said(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    answers = Answers([(200, ExportTraceServiceResponse(partial_success=partial).SerializeToString()), (200, b"\xff" * 9)])
    sending = exporter(answers)
    async with running(sending):
        sending.take(trace(10))
        await trio.sleep(1)
        sending.take(trace(10))
        await trio.sleep(1)
    assert "2 spans: 'too old'" in caplog.text
    assert sending.sent == 20


async def test_a_bug_while_writing_ends_nothing(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    sending = exporter(Answers([]), replace(SETTINGS, most_at_once=1))
    broken = trace(1)
    broken.spans[0].name = None  # type: ignore[assignment]
    async with running(sending):
        sending.take(broken)
        await trio.sleep(1)
        sending.take(trace(1))
    assert (sending.sent, sending.failed) == (1, 1)
    assert "traces could not be written" in caplog.text
