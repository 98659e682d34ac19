"""What the lean edge takes for a request, however it comes, and what it says of the others."""

from __future__ import annotations

import dataclasses
import random
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge import EdgeSettings
from hyperinfer.api.edge.lean.parser import MAX_QUEUED, RequestParser
from tests.api.edge.clients import read_to_end
from tests.api.edge.kit import QUICK, data_plane, edge, until, within
from tests.api.edge.recorder import Recorder, asked, statuses

if TYPE_CHECKING:
    from hyperinfer.api.edge import Exchange
    from hyperinfer.api.edge.lean.request import Request

LEAN = dataclasses.replace(QUICK, edge="lean")
CLOSE = b"connection: close\r\n\r\n"

WIRES: dict[str, bytes] = {
    "a body with its length": b"POST /a?b=c HTTP/1.1\r\nHost: h\r\nX:  y \t\r\nContent-Length: 5\r\n\r\nhello",
    "chunks": (
        b"POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: Chunked\r\n\r\n"
        b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nauthorization: x\r\n\r\n"
    ),
    "requests one behind the other": (
        b"\r\nGET /1 HTTP/1.1\r\nhost: h\r\n\r\nPOST /2 HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nab"
        b"\r\n\r\nGET /3 HTTP/1.1\r\nhost: h\r\n\r\n"
    ),
    "a method of nobody": b"BREW /pot HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nab",
    "a method of another protocol": b"DESCRIBE /pot HTTP/1.1\r\nhost: h\r\n\r\n",
    "a method in lower case": b"get / HTTP/1.1\r\nhost: h\r\n\r\n",
    "an absolute target": b"GET http://other:81/x%20y?z HTTP/1.1\r\nhost: h\r\n\r\n",
    "an absolute target without a path": b"GET HTTPS://other?z HTTP/1.1\r\nhost: h\r\n\r\n",
    "HTTP/1.0": b"GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n",
    "an upgrade to what is not there": (
        b"POST / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\nab"
        b"GET /2 HTTP/1.1\r\nhost: h\r\n\r\n"
    ),
    "an upgrade with chunks": (
        b"POST / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: tea\r\ntransfer-encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n"
    ),
    "a WebSocket": b"GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "HTTP/2 by its preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a preface that turns wrong": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    "a length and chunks": b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunks": b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nx: y\r\n\r\n",
    "a good request and a bad one": b"GET / HTTP/1.1\r\nhost: h\r\n\r\nGET / HTTP/1.1\r\nx: y\r\n\r\n",
    "garbage": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    "a line without an end": b"A" * 100,
}


def parsed(*pieces: bytes) -> tuple[object, ...]:
    """All that a parser makes of these pieces."""
    parser = RequestParser(EdgeSettings(), cleartext=True)
    for piece in pieces:
        parser.feed(piece)
    return ([outline(request) for request in parser.requests], parser.over, parser.refusal, parser.handover)


def outline(request: Request) -> tuple[object, ...]:
    body = request.body
    head = (request.method, request.path, request.query, request.version, request.keep_alive, list(request.headers))
    return (*head, body.complete, body.take())


@pytest.mark.parametrize("name", WIRES)
def test_where_packets_end_makes_no_difference(name: str) -> None:
    wire = WIRES[name]
    whole = parsed(wire)
    for cut in range(1, len(wire)):
        cut_in_two = parsed(wire[:cut], wire[cut:])
        # Of a body that turns out to be none, more or less may have come before.
        assert cut_in_two == whole or name == "bad chunks", cut
    assert parsed(*(wire[at : at + 1] for at in range(len(wire)))) == whole


SPLINTERS = [
    b"\r\n",
    b"\n",
    b" ",
    b":",
    b"0",
    b"\0",
    b"\xff",
    b"%",
    b"[",
    b"chunked",
    b"HTTP/1.0",
    b"host: a\r\n",
    b"upgrade: h2c\r\n",
]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_comes_there_is_an_outcome(seed: int) -> None:
    """Wires with splinters in them: no exception, and a first request that no cut changes."""
    chance = random.Random(seed)
    for _ in range(1000):
        wire = b"".join(chance.choices(list(WIRES.values()), k=chance.randint(1, 2)))
        for _ in range(chance.randint(1, 4)):
            at = chance.randint(0, len(wire))
            wire = wire[:at] + chance.choice(SPLINTERS) + wire[at + chance.randint(0, 3) :]
        cut = chance.randint(0, len(wire))
        whole, in_two = (cast("list[object]", parsed(*pieces)[0]) for pieces in ((wire,), (wire[:cut], wire[cut:])))
        # Of the last one of both, more or less of the body may have come before it was found to be none.
        assert in_two[:1] == whole[:1] or len(whole) == len(in_two) == 1, (wire, cut)


