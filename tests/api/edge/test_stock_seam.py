"""hypercorn's connection behind our seam: what we rely on, and every protocol that it brings."""

from __future__ import annotations

import dataclasses
import inspect
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import pytest
import trio
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext

from hyperinfer.api.edge.edges import EDGES
from hyperinfer.api.edge.guarded import GuardedStream
from tests.api.edge.clients import H1Client, read_to_end
from tests.api.edge.kit import CERTIFICATE, QUICK, data_plane, edge, hello, with_lifespan, within

if TYPE_CHECKING:
    from hyperinfer.api.edge import Exchange

pytestmark = pytest.mark.usefixtures("each_edge")


CURL = shutil.which("curl")
APP = with_lifespan(hello)
TLS = dataclasses.replace(QUICK, certfile=CERTIFICATE, keyfile=CERTIFICATE)


def test_the_constructors_are_what_we_call() -> None:
    assert list(inspect.signature(TCPServer).parameters) == ["app", "config", "context", "state", "stream"]
    assert list(inspect.signature(WorkerContext).parameters) == ["max_requests"]
    assert inspect.iscoroutinefunction(TCPServer.run)


def test_a_plain_stream_is_not_taken_for_tls() -> None:
    assert "do_handshake" in inspect.getsource(TCPServer.run)
    assert "except AttributeError:  # Not SSL" in inspect.getsource(TCPServer.run)
    assert not hasattr(GuardedStream, "do_handshake")


def test_the_edges_that_can_be_named() -> None:
    assert list(EDGES) == ["stock", "lean"]


async def test_http_1_1_keeps_the_connection_alive() -> None:
    with within():
        async with edge(APP) as server, await server.connect() as stream:
            client = H1Client(stream)
            for _ in range(3):
                answer = await client.ask("GET", "/")
                assert (answer.status, answer.body, answer.complete) == (200, b"hello", True)
                assert "server" not in answer.headers
                client.next_request()
            assert server.counters.connections == 1
            assert server.counters.requests == 3


async def test_http_1_0_is_answered_and_closed() -> None:
    with within():
        async with edge(APP) as server:
            answer = await server.ask(b"GET / HTTP/1.0\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"hello")


async def h2_ask(stream: trio.abc.Stream) -> bytes:
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    head = [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "localhost")]
    client.send_headers(1, head, end_stream=True)
    body = b""
    while True:
        await stream.send_all(client.data_to_send())
        data = await stream.receive_some()
        assert data, "the server closed in mid-response"
        for event in client.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                body += event.data
            elif isinstance(event, h2.events.StreamEnded):
                return body


async def test_http_2_by_prior_knowledge() -> None:
    with within():
        async with edge(APP) as server, await server.connect() as stream:
            assert await h2_ask(stream) == b"hello"


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
async def test_tls_by_alpn(protocol: str) -> None:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    context.set_alpn_protocols([protocol])
    with within():
        async with edge(APP, TLS, tls=True) as server:
            transport = await server.connect()
            stream = trio.SSLStream(transport, context, server_hostname="localhost", https_compatible=True)
            async with stream:
                await stream.do_handshake()
                assert stream.selected_alpn_protocol() == protocol
                if protocol == "h2":
                    assert await h2_ask(stream) == b"hello"
                else:
                    await stream.send_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                    assert (await read_to_end(stream)).endswith(b"hello")


async def test_a_failed_handshake_is_counted_and_nothing_more() -> None:
    with within():
        async with edge(APP, TLS, tls=True) as server:
            await server.ask(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert server.counters.handshakes_failed == 1
            assert server.counters.connection_crashes == 0


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize("arguments", [["--http2"], ["--http2", "-d", "body"], ["--http2-prior-knowledge"]])
async def test_curl_asks_for_http_2(arguments: list[str]) -> None:
    assert CURL is not None
    with within():
        async with edge(APP) as server:
            url = f"http://127.0.0.1:{server.port}/"
            process = await trio.run_process([CURL, "-sS", *arguments, url], capture_stdout=True, stderr=subprocess.STDOUT)
            assert process.stdout == b"hello"
            assert server.counters.connection_crashes == 0


async def test_a_websocket_is_refused() -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with within():
        async with edge(APP) as server:
            assert (await server.ask(upgrade)).startswith(b"HTTP/1.1 403")
            assert server.counters.connection_crashes == 0


async def test_the_head_of_an_answer_alone() -> None:
    with within():
        async with edge(APP) as server:
            answer = await server.ask(b"HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"\r\n\r\n")
            assert b"hello" not in answer


async def test_a_client_that_waits_for_its_100() -> None:
    async def echo(exchange: Exchange) -> None:
        body = await exchange.read_body(10)
        await exchange.send_head(200, [(b"content-length", b"%d" % len(body))])
        await exchange.send_last(body)

    with within():
        async with edge(data_plane(echo)) as server, await server.connect() as stream:
            await stream.send_all(b"POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 100 ")
            await stream.send_all(b"ab")
            answer = b""
            while not answer.endswith(b"\r\n\r\nab"):
                answer += await stream.receive_some()
            assert answer.startswith(b"HTTP/1.1 200 ")


async def test_http_2_by_an_upgrade_that_keeps_what_was_sent_with_it() -> None:
    head = b"GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: \r\n\r\n"
    with within():
        async with edge(APP) as server, await server.connect() as stream:
            client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
            client.initiate_upgrade_connection()
            await stream.send_all(head + client.data_to_send())
            received = b""
            while b"\r\n\r\n" not in received:
                received += await stream.receive_some()
            said, _, frames = received.partition(b"\r\n\r\n")
            assert said.startswith(b"HTTP/1.1 101")
            body, ended = b"", False
            while not ended:
                for event in client.receive_data(frames):
                    body += event.data if isinstance(event, h2.events.DataReceived) else b""
                    ended |= isinstance(event, h2.events.StreamEnded)
                if not ended:
                    await stream.send_all(client.data_to_send())
                    frames = await stream.receive_some()
                    assert frames, "the server closed in mid-response"
            assert body == b"hello"
