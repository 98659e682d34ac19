"""What becomes of the connections and clients of providers that another catalogue does not have, with real sockets."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from hyperinfer.providers import shipped_catalogue
from hyperinfer.providers.catalogue import Catalogue, Provider, Tool
from hyperinfer.providers.proxies import Proxies
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.transport import Transport
from hyperinfer.providers.upstreams import Upstreams
from hyperinfer.providers.ways import Ways
from tests.api.edge.kit import until
from tests.support.rawserver import Hold, RawServer, Reply, Request, Script, Wait, raw_server

HEAD, TAIL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok"
OK = Reply(HEAD + TAIL)


def holding(*providers: Provider, tools: tuple[Tool, ...] = ()) -> Catalogue:
    return Catalogue({each.name: each for each in providers}, {}, {}, {tool.name: tool for tool in tools})


def made(environ: dict[str, str] | None = None) -> tuple[Upstreams, Transport]:
    transport = Transport()
    return Upstreams(Ways(transport, Proxies.of(environ or {})), transport), transport


def provider(name: str, server: RawServer) -> Provider:
    return Provider(name, "openai_chat", f"{server.url}/v1", (Secret(f"sk-{name}"),))


async def asked(upstreams: Upstreams, provider: Provider) -> bytes:
    async with upstreams.of(provider).open("/chat/completions", b"{}", stream=False) as response:
        return await response.read(100)


async def closed(server: RawServer, number: int = 0) -> None:
    with trio.fail_after(5):
        await server.connections[number].closed.wait()


# Any network proxy in `environ` has these requests go by httpx2's own transport, whose first hop is here the server itself.
WAYS = pytest.mark.parametrize("proxied", [False, True], ids=["direct", "by a proxy"])


@WAYS
async def test_idle_connections_are_closed_at_once_and_used_ones_when_they_are_over(proxied: bool) -> None:
    go = trio.Event()
    busy: Script = [Request(), Reply(HEAD), Wait(go), Reply(TAIL), Hold()]
    async with raw_server(busy, [Request(), OK, Hold()]) as leaving, raw_server([Request(), OK, Request(), OK]) as staying:
        environ = {"HTTP_PROXY": leaving.url, "NO_PROXY": f"127.0.0.1:{staying.port}"} if proxied else {}
        upstreams, transport = made(environ)
        stays, leaves = provider("stays", staying), provider("leaves", leaving)
        assert await asked(upstreams, stays) == b"ok"
        got: list[bytes] = []

        async def under_way() -> None:
            got.append(await asked(upstreams, leaves))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(under_way)
            await until(lambda: len(leaving.connections) == 1 and bool(leaving.connections[0].requests))
            assert await asked(upstreams, leaves) == b"ok"
            await upstreams.serve_only(holding(stays))
            if not proxied:  # httpx2's transport is closed as a whole, once nothing is under way
                await closed(leaving, 1)
            assert got == []
            go.set()
        assert got == [b"ok"], "what runs is not cut"
        await closed(leaving, 0)
        await closed(leaving, 1)
        assert await asked(upstreams, stays) == b"ok"
        assert len(staying.connections) == 1, "and nobody else loses its connection"
        assert transport.idle == 1
        await upstreams.aclose()


async def test_an_origin_that_is_of_somebody_else_too_stays() -> None:
    keeps: Script = [Request(), OK, Request(), OK]
    async with raw_server(keeps) as shared, raw_server(keeps) as of_a_tool:
        upstreams, transport = made()
        one, other = provider("one", shared), provider("other", shared)
        tooled = provider("tooled", of_a_tool)
        assert [await asked(upstreams, each) for each in (one, tooled)] == [b"ok"] * 2
        await upstreams.serve_only(holding(other, tools=(Tool("web_search", "brave", f"{of_a_tool.url}/search"),)))
        assert transport.idle == 2
        assert [await asked(upstreams, each) for each in (other, tooled)] == [b"ok"] * 2
        assert (len(shared.connections), len(of_a_tool.connections)) == (1, 1)
        await upstreams.aclose()


async def test_one_that_comes_back_keeps_its_connections_again() -> None:
    async with raw_server([Request(), OK, Hold()], [Request(), OK, Hold()], [Request(), OK, Request(), OK]) as server:
        upstreams, transport = made()
        it = provider("it", server)
        await asked(upstreams, it)
        await upstreams.serve_only(holding())
        assert await asked(upstreams, it) == b"ok", "a request that runs may still ask it again"
        assert transport.idle == 0
        await closed(server, 1)
        await upstreams.serve_only(holding(it))
        assert [await asked(upstreams, it) for _ in range(2)] == [b"ok"] * 2
        assert (transport.idle, len(server.connections)) == (1, 3)
        await upstreams.aclose()


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": "sk-1"}], ids=["all off", "one on"])
@WAYS
async def test_providers_that_are_off_are_passed_over(environ: dict[str, str], proxied: bool) -> None:
    # Servers of one's own have no address until their variable names it.
    async with raw_server([Request(), OK, Hold()]) as server:
        upstreams, _ = made({"HTTP_PROXY": server.url} if proxied else {})
        assert await asked(upstreams, provider("leaves", server)) == b"ok"
        await upstreams.serve_only(shipped_catalogue(environ))
        await closed(server)
        await upstreams.aclose()


async def test_a_client_lasts_as_long_as_its_provider_is_the_same() -> None:
    async with raw_server() as server:
        upstreams, _ = made()
        it = provider("it", server)
        client, same, changed = upstreams.of(it), replace(it), replace(it, keys=(Secret("sk-new"),))
        await upstreams.serve_only(holding(same))
        assert upstreams.of(same) is client
        assert upstreams.of(it) is client
        await upstreams.serve_only(holding(changed))
        assert upstreams.of(changed) is not client
        await upstreams.aclose()
