"""A run over real sockets: against gateways that are better and worse at it than ours."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial

import h11
import httpx2
import trio

from hyperinfer.testing.conformance import CHECKS, Cell, Report, Target, chosen, run, serving
from hyperinfer.testing.conformance.matrix import findings, matrix, summary

STRICT = {"errors.eof", "errors.drop"}
"""What a gateway cannot do that hands on every byte as it is: tell an end from a break."""


def found(report: Report, client: str, upstream: str) -> dict[str, set[str]]:
    """Verdicts of a pair of formats, with the checks that have it."""
    made: dict[str, set[str]] = {}
    for result in report.results:
        if (result.cell.client, result.cell.upstream) == (client, upstream):
            made.setdefault(result.finding.verdict, set()).add(result.check)
    return made


async def test_a_gateway_that_is_not_there_passes_where_both_sides_speak_one_format() -> None:
    async with serving("127.0.0.1", 0) as upstream:
        target = Target(url=f"http://127.0.0.1:{upstream.port}/v1", key="k", models={"messages": "m"})
        report = await run(target, upstream, CHECKS, (f"conformance-t-{n}" for n in itertools.count()), leaving=5.0)
    assert found(report, "messages", "messages")["fail"] == STRICT
    assert set(found(report, "messages", "messages")) == {"pass", "fail"}
    assert set(found(report, "responses", "messages")) == {"unknown"}
    assert not report.clean
    assert report.document()["counts"] == report.counts
    shown = matrix(report)
    assert len(shown) == len(CHECKS) + 2
    assert "responses from messages: unknown throughout" in findings(report)
    assert summary(report).startswith(f"{len(report.results)} findings: ")


@asynccontextmanager
async def buffering(upstream: int) -> AsyncGenerator[int]:
    """A gateway that reads all of a reply before it hands it on, and does not look whether anybody is there. Its port."""

    async def serve(client: httpx2.AsyncClient, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        path, body = "", b""
        while (event := connection.next_event()) is not h11.PAUSED:
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(65536))
            elif isinstance(event, h11.Request):
                path = event.target.decode()
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
        answer = await client.post(f"http://127.0.0.1:{upstream}{path}", content=body)
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {answer.headers['content-type']}\r\nconnection: close\r\n\r\n"
        with suppress(trio.BrokenResourceError):
            await stream.send_all(head.encode() + answer.content)
        await stream.aclose()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with httpx2.AsyncClient(timeout=None) as client, trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, partial(serve, client), listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def test_a_gateway_that_holds_back_and_does_not_notice_leaving_fails_just_there() -> None:
    names = ("text", "stream.early", "cancel")
    async with serving("127.0.0.1", 0) as upstream, buffering(upstream.port) as port:
        target = Target(url=f"http://127.0.0.1:{port}/v1", key="k", models={"chat": "m"})
        report = await run(
            target, upstream, chosen(names), (f"conformance-u-{n}" for n in itertools.count()), leaving=0.3, patience=10.0
        )
    assert found(report, "chat", "chat") == {
        "pass": {"text.equal", "text.unicode", "text.lines"},
        "fail": {"stream.early", "cancel.upstream"},
    }


async def test_an_answer_that_never_ends_fails_in_time() -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await stream.receive_some(65536)
        await trio.sleep_forever()

    async with serving("127.0.0.1", 0) as upstream, trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, silent, listeners)
        port = listeners[0].socket.getsockname()[1]
        target = Target(url=f"http://127.0.0.1:{port}/v1", key="k", models={"messages": "m"})
        markers = (f"conformance-v-{n}" for n in itertools.count())
        report = await run(target, upstream, chosen(("text.equal",)), markers, patience=0.2)
        nursery.cancel_scope.cancel()
    assert {result.finding.verdict for result in report.results} == {"fail"}
    assert not report.reached


async def test_a_url_without_a_path_is_tried_with_the_usual_ones() -> None:
    asked: list[str] = []

    async def answer(stream: trio.SocketStream) -> None:
        path = (await stream.receive_some(65536)).split(b" ", 2)[1].decode()
        asked.append(path)
        status = b"404 Not Found" if path.startswith("/v1/") else b"401 Unauthorized"
        await stream.send_all(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await stream.aclose()

    async with serving("127.0.0.1", 0) as upstream, trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, answer, listeners)
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        markers = (f"conformance-w-{n}" for n in itertools.count())
        target = Target(url=url, key="k", models={"chat": "m"})
        report = await run(target, upstream, chosen(("text.equal",)), markers)
        nursery.cancel_scope.cancel()
    assert report.target == f"{url}/api/v1"
    assert asked[:2] == ["/v1/chat/completions", "/api/v1/chat/completions"]
    where = Cell("chat", "chat", streamed=False)
    finding = next(result.finding for result in report.results if result.cell == where)
    assert (finding.verdict, finding.seen) == ("unknown", "the upstream was not asked; 401: {}")
    assert json.dumps(report.document())
