"""The transport over TLS."""

from pathlib import Path

import httpx2
import pytest

from hyperinfer.providers.transport import Transport, default_ssl_context
from hyperinfer.providers.transport_errors import Disconnected
from tests.support.rawserver import End, RawServer, Reply, Request, Script, raw_server
from tests.support.tls import tls_contexts

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def post(transport: Transport, server: RawServer) -> bytes:
    return await (await transport.handle_async_request(httpx2.Request("POST", server.url, content=b"{}"))).aread()


async def test_a_connection_is_kept(tmp_path: Path) -> None:
    server_context, client_context = tls_contexts(tmp_path)
    script: Script = [Request(), Reply(OK), Request(), Reply(OK, piece=9)]
    async with raw_server(script, tls=server_context) as server, Transport(ssl_context=client_context) as transport:
        assert await post(transport, server) == b"ok"
        assert await post(transport, server) == b"ok"
        assert len(server.connections) == 1
        assert transport.idle == 1


async def test_a_stale_connection_is_replaced(tmp_path: Path) -> None:
    server_context, client_context = tls_contexts(tmp_path)
    scripts: list[Script] = [[Request(), Reply(OK), Request(), End()], [Request(), Reply(OK)]]
    async with raw_server(*scripts, tls=server_context) as server, Transport(ssl_context=client_context) as transport:
        assert await post(transport, server) == b"ok"
        assert await post(transport, server) == b"ok"
        assert len(server.connections) == 2


async def test_a_body_that_is_cut_is_an_error(tmp_path: Path) -> None:
    server_context, client_context = tls_contexts(tmp_path)
    script: Script = [Request(), Reply(OK[:-1]), End()]
    async with raw_server(script, tls=server_context) as server, Transport(ssl_context=client_context) as transport:
        with pytest.raises(Disconnected):
            await post(transport, server)


async def test_an_unknown_certificate_is_no_connection(tmp_path: Path) -> None:
    server_context, _ = tls_contexts(tmp_path)
    async with raw_server([], tls=server_context) as server, Transport() as transport:
        with pytest.raises(httpx2.ConnectError, match="TLS"):
            await post(transport, server)
        assert (transport.idle, transport.active) == (0, 0)


async def test_a_certificate_of_another_name_is_no_connection(tmp_path: Path) -> None:
    server_context, client_context = tls_contexts(tmp_path)
    async with raw_server([], tls=server_context) as server, Transport(ssl_context=client_context) as transport:
        server.host = "127.0.0.1"
        with pytest.raises(httpx2.ConnectError, match="TLS"):
            await post(transport, server)


async def test_a_server_without_tls_is_no_connection() -> None:
    async with raw_server([Reply(b"HTTP/1.1 400 Bad Request\r\n\r\n")]) as server, Transport() as transport:
        server.scheme = "https"
        with pytest.raises(httpx2.ConnectError, match="TLS"):
            await post(transport, server)


def test_there_is_one_context_and_it_verifies() -> None:
    context = default_ssl_context()
    assert context is default_ssl_context()
    assert context.check_hostname
