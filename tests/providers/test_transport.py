"""The transport against a real loopback server: framing, reuse, errors."""

from collections.abc import AsyncIterator

import httpx2
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from hyperinfer.providers.transport import Transport
from hyperinfer.providers.transport_errors import Disconnected, GarbledResponse
from tests.support.rawserver import End, HalfEnd, RawServer, Reply, Request, Reset, Script, raw_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def post(transport: Transport, server: RawServer, body: bytes = b"{}") -> tuple[int, bytes]:
    response = await transport.handle_async_request(httpx2.Request("POST", server.url + "/v1/x", content=body))
    return response.status_code, await response.aread()


async def test_a_clean_exchange_gives_the_connection_back() -> None:
    async with raw_server([Request(), Reply(OK), Request(), Reply(OK)]) as server, Transport() as transport:
        assert await post(transport, server, b"one") == (200, b"ok")
        assert (transport.idle, transport.active) == (1, 0)
        assert await post(transport, server, b"two") == (200, b"ok")
        assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [b"one", b"two"]
        assert len(server.connections) == 1


async def test_request_bytes() -> None:
    async with raw_server([Request(), Reply(OK)]) as server, Transport() as transport:
        url = f"{server.url}/v1/a%20b?x=1"
        await transport.handle_async_request(httpx2.Request("POST", url, headers=[("X-A", "b")], content=b"hi"))
        head = f"POST /v1/a%20b?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nX-A: b\r\nContent-Length: 2\r\n\r\n"
        assert server.requests == [head.encode() + b"hi"]


async def test_an_async_client_works_on_it() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    scripts: list[Script] = [[Request(), Reply(chunked, piece=7), Request(), Reply(chunked)], [Request(), Reply(OK)]]
    async with raw_server(*scripts) as server, httpx2.AsyncClient(transport=Transport()) as client:
        async with client.stream("POST", server.url, json={"a": 1}) as response:
            assert b"".join([part async for part in response.aiter_raw()]) == b"hello"
        assert (await client.get(server.url)).text == "hello"

        async def upload() -> AsyncIterator[bytes]:
            yield b"some"
            yield b"thing"

        assert (await client.post(server.url, content=upload())).text == "ok"
    assert len(server.connections) == 2, "a body that cannot be sent again goes on a new connection"


@pytest.mark.parametrize("ending", [[End()], [Reset()]], ids=["fin", "rst"])
async def test_a_stale_connection_is_replaced_once(ending: list[End | Reset]) -> None:
    async with (
        raw_server([Request(), Reply(OK), Request(), *ending], [Request(), Reply(OK)]) as server,
        Transport() as transport,
    ):
        assert await post(transport, server) == (200, b"ok")
        assert await post(transport, server) == (200, b"ok")
        assert [len(peer.requests) for peer in server.connections] == [2, 1]


async def test_a_new_connection_that_dies_is_an_error_not_a_retry() -> None:
    async with raw_server([Request(), End()], [Request(), Reply(OK)]) as server, Transport() as transport:
        with pytest.raises(Disconnected):
            await post(transport, server)
        assert len(server.connections) == 1


async def test_a_reused_connection_that_dies_after_a_byte_is_an_error() -> None:
    script: Script = [Request(), Reply(OK), Request(), Reply(b"H"), End()]
    async with raw_server(script, [Request(), Reply(OK)]) as server, Transport() as transport:
        await post(transport, server)
        with pytest.raises(Disconnected):
            await post(transport, server)
        assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"ok"),
    ],
    ids=["close", "http/1.0", "extra bytes"],
)
async def test_what_is_not_kept(reply: bytes, body: bytes) -> None:
    async with raw_server([Request(), Reply(reply)]) as server, Transport() as transport:
        assert await post(transport, server) == (200, body)
        assert (transport.idle, transport.active) == (0, 0)
        await server.connections[0].closed.wait()


async def test_bytes_that_come_while_idle_are_never_a_response() -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    async with (
        raw_server([Request(), Reply(OK), Reply(evil)], [Request(), Reply(OK)]) as server,
        Transport() as transport,
    ):
        assert await post(transport, server) == (200, b"ok")
        await trio.testing.wait_all_tasks_blocked()
        assert await post(transport, server) == (200, b"ok")
        assert len(server.connections) == 2


