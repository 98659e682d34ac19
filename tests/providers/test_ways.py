"""Proxies and HTTP/2 on the way to a provider, with real sockets and TLS."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio

from hyperinfer.providers.catalogue import Provider
from hyperinfer.providers.connection_faults import fault_of_exception
from hyperinfer.providers.proxies import Proxies
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.transport import Transport
from hyperinfer.providers.upstreams import Upstreams
from hyperinfer.providers.ways import Ways
from tests.api.edge.kit import CERTIFICATE, QUICK, edge, with_lifespan
from tests.support.rawserver import Reply, Request, Script, raw_server
from tests.support.tls import tls_contexts

if TYPE_CHECKING:
    from hyperinfer.api.edge import Receive, Scope, Send
    from hyperinfer.providers.client import Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LOCAL = Provider("p", "openai_chat", "http://upstream.test/v1", (Secret("sk-1"),))


def client(provider: Provider, environ: dict[str, str], ssl_context: ssl.SSLContext | None = None) -> Upstreams:
    ways = Ways(Transport(ssl_context=ssl_context), Proxies.of(environ), ssl_context=ssl_context)
    return Upstreams(ways, ways)


async def asked(upstream: Upstream) -> bytes:
    async with upstream.open(upstream.endpoint, b'{"a":1}', stream=False) as response:
        assert response.status == 200
        return await response.read(1000)


@dataclass
class Relay:
    """A proxy that connects wherever the test says. `heads`: what it was asked."""

    port: int
    heads: list[bytes] = field(default_factory=list[bytes])


@asynccontextmanager
async def relay(to: int) -> AsyncGenerator[Relay]:
    """A proxy that knows CONNECT, with one place where all of it leads: a port of this machine."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        found = Relay(listener.socket.getsockname()[1])

        async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
            async for data in source:
                await sink.send_all(data)

        async def serve(stream: trio.SocketStream) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await stream.receive_some(1)
            found.heads.append(head)
            await stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with await trio.open_tcp_stream("127.0.0.1", to) as onward, trio.open_nursery() as both:
                both.start_soon(pump, onward, stream)
                await pump(stream, onward)
                both.cancel_scope.cancel()

        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield found
        nursery.cancel_scope.cancel()


async def test_http_through_a_proxy_with_a_password() -> None:
    script: Script = [Request(), Reply(OK), Request(), Reply(OK)]
    async with raw_server(script) as proxy:
        environ = {"HTTP_PROXY": proxy.url.replace("http://", "http://me:hush@")}
        upstreams = client(LOCAL, environ)
        for _ in range(2):
            assert await asked(upstreams.of(LOCAL)) == b"ok"
        await upstreams.aclose()
    (peer,) = proxy.connections
    assert len(peer.requests) == 2
    head = peer.requests[0].lower()
    assert head.startswith(b"post http://upstream.test/v1/chat/completions http/1.1\r\n")
    assert b"proxy-authorization: basic bwu6ahvzaa==" in head
    assert b"authorization: bearer sk-1" in head
    assert "hush" not in repr(vars(upstreams)) + repr(vars(upstreams.network))


async def test_https_through_a_proxy_is_a_tunnel(tmp_path: Path) -> None:
    server_context, client_context = tls_contexts(tmp_path)
    script: Script = [Request(), Reply(OK), Request(), Reply(OK)]
    async with raw_server(script, tls=server_context) as server:
        port = int(server.url.rpartition(":")[2].strip("/"))
        async with relay(port) as proxy:
            # The name in the certificate, which would else be reached without a proxy.
            ways = Ways(
                Transport(ssl_context=client_context),
                Everywhere(Proxies.of({"HTTPS_PROXY": f"http://me:hush@127.0.0.1:{proxy.port}"}).by_scheme),
                ssl_context=client_context,
            )
            upstreams = Upstreams(ways, ways)
            provider = replace(LOCAL, base_url=f"https://localhost:{port}/v1")
            for _ in range(2):
                assert await asked(upstreams.of(provider)) == b"ok"
            await upstreams.aclose()
        (head,) = proxy.heads
        assert head.startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % port)
        assert b"sk-1" not in head
        assert server.connections[0].requests[0].startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")


class Everywhere(Proxies):
    """Also to this machine."""

    def to(self, scheme: str, host: str, port: int | None = None) -> Secret | None:
        return self.by_scheme.get(scheme)


@pytest.mark.parametrize(
    ("reply", "says"),
    [(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "cannot be reached"), (b"", "closed")],
)
async def test_a_proxy_that_will_not(reply: bytes, says: str) -> None:
    scripts: list[Script] = [[Request(), Reply(reply)]] if reply else []  # without one it closes
    async with raw_server(*scripts) as proxy:
        ways = Ways(Transport(), Proxies.of({"ALL_PROXY": proxy.url.replace("http://", "http://me:hush@")}))
        provider = replace(LOCAL, base_url="https://upstream.test/v1")
        upstream = Upstreams(ways, ways).of(provider)
        with pytest.raises(httpx2.TransportError) as failed:
            await asked(upstream)
        fault = fault_of_exception(failed.value)
        assert fault.retryable
        assert says in fault.message
        assert "hush" not in f"{fault!r}{failed.value!r}"
        await ways.aclose()


async def test_no_proxy_is_our_own_transport() -> None:
    async with raw_server([Request(), Reply(OK)]) as server:
        direct = Transport()
        ways = Ways(direct, Proxies.of({"ALL_PROXY": "http://proxy.test"}))
        assert ways.to(httpx2.URL(server.url), http2=False) is direct
        assert await asked(Upstreams(ways, ways).of(replace(LOCAL, base_url=f"{server.url}/v1"))) == b"ok"
        assert direct.idle == 1
        # What is no provider, such as a tool's API, goes the same ways.
        other = httpx2.Request("GET", "http://elsewhere.test/")
        with pytest.raises(httpx2.TransportError):
            await ways.handle_async_request(other)
        await ways.aclose()


@pytest.mark.parametrize("http2", [True, False])
async def test_http2_where_it_is_wanted(http2: bool) -> None:
    versions: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        versions.append(scope["http_version"])
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"o", b"k"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    context = ssl.create_default_context(cafile=CERTIFICATE)
    settings = replace(QUICK, certfile=CERTIFICATE, keyfile=CERTIFICATE, edge="stock")
    with trio.fail_after(20):
        async with edge(with_lifespan(app), settings, tls=True) as server:
            ways = Ways(Transport(ssl_context=context), Proxies({}), ssl_context=context)
            provider = replace(LOCAL, base_url=f"https://localhost:{server.port}/v1", http2=http2)
            upstream = Upstreams(ways, ways).of(provider)
            assert [await asked(upstream) for _ in range(2)] == [b"ok", b"ok"]
            with trio.move_on_after(0) as scope:
                await asked(upstream)
            assert scope.cancelled_caught
            assert await asked(upstream) == b"ok"
            await ways.aclose()
    assert set(versions) == {"2" if http2 else "1.1"}
