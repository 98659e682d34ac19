"""What the exchange of a request held is free when its handler has returned, and not when the collector comes."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from tests.api.edge.clients import H1Client
from tests.api.edge.kit import data_plane, edge, until, within

if TYPE_CHECKING:
    from collections.abc import Generator

    from hyperinfer.api.edge import Exchange


class Watching:
    """Waits for the client to leave, and answers to the exchange, as the data plane does."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def leave(self) -> None:
        pass


@pytest.fixture
def no_collector() -> Generator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("each_edge", "no_collector")
async def test_who_waited_for_the_client_to_leave_is_let_go() -> None:
    seen: list[weakref.ref[Watching]] = []

    async def handler(exchange: Exchange) -> None:
        watching = Watching(exchange)
        await exchange.read_body(100)
        exchange.on_gone(watching.leave)
        seen.append(weakref.ref(watching))
        await exchange.send_head(200, [(b"content-length", b"2")])
        await exchange.send_last(b"ok")

    with within():
        async with edge(data_plane(handler)) as server, await server.connect() as stream:
            client = H1Client(stream)
            for _ in range(2):
                assert (await client.ask("POST", "/", b"body")).body == b"ok"
                client.next_request()
            await until(lambda: all(ref() is None for ref in seen))
    assert len(seen) == 2
