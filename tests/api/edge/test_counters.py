"""What the edge counts of its requests."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.edge.counters import EdgeCounters
from hyperinfer.nodes.measures import SHORT
from tests.api.edge import kit
from tests.api.edge.clients import H1Client
from tests.api.edge.kit import data_plane, edge, within

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Exchange


async def answer(exchange: Exchange) -> None:
    await exchange.read_body(1000)
    await exchange.send_head(200, [(b"content-length", b"2")])
    await exchange.send_last(b"ok")


async def test_each_request_of_a_connection_is_counted_once() -> None:
    with within():
        async with edge(data_plane(answer)) as server:
            client = H1Client(await server.connect())
            for number in range(3):
                await client.send("POST", "/", b"x" * number)
                assert (await client.receive()).body == b"ok"
                client.next_request()
            await client.stream.aclose()
            assert server.counters.requests == 3
            # The stock edge does not say when bytes came.
            assert sum(server.counters.queue.counts) == (0 if kit.served_by == "stock" else 3)


async def test_one_behind_another_does_not_count_as_waiting() -> None:
    one = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
    with within():
        async with edge(data_plane(answer)) as server:
            answered = await server.ask(one * 2 + one.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
            assert answered.count(b"200 OK") == 3
            assert server.counters.requests == 3
            assert sum(server.counters.queue.counts) == (0 if kit.served_by == "stock" else 1)


@pytest.mark.parametrize("waited", [0.0, 0.3])
def test_it_counts_from_the_first_bytes(waited: float) -> None:
    counters = EdgeCounters()
    counters.begin(perf_counter() - waited)
    (place,) = [number for number, count in enumerate(counters.queue.counts) if count]
    assert [*SHORT, 60.0][place] >= waited
    assert counters.queue.sum >= waited
    counters.begin(0.0)
    assert (counters.requests, sum(counters.queue.counts)) == (2, 1)
