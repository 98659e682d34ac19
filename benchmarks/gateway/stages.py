"""What each stage of a request costs: µs of this process's CPU time, system calls included.

    python -m benchmarks.gateway.stages UPSTREAM_PORT [--rounds 5]

A whole gateway with the embedded store, in this process, whose log goes nowhere; the upstream in its own. Each stage is
called alone with what the stage before it gave, then the whole pipeline with an exchange that has no network. What the
stages do not explain is what lies between them. Prints lines of JSON: `{"stage": …, "us": …}`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from benchmarks.gateway.processes import ROOT, cpu_seconds, tree
from benchmarks.gateway.serving import catalogue, slug
from benchmarks.gateway.stage_parts import FakeExchange, Parts, make_parts
from benchmarks.gateway.wire import question
from hyperinfer.api.gateway import Gateway, GatewaySettings, open_gateway
from hyperinfer.api.logs import Lines
from hyperinfer.api.request_line import REQUESTS, says_into
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.engine import Drain, Graph, run, step
from hyperinfer.formats import FORMATS, Dialect

CALLS = 300
CLIENTS = 16

Work = Callable[[], object]
AsyncWork = Callable[[], Awaitable[object]]


async def each(work: AsyncWork) -> float:
    """CPU µs of one call, 16 of them under way at a time."""
    calls = iter(range(CALLS))

    async def client() -> None:
        for _ in calls:
            await work()

    began = time.process_time()
    async with trio.open_nursery() as nursery:
        for _ in range(CLIENTS):
            nursery.start_soon(client)
    return (time.process_time() - began) / CALLS * 1e6


def direct(work: Work) -> float:
    """CPU µs of one call that never waits."""
    began = time.process_time()
    for _ in range(CALLS):
        work()
    return (time.process_time() - began) / CALLS * 1e6


async def _graph_run() -> AsyncWork:
    nodes = [step(_same, name=f"node{number}", consumes=object, produces=object) for number in range(8)]
    graph = Graph.linear(*nodes)

    async def once() -> None:
        await run(graph, (1,))

    return once


def _same(item: object) -> object:
    return item


def _scoped() -> None:
    """What a request has of cancel scopes: that of the deadlines of its attempt."""
    with trio.CancelScope(deadline=trio.current_time() + 60):  # noqa: ASYNC100 - nothing waits here
        pass


async def one_round(gateway: Gateway, parts: Parts, secret: str, client: Dialect, upstream: Dialect) -> dict[str, float]:
    """Every stage once over."""
    found: dict[str, float] = {}
    found["key"] = await each(parts.authenticate)
    found["decode request"] = direct(parts.decode)
    found["route, encode request"] = direct(parts.encode)
    found["rate, hold"] = await each(parts.admit)
    found["upstream exchange"] = await each(parts.ask)
    found["decode response"] = direct(parts.read)
    found["meter, price"] = direct(parts.meter)
    found["encode response"] = direct(parts.write)
    writer = [pid for pid in tree(os.getpid()) if pid != os.getpid()]
    before = cpu_seconds(writer)
    found["settle, record"] = await each(parts.settle)
    found["… the writer's process"] = (cpu_seconds(writer) - before) / CALLS * 1e6
    found["run of eight nodes"] = await each(await _graph_run())
    found["a cancel scope"] = direct(_scoped)
    found["log line"] = direct(parts.log)
    handle, path = gateway.data_plane.handle, f"/api/v1{FORMATS[client].ingress}"
    body = question(client, slug(upstream, "burst-100"), streamed=False)

    async def whole() -> None:
        exchange = FakeExchange(path, body, secret)
        await handle(FORMATS[client], exchange)
        if exchange.status != 200:
            raise RuntimeError(f"answered with {exchange.status}: {exchange.body!r}")

    found["all of it behind the edge"] = await each(whole)
    return found


async def main(port: int, rounds: int, client: Dialect, upstream: Dialect) -> None:
    """The median of the rounds."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-", ignore_cleanup_errors=True) as place:
        config = Path(place) / "providers.yaml"
        config.write_text(catalogue(port))
        settings = GatewaySettings(config=config, data=Path(place) / "data", environ={})
        lines = Lines(os.open(os.devnull, os.O_WRONLY))
        REQUESTS.setLevel(logging.INFO)
        async with lines.gathered(), open_gateway(settings, Drain(), say=says_into(lines)) as gateway:
            await gateway.store.create_workspace("bench", 10**6 * 10**12)
            secret = (await gateway.store.create_key("bench", KeyTerms())).secret.reveal()
            parts = await make_parts(gateway, secret, client, upstream)
            await one_round(gateway, parts, secret, client, upstream)
            found = [await one_round(gateway, parts, secret, client, upstream) for _ in range(rounds)]
    for name in found[0]:
        print(json.dumps({"stage": name, "us": round(statistics.median(each[name] for each in found), 1)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What each stage of a request costs.")
    parser.add_argument("port", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--client", default="openai_chat")
    parser.add_argument("--upstream", default="openai_chat")
    arguments = parser.parse_args()
    trio.run(main, arguments.port, arguments.rounds, arguments.client, arguments.upstream)
