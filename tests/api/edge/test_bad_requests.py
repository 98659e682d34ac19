"""Bytes that are no request, or too much of one: the worker answers the next client."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from trio.testing import wait_all_tasks_blocked

from tests.api.edge.clients import read_to_end
from tests.api.edge.faults import still_serves
from tests.api.edge.kit import QUICK, data_plane, edge, hello, with_lifespan, within

if TYPE_CHECKING:
    from hyperinfer.api.edge import Exchange

pytestmark = pytest.mark.usefixtures("each_edge")


NONSENSE = {
    "garbage": b"\x00\xff\x16\x03\x01 garbage \r\n\r\n",
    "a TLS hello on the plain port": bytes.fromhex("16030100a5010000a1030300") + bytes(40) + b"\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n",
    "an empty name": b"GET / HTTP/1.1\r\nhost: a\r\n: y\r\n\r\n",
    "a NUL in a value": b"GET / HTTP/1.1\r\nhost: a\r\nx: \x00\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "a length that is no number": b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ten\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
    "an unknown transfer coding": b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n",
    "a bad chunk size": b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "an endless path": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    "an endless header": b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 300_000 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 60_000 + b"\r\n",
    "a wrong HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + bytes(64),
    "an HTTP/2 frame of the wrong kind": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x04\x00\x00\x00\x00\x00\x05abcd",
    "an oversized HTTP/2 frame": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x4e\x20\x04\x00\x00\x00\x00\x00" + bytes(20_000)
    ),
    "bad settings in an upgrade": (
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: !!!\r\n\r\n"
    ),
    "an upgrade without settings": b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
}


@pytest.mark.parametrize("wire", NONSENSE.values(), ids=NONSENSE.keys())
async def test_bytes_that_are_no_request(wire: bytes) -> None:
    with within():
        async with edge(with_lifespan(hello)) as server:
            answer = await server.ask(wire + b"connection: close\r\n\r\n")
            assert b" 200 " not in answer.partition(b"\r\n")[0]
            await still_serves(server)


async def test_a_length_beside_chunks_is_not_smuggled(each_edge: str) -> None:
    wire = (
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
    )
    bodies: list[tuple[str, bytes]] = []

    async def handler(exchange: Exchange) -> None:
        bodies.append((exchange.path, await exchange.read_body(100)))
        await exchange.send_head(200, [(b"content-length", b"5")])
        await exchange.send_last(b"hello")

    with within():
        async with edge(data_plane(handler)) as server:
            async with await server.connect() as stream:
                await stream.send_all(wire)
                answer = await stream.receive_some()
            await still_serves(server)
            if each_edge == "lean":
                # RFC 9112, 6.1: a server may refuse it, and this one does.
                assert answer.startswith(b"HTTP/1.1 400")
                assert [path for path, _ in bodies] == ["/fine"]
            else:
                # RFC 9112, 6.3: the chunks count. What follows them is a request of its own, and never part of the body.
                assert bodies[0] == ("/", b"")


@pytest.mark.parametrize("size", [20_000, 60_000])
async def test_large_but_sane_heads_pass_however_they_are_cut(size: int) -> None:
    wire = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: " + b"a" * size + b"\r\n\r\n"
    with within():
        async with edge(with_lifespan(hello)) as server:
            for pieces in ([wire], [wire[:17_000], wire[17_000:]]):
                async with await server.connect() as stream:
                    for piece in pieces:
                        await stream.send_all(piece)
                        await wait_all_tasks_blocked(0.005)
                    assert (await read_to_end(stream)).startswith(b"HTTP/1.1 200")


async def test_a_head_that_is_too_large_gets_its_431() -> None:
    with within():
        async with edge(with_lifespan(hello)) as server:
            assert (await server.ask(NONSENSE["an endless header"])).startswith(b"HTTP/1.1 431")


async def test_a_head_that_never_ends_is_cut_in_time() -> None:
    with within():
        async with edge(with_lifespan(hello), dataclasses.replace(QUICK, first_request=0.1)) as server:
            assert not (await server.ask(b"GET / HTTP/1.1\r\nhost: a\r\n")).startswith(b"HTTP/1.1 200")
