"""What the lean edge sends: framing, persistence, one write where one is enough, and nothing that is not asked for."""

from __future__ import annotations

import dataclasses
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.edge.guarded import GuardedStream
from hyperinfer.api.edge.lean.request import Request
from hyperinfer.api.edge.lean.response import BadHead, DateLine, ResponseHead
from tests.api.edge.kit import QUICK, data_plane, edge, within

if TYPE_CHECKING:
    from hyperinfer.api.edge import Exchange, Handler

LEAN = dataclasses.replace(QUICK, edge="lean")
GET = b"GET / HTTP/1.1\r\nhost: h\r\n"


def sends(status: int, *pieces: bytes, length: int | None = None) -> Handler:
    """A handler that answers by these pieces."""

    async def handler(exchange: Exchange) -> None:
        await exchange.read_body(100)
        await exchange.send_head(status, [] if length is None else [(b"content-length", b"%d" % length)])
        for piece in pieces[:-1]:
            await exchange.send_body(piece)
        await exchange.send_last(pieces[-1])

    return handler


async def answered(handler: Handler, wire: bytes) -> tuple[list[bytes], bytes]:
    """The lines of the head but for the date, and what follows it, up to the end of the connection."""
    with within():
        async with edge(data_plane(handler), LEAN) as server:
            received = await server.ask(wire)
            head, _, body = received.partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n") if not line.startswith(b"date: ")]
            assert server.counters.crashes == server.counters.connection_crashes == 0
            return lines, body


OK = b"HTTP/1.1 200 OK"
CLOSED = b"connection: close"
CHUNKS = b"transfer-encoding: chunked"


@pytest.mark.parametrize(
    ("handler", "request_line", "lines", "body"),
    [
        (sends(200, b"whole"), b"GET / HTTP/1.1", [OK, b"content-length: 5", CLOSED], b"whole"),
        (sends(200, b""), b"GET / HTTP/1.1", [OK, b"content-length: 0", CLOSED], b""),
        (sends(200, b"a", b"bc"), b"GET / HTTP/1.1", [OK, CHUNKS, CLOSED], b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
        (sends(200, b"a", b"", b""), b"GET / HTTP/1.1", [OK, CHUNKS, CLOSED], b"1\r\na\r\n0\r\n\r\n"),
        (sends(200, b"a", b"bc", length=3), b"GET / HTTP/1.1", [OK, b"content-length: 3", CLOSED], b"abc"),
        (sends(200, b"whole"), b"HEAD / HTTP/1.1", [OK, CLOSED], b""),
        (sends(200, b"a", b"bc", length=3), b"HEAD / HTTP/1.1", [OK, b"content-length: 3", CLOSED], b""),
        (sends(204, b""), b"GET / HTTP/1.1", [b"HTTP/1.1 204 No Content", CLOSED], b""),
        (sends(204, b"", length=0), b"GET / HTTP/1.1", [b"HTTP/1.1 204 No Content", CLOSED], b""),
        (sends(304, b"no", length=9), b"GET / HTTP/1.1", [b"HTTP/1.1 304 Not Modified", b"content-length: 9", CLOSED], b""),
        (sends(299, b"a"), b"GET / HTTP/1.1", [b"HTTP/1.1 299 ", b"content-length: 1", CLOSED], b"a"),
        (sends(200, b"a", b"bc"), b"GET / HTTP/1.0", [OK, CLOSED], b"abc"),
        (sends(200, b"abc"), b"GET / HTTP/1.0", [OK, b"content-length: 3", CLOSED], b"abc"),
    ],
)
async def test_framing(handler: Handler, request_line: bytes, lines: list[bytes], body: bytes) -> None:
    wire = request_line + b"\r\nhost: h\r\nconnection: close\r\n\r\n"
    assert await answered(handler, wire) == (lines, body)


async def test_http_1_0_goes_on_where_it_is_asked_to_and_its_end_can_be_told() -> None:
    with within():
        async with edge(data_plane(sends(200, b"abc")), LEAN) as server, await server.connect() as stream:
            for _ in range(2):
                await stream.send_all(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
                received = await stream.receive_some()
                assert b"\r\nconnection: keep-alive\r\n" in received
                assert received.endswith(b"abc")
        async with edge(data_plane(sends(200, b"a", b"bc")), LEAN) as server:
            received = await server.ask(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            assert b"\r\nconnection: close\r\n" in received
            assert received.endswith(b"\r\n\r\nabc")


async def test_http_1_0_half_an_answer_can_be_told_from_a_whole_one() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        await exchange.send_body(b"half")
        raise ValueError("boom")

    with within():
        async with edge(data_plane(handler), LEAN) as server, await server.connect() as stream:
            await stream.send_all(b"GET / HTTP/1.0\r\n\r\n")
            assert b"half" in await stream.receive_some()
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()


async def test_every_response_has_its_date(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.5, 2.0])
    date = DateLine(lambda: next(times))
    assert [date(), date(), date()] == [
        b"date: Thu, 01 Jan 1970 00:00:01 GMT\r\n",
        b"date: Thu, 01 Jan 1970 00:00:01 GMT\r\n",
        b"date: Thu, 01 Jan 1970 00:00:02 GMT\r\n",
    ]
    with within():
        async with edge(data_plane(sends(200, b"")), LEAN) as server:
            for wire in (GET + b"connection: close\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
                fields = (await server.ask(wire)).decode().lower().split("\r\n")
                (said,) = [field for field in fields if field.startswith("date: ")]
                assert parsedate_to_datetime(said[6:]).year > 2000


@pytest.mark.parametrize(("pieces", "writes"), [((b"whole",), 1), ((b"first", b"second"), 2)])
async def test_a_head_leaves_with_the_first_bytes_of_its_body(
    pieces: tuple[bytes, ...], writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    send_now = GuardedStream.send_now

    def count(stream: GuardedStream, data: bytes) -> int:
        sent.append(data)
        return send_now(stream, data)

    monkeypatch.setattr(GuardedStream, "send_now", count)
    await answered(sends(200, *pieces), GET + b"connection: close\r\n\r\n")
    assert len(sent) == writes


HEADS: dict[str, tuple[int, list[tuple[bytes, bytes]]]] = {
    "a status that is none": (42, []),
    "an interim status": (100, []),
    "a space in a name": (200, [(b"a b", b"c")]),
    "a colon in a name": (200, [(b"a:b", b"c")]),
    "a capital in a name": (200, [(b"Content-Length", b"3")]),
    "an empty name": (200, [(b"", b"c")]),
    "an end of line in a name": (200, [(b"a\r\nb", b"c")]),
    "an end of line in a value": (200, [(b"a", b"b\r\nset-cookie: c")]),
    "a newline in a value": (200, [(b"a", b"b\nc")]),
    "a return in a value": (200, [(b"a", b"b\rc")]),
    "a NUL in a value": (200, [(b"a", b"b\0c")]),
    "a length that is none": (200, [(b"content-length", b"ten")]),
    "a negative length": (200, [(b"content-length", b"-1")]),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads_that_cannot_be_sent(name: str) -> None:
    request = Request("GET", b"/", "/", b"/", b"", [], "1.1", True)
    with pytest.raises(BadHead):
        ResponseHead(*HEADS[name], request, DateLine(lambda: 0.0))