@pytest.mark.parametrize("name", WIRES)
async def test_a_byte_at_a_time_on_the_wire(name: str, each_edge: str) -> None:
    """On both edges: nothing crashes. On the lean one the requests are those of the same bytes at once."""
    wire = WIRES[name]
    whole, apart = Recorder(), Recorder()
    if each_edge == "lean":
        await asked(wire + b"GET /end HTTP/1.1\r\nhost: h\r\n" + CLOSE, recorder=whole)
    with within(10):
        async with edge(apart.app()) as server:
            async with await server.connect() as stream:
                try:
                    for at in range(len(wire)):
                        await stream.send_all(wire[at : at + 1])
                        await wait_all_tasks_blocked()
                except trio.BrokenResourceError:
                    pass
            await until(lambda: not server.counters.open)
            assert server.counters.connection_crashes == server.counters.crashes == 0
    if each_edge == "lean":
        assert apart.seen == [seen for seen in whole.seen if seen[1] != "/end"]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"GET / HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n", 400),
        (b"GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a b\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a/b\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a@b\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: \xc3\xa4\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost:\r\n", 200),
        (b"GET / HTTP/1.1\r\nhost: [::1]:8080\r\n", 200),
        (b"GET / HTTP/1.1\r\nhost: [::1]\r\n", 200),
        (b"GET / HTTP/1.1\r\nhost: a:\r\n", 200),
        (b"GET / HTTP/1.1\r\nhost: [\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: []\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: [::1]80\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a:b\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a:1:2\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a]\r\n", 400),
        (b"GET / HTTP/1.0\r\n", 200),
        (b"GET http://a@b/ HTTP/1.1\r\nhost: b\r\n", 400),
        (b"GET http:///x HTTP/1.1\r\nhost: b\r\n", 400),
        (b"GET ftp://b/ HTTP/1.1\r\nhost: b\r\n", 400),
        (b"GET http://b/ HTTP/1.1\r\n", 400),
        (b"GET /a#b HTTP/1.1\r\nhost: b\r\n", 400),
        (b"GET * HTTP/1.1\r\nhost: b\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nhost: b\r\n", 200),
        (b"CONNECT b:443 HTTP/1.1\r\nhost: b:443\r\n", 501),
        (b"GET / HTTP/0.9\r\nhost: b\r\n", 505),
        (b"GET / HTTP/2.0\r\nhost: b\r\n", 505),
        (b"GET / HTTP/1.2\r\nhost: b\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: b\r\n" + b"x: y\r\n" * 199, 431),
        (b"GET / HTTP/1.1\r\nhost: b\r\n" + b"x: y\r\n" * 198, 200),
        (b"GET / HTTP/1.1\r\nhost: b\r\nx: " + b"y" * 65_536 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: b\r\nx: " + b"y" * 65_000 + b"\r\n", 200),
        (b"GET /" + b"y" * 65_536 + b" HTTP/1.1\r\nhost: b\r\n", 431),
    ],
    ids=str,
)
async def test_heads(lines: bytes, status: int) -> None:
    assert statuses(await asked(lines + CLOSE, LEAN)) == [status]


async def test_an_absolute_target_names_the_host() -> None:
    recorder = Recorder()
    await asked(b"GET http://other:81/x%20y?z HTTP/1.1\r\nhost: h\r\n" + CLOSE, LEAN, recorder=recorder)
    assert recorder.paths == ["/x y"]
    assert list(recorder.headers[0]) == [(b"host", b"other:81"), (b"connection", b"close")]


async def test_all_that_came_at_once_is_answered_in_its_order() -> None:
    recorder = Recorder()
    requests = b"".join(b"GET /%d HTTP/1.1\r\nhost: h\r\n\r\n" % number for number in range(30))
    received = await asked(requests + b"GET /end HTTP/1.1\r\nhost: h\r\n" + CLOSE, LEAN, recorder=recorder)
    assert recorder.paths == [*(f"/{number}" for number in range(30)), "/end"]
    assert statuses(received) == [200] * 31