async def test_a_body_that_ends_with_the_connection() -> None:
    script: Script = [Request(), Reply(b"HTTP/1.1 200 OK\r\n\r\nall of it", piece=5), HalfEnd()]
    async with raw_server(script) as server, Transport() as transport:
        assert await post(transport, server) == (200, b"all of it")
        assert transport.idle == 0


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
    ids=["length", "chunked"],
)
async def test_a_cut_body_is_an_error_behind_the_bytes_that_came(reply: bytes) -> None:
    async with raw_server([Request(), Reply(reply), End()]) as server, Transport() as transport:
        response = await transport.handle_async_request(httpx2.Request("POST", server.url, content=b""))
        body = response.aiter_raw()
        assert await anext(body) == b"half"
        with pytest.raises(Disconnected):
            await anext(body)
        assert (transport.idle, transport.active) == (0, 0)


async def test_garbage_is_an_error() -> None:
    async with raw_server([Request(), Reply(b"SSH-2.0-OpenSSH_9.6\r\n")]) as server, Transport() as transport:
        with pytest.raises(GarbledResponse):
            await post(transport, server)
        await server.connections[0].closed.wait()


async def test_a_continue_is_skipped() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    async with raw_server([Request(), Reply(interim + OK, piece=11)]) as server, Transport() as transport:
        response = await transport.handle_async_request(httpx2.Request("POST", server.url, content=b""))
        assert (response.status_code, await response.aread()) == (200, b"ok")
        assert "link" not in response.headers
        assert transport.idle == 1


async def test_bodiless_responses() -> None:
    script: Script = [
        Request(),
        Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        Request(),
        Reply(b"HTTP/1.1 204 No Content\r\n\r\n"),
        Request(),
        Reply(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    ]
    async with raw_server(script) as server, Transport() as transport:
        for method in ("HEAD", "GET", "GET"):
            response = await transport.handle_async_request(httpx2.Request(method, server.url))
            assert await response.aread() == b""
        assert len(server.connections) == 1
        assert transport.idle == 1


async def test_an_answer_to_an_upload_that_nobody_reads() -> None:
    reply = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
    async with raw_server([Reply(reply)]) as server, Transport(receive_buffer=65536) as transport:
        assert await post(transport, server, b"x" * 30_000_000) == (413, b"big")
        assert (transport.idle, transport.active) == (0, 0)


async def test_refused() -> None:
    async with raw_server() as server:
        pass
    with pytest.raises(httpx2.ConnectError, match=rf"^cannot connect to 127\.0\.0\.1:{server.port}: Connection refused$"):
        await post(Transport(), server)


async def test_connecting_has_a_deadline(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(host: str, port: int) -> trio.SocketStream:
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(trio, "open_tcp_stream", hang)
    for transport, seconds in ((Transport(), 10), (Transport(connect_timeout=2), 2)):
        start = trio.current_time()
        with pytest.raises(httpx2.ConnectTimeout):
            await transport.handle_async_request(httpx2.Request("GET", "http://a.invalid/"))
        assert trio.current_time() - start == seconds
    start = trio.current_time()
    async with httpx2.AsyncClient(transport=Transport(), timeout=httpx2.Timeout(5, connect=7)) as client:
        with pytest.raises(httpx2.ConnectTimeout):
            await client.get("http://a.invalid/")
    assert trio.current_time() - start == 7


async def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(httpx2.ConnectError, match=r"^cannot connect to no-such-host\.invalid:80: .*[Nn]ame"):
        await Transport().handle_async_request(httpx2.Request("GET", "http://no-such-host.invalid/"))


async def test_a_header_cannot_break_out_of_its_line() -> None:
    request = httpx2.Request("GET", "http://127.0.0.1:1/", headers={"x-a": "b\r\nx-evil: 1"})
    with pytest.raises(httpx2.LocalProtocolError):
        await Transport().handle_async_request(request)


async def test_other_schemes_are_refused() -> None:
    with pytest.raises(httpx2.UnsupportedProtocol):
        await Transport().handle_async_request(httpx2.Request("GET", "ftp://127.0.0.1/"))
