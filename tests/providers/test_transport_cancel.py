"""Cancelling or closing at any point closes the socket at once, and nothing is left behind."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from hyperinfer.providers.transport import Transport
from hyperinfer.providers.transport_exchange import Exchange
from tests.support.rawserver import Hold, Peer, RawServer, Reply, Request, Script, Wait, raw_server
from tests.support.tls import tls_contexts

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SCRIPTS: dict[str, Script] = {
    "before the head": [Request(), Hold()],
    "within the head": [Request(), Reply(HEAD[:30]), Hold()],
    "before the body": [Request(), Reply(HEAD), Hold()],
    "within the body": [Request(), Reply(HEAD + b"5\r\nhello\r\n"), Hold()],
    "within a chunk": [Request(), Reply(HEAD + b"5\r\nhel"), Hold()],
    "before the end": [Request(), Reply(HEAD + b"5\r\nhello\r\n0\r\n"), Hold()],
    "on a reused connection": [Request(), Reply(OK), Request(), Hold()],
}


@pytest.fixture
def still_clock() -> MockClock:
    """Stands still while anything happens, however slowly the machine runs it; goes on when all tasks wait for a time."""
    return MockClock(autojump_threshold=0.1)


async def whole(transport: Transport, server: RawServer) -> bytes:
    response = await transport.handle_async_request(httpx2.Request("POST", server.url, content=b"{}"))
    return await response.aread()


def body_of(response: httpx2.Response) -> Exchange:
    assert isinstance(response.stream, Exchange)
    return response.stream


async def assert_gone_within_50_ms(peer: Peer, since: float) -> None:
    with trio.fail_after(5):
        await peer.closed.wait()
    assert peer.closed_at is not None
    assert peer.closed_at - since < 0.05  # of the `still_clock`: what somebody waited on purpose


async def run_until_blocked_then_cancel(call: Callable[[], Awaitable[object]]) -> float:
    """Cancels `call` once it waits for the server; gives the time of that."""
    async with trio.open_nursery() as nursery:

        async def run() -> None:
            await call()
            raise AssertionError("it was meant to be cancelled")

        nursery.start_soon(run)
        await trio.testing.wait_all_tasks_blocked(0.005)
        now = trio.current_time()
        nursery.cancel_scope.cancel()
    return now


@pytest.mark.parametrize("name", SCRIPTS)
async def test_cancelled(name: str, still_clock: MockClock) -> None:
    async with raw_server(SCRIPTS[name]) as server, Transport() as transport:
        if name == "on a reused connection":
            await whole(transport, server)
        now = await run_until_blocked_then_cancel(lambda: whole(transport, server))
        assert (transport.idle, transport.active) == (0, 0)
        await assert_gone_within_50_ms(server.connections[0], now)


async def test_cancelled_while_sending(still_clock: MockClock) -> None:
    read_on = trio.Event()
    async with raw_server([Wait(read_on), Hold()]) as server, Transport() as transport:
        request = httpx2.Request("POST", server.url, content=b"x" * 20_000_000)
        now = await run_until_blocked_then_cancel(lambda: transport.handle_async_request(request))
        assert (transport.idle, transport.active) == (0, 0)
        read_on.set()
        await assert_gone_within_50_ms(server.connections[0], now)


async def test_cancelled_over_tls(tmp_path: Path, still_clock: MockClock) -> None:
    server_context, client_context = tls_contexts(tmp_path)
    for script in (SCRIPTS["before the head"], SCRIPTS["within the body"]):
        async with (
            raw_server(script, tls=server_context) as server,
            Transport(ssl_context=client_context) as transport,
        ):
            now = await run_until_blocked_then_cancel(lambda: whole(transport, server))
            assert (transport.idle, transport.active) == (0, 0)
            await assert_gone_within_50_ms(server.connections[0], now)


async def test_cancelled_during_the_handshake(still_clock: MockClock) -> None:
    context = ssl.create_default_context()
    async with raw_server([Hold()]) as server, Transport(ssl_context=context) as transport:
        request = httpx2.Request("POST", server.url.replace("http", "https"), content=b"{}")
        now = await run_until_blocked_then_cancel(lambda: transport.handle_async_request(request))
        await assert_gone_within_50_ms(server.connections[0], now)


async def test_a_body_closed_before_its_end(still_clock: MockClock) -> None:
    async with raw_server(SCRIPTS["within the body"]) as server, Transport() as transport:
        response = await transport.handle_async_request(httpx2.Request("POST", server.url, content=b"{}"))
        assert await anext(body_of(response)) == b"hello"
        now = trio.current_time()
        await response.aclose()
        assert transport.active == 0
        await assert_gone_within_50_ms(server.connections[0], now)


async def test_closing_in_a_cancelled_scope_does_not_wait() -> None:
    async with raw_server(SCRIPTS["within the body"]) as server, Transport() as transport:
        response = await transport.handle_async_request(httpx2.Request("POST", server.url, content=b"{}"))
        with trio.CancelScope() as scope:
            scope.cancel()
            with trio.testing.assert_no_checkpoints():
                await body_of(response).aclose()
        assert not scope.cancelled_caught
        assert transport.active == 0


async def test_closing_the_transport_ends_requests_under_way() -> None:
    async with raw_server(SCRIPTS["before the head"]) as server, trio.open_nursery() as nursery:
        transport = Transport()

        async def call() -> None:
            with pytest.raises(httpx2.ReadError):
                await whole(transport, server)

        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked(0.005)
        await transport.aclose()
    with pytest.raises(RuntimeError):
        await whole(transport, server)


@pytest.mark.parametrize(
    ("script", "error"),
    [(SCRIPTS["before the head"], httpx2.ReadTimeout), (SCRIPTS["within the body"], httpx2.ReadTimeout)],
    ids=["head", "body"],
)
async def test_read_timeouts_of_a_client(script: Script, error: type[Exception], still_clock: MockClock) -> None:
    async with raw_server(script) as server:
        async with httpx2.AsyncClient(transport=Transport(), timeout=httpx2.Timeout(5, read=0.02)) as client:
            with pytest.raises(error):
                await client.post(server.url)
        await assert_gone_within_50_ms(server.connections[0], trio.current_time())
