"""What the pool keeps, and for how long."""

import httpx2
import trio
import trio.testing

from hyperinfer.providers.transport import Transport
from hyperinfer.providers.transport_connection import Connection, Origin, connect
from hyperinfer.providers.transport_pool import Pool
from tests.support.rawserver import End, Hold, RawServer, Reply, Request, Script, raw_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def connections(server: RawServer, count: int) -> list[Connection]:
    origin = Origin("http", server.host, server.port)
    return [await connect(origin, None, seconds=5, receive_buffer=None) for _ in range(count)]


async def assert_closed(server: RawServer, *places: int) -> None:
    """That exactly the connections at `places` are closed."""
    for place in places:
        with trio.fail_after(5):
            await server.connections[place].closed.wait()
    await trio.testing.wait_all_tasks_blocked()
    assert [place for place, peer in enumerate(server.connections) if peer.closed.is_set()] == list(places)


async def test_the_freshest_is_taken_first() -> None:
    async with raw_server([Hold()], [Hold()]) as server:
        first, second = await connections(server, 2)
        pool = Pool(max_idle=8, idle_seconds=60)
        pool.put(first, 0)
        pool.put(second, 1)
        assert pool.take(first.origin, 2) is second
        assert pool.take(first.origin, 2) is first
        assert pool.take(first.origin, 2) is None
        first.close()
        second.close()


async def test_the_aged_are_closed() -> None:
    async with raw_server([Hold()], [Hold()]) as server:
        first, second = await connections(server, 2)
        pool = Pool(max_idle=8, idle_seconds=60)
        pool.put(first, 0)
        pool.put(second, 50)
        assert pool.take(first.origin, 61) is second
        await assert_closed(server, 0)
        pool.put(second, 61)
        assert pool.take(first.origin, 122) is None
        await assert_closed(server, 0, 1)


async def test_those_of_an_origin_that_is_asked_no_more_are_closed_too() -> None:
    async with raw_server([Hold()], [Hold()]) as left, raw_server([Hold()], [Hold()]) as asked:
        pool = Pool(max_idle=8, idle_seconds=60)
        for connection in await connections(left, 2):
            pool.put(connection, 0)
        first, second = await connections(asked, 2)
        pool.put(first, 61)
        await assert_closed(left, 0, 1)
        assert len(pool) == 1
        pool.put(second, 62)
        assert len(pool) == 2
        pool.close()


async def test_the_oldest_makes_room() -> None:
    async with raw_server([Hold()], [Hold()], [Hold()]) as server:
        pool = Pool(max_idle=2, idle_seconds=60)
        for connection in await connections(server, 3):
            pool.put(connection, 0)
        assert len(pool) == 2
        await assert_closed(server, 0)
        pool.close()
        await assert_closed(server, 0, 1, 2)
        assert len(pool) == 0


async def test_one_that_the_server_ended_is_not_taken() -> None:
    async with raw_server([Hold()], [End()]) as server:
        alive, ended = await connections(server, 2)
        await trio.testing.wait_all_tasks_blocked(0.005)
        pool = Pool(max_idle=8, idle_seconds=60)
        pool.put(alive, 0)
        pool.put(ended, 0)
        assert pool.take(alive.origin, 0) is alive
        assert len(pool) == 0
        alive.close()


async def test_origins_do_not_mix() -> None:
    script: Script = [Request(), Reply(OK), Request(), Reply(OK)]
    async with raw_server(script) as one, raw_server(script) as other, Transport() as transport:
        for server in (one, other, one, other):
            response = await transport.handle_async_request(httpx2.Request("GET", server.url))
            assert await response.aread() == b"ok"
        assert (len(one.connections), len(other.connections), transport.idle) == (1, 1, 2)


async def test_each_request_under_way_has_its_own_connection() -> None:
    script: Script = [Request(), Hold()]
    async with raw_server(script, script, script) as server, Transport() as transport, trio.open_nursery() as nursery:

        async def call() -> None:
            await transport.handle_async_request(httpx2.Request("GET", server.url))

        for _ in range(3):
            nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert (transport.active, len(server.connections)) == (3, 3)
        nursery.cancel_scope.cancel()