@pytest.mark.parametrize("rest", [b"", b"ef"], ids=["all came meanwhile", "some comes later"])
async def test_a_body_that_comes_while_the_request_before_it_is_answered(rest: bytes) -> None:
    go = trio.Event()
    recorder = Recorder()

    async def handler(exchange: Exchange) -> None:
        if exchange.path == "/1":
            await go.wait()
        await recorder.handler(exchange)

    second = b"POST /2 HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\nab" % (4 + len(rest))
    with within():
        async with edge(data_plane(handler), LEAN) as server, await server.connect() as stream:
            await stream.send_all(b"GET /1 HTTP/1.1\r\nhost: h\r\n\r\n" + second)
            await wait_all_tasks_blocked(0.01)
            await stream.send_all(b"cd")
            await wait_all_tasks_blocked(0.01)
            go.set()
            if rest:
                await until(lambda: len(recorder.seen) == 1)
                await wait_all_tasks_blocked(0.01)
                await stream.send_all(rest)
            await until(lambda: len(recorder.seen) == 2)
            assert recorder.seen == [("GET", "/1", b""), ("POST", "/2", b"abcd" + rest)]


async def test_more_requests_at_once_than_are_kept_end_the_connection() -> None:
    recorder = Recorder()
    received = await asked(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n" * 1000, LEAN, recorder=recorder)
    assert len(recorder.seen) == len(statuses(received)) == MAX_QUEUED


async def test_good_requests_before_a_bad_one_are_answered() -> None:
    received = await asked(WIRES["a good request and a bad one"], LEAN)
    assert statuses(received) == [200, 400]


@pytest.mark.parametrize("part", ["extensions", "trailers"])
async def test_what_a_body_has_beside_itself_has_a_limit(part: str) -> None:
    head = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    start, more = (b"1;", b"a") if part == "extensions" else (b"0\r\n", b"a: b\r\n")
    with within():
        async with edge(Recorder().app(), LEAN) as server, await server.connect() as stream:
            await stream.send_all(head + start)
            sent = 0
            async with trio.open_nursery() as nursery:

                async def send() -> None:
                    nonlocal sent
                    with suppress(trio.BrokenResourceError):
                        while True:
                            await stream.send_all(more * 1000)
                            sent += len(more) * 1000

                nursery.start_soon(send)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 400 ")
                nursery.cancel_scope.cancel()
            assert sent < 2_000_000


LATE = [
    (b"", b""),
    (b"GET / HT", b"HTTP/1.1 408 "),
    (b"GE", b"HTTP/1.1 408 "),
    (b"GET / HTTP/1.1\r\nhost: h\r\nx", b"HTTP/1.1 408 "),
    (b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n", b"HTTP/1.1 408 "),
    (b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nab", b"HTTP/1.1 408 "),
]


@pytest.mark.parametrize("before", [b"", b"GET /before HTTP/1.1\r\nhost: h\r\n\r\n"], ids=["first", "later"])
async def test_what_does_not_come_in_time(before: bytes) -> None:
    settings = dataclasses.replace(LEAN, first_request=0.5, keep_alive=0.5, body_idle=0.5)

    async def late(sent: bytes, expected: bytes) -> None:
        async with await server.connect() as stream:
            if before:
                await stream.send_all(before)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
            await stream.send_all(sent) if sent else None
            received = await read_to_end(stream)
            assert received.startswith(expected), sent
            assert bool(received) == bool(expected), sent

    with within():
        async with edge(Recorder().app(), settings) as server, trio.open_nursery() as nursery:
            for sent, expected in LATE:
                nursery.start_soon(late, sent, expected)


async def test_a_body_that_only_trickles_is_late_in_the_end() -> None:
    settings = dataclasses.replace(LEAN, body_idle=1.0, body_whole=0.3)
    with within():
        async with edge(Recorder().app(), settings) as server, await server.connect() as stream:
            await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 500\r\n\r\n")
            received = b""
            with trio.move_on_after(2):
                async with trio.open_nursery() as nursery:

                    async def trickle() -> None:
                        while True:
                            await stream.send_all(b"x")
                            await trio.sleep(0.05)

                    nursery.start_soon(trickle)
                    received += await stream.receive_some()
                    nursery.cancel_scope.cancel()
            assert received.startswith(b"HTTP/1.1 408 ")


async def test_times_are_those_of_one_request_alone() -> None:
    """A body that came in time leaves no deadline behind, and a long answer has none."""
    settings = dataclasses.replace(LEAN, first_request=0.45, keep_alive=0.45, body_idle=0.4, body_whole=0.45)
    recorder = Recorder()
    with within():
        async with edge(recorder.app(), settings) as server, await server.connect() as stream:
            for _ in range(3):  # each time alone is short, two together are too long
                await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nab")
                await trio.sleep(0.25)
                await stream.send_all(b"cd")
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
                await trio.sleep(0.25)
            assert server.counters.connections == 1
