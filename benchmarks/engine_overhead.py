"""What the engine itself costs: µs per run and per item, fused and unfused, and per deadline. Median of rounds.

    python benchmarks/engine_overhead.py [rounds]

Nodes do nothing here, so that what remains is the engine. Not a test; says nothing about the machine's other load.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from hyperinfer.engine import Deadlines, Graph, Node, Observer, Sink, Source, Stage, node, run, stage, step

NODES = 8
RUNS = 2_000
ITEMS = 20_000


def same(item: int) -> int:
    return item


class Pass(Stage[int, int]):
    async def receive(self, item: int, sink: Sink[int]) -> None:
        await sink.send(item)


async def echo(source: Source[int], sink: Sink[int]) -> None:
    async for item in source:
        await sink.send(item)


class Nothing:
    async def send(self, item: int, /) -> None:
        pass


def eight(form: Node[int, int]) -> list[Node[int, int]]:
    return [form.named(f"n{number}") for number in range(NODES)]


GRAPHS: dict[str, tuple[Graph, bool]] = {
    "8 steps, fused": (Graph.linear(*eight(step(same))), True),
    "8 stages, fused": (Graph.linear(*eight(stage(Pass))), True),
    "8 stages, one buffer of 4 (2 tasks)": (Graph.linear(*eight(stage(Pass)), buffers={"n4": 4}), True),
    "8 stages, unfused (8 tasks)": (Graph.linear(*eight(stage(Pass))), False),
    "8 nodes (8 tasks)": (Graph.linear(*eight(node(echo))), True),
}


async def measure(rounds: int, repeat: int, once: Callable[[], Awaitable[None]]) -> float:
    """Median over the rounds of µs per call."""
    found: list[float] = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        for _ in range(repeat):
            await once()
        found.append((time.perf_counter() - began) / repeat * 1e6)
    return statistics.median(found[1:])  # the first one warms up


async def main(rounds: int) -> None:
    sink = Nothing()
    print(f"{'':40}{'µs per run':>12}{'µs per item':>13}{'per node':>10}")

    def runner(graph: Graph, fused: bool, items: int, observer: Observer | None = None) -> Callable[[], Awaitable[Any]]:
        inputs = list(range(items))
        return lambda: run(graph, inputs, sink, fused=fused, observer=observer)

    for name, (graph, fused) in GRAPHS.items():
        tasks = len((graph.fused if fused else graph.unfused).segments)
        runs, items = (RUNS, ITEMS) if tasks == 1 else (RUNS // tasks, ITEMS // tasks)
        per_run = await measure(rounds, runs, runner(graph, fused, 1))
        per_item = await measure(rounds, 1, runner(graph, fused, items)) / items
        print(f"{name:40}{per_run:12.1f}{per_item:13.2f}{per_item / NODES:10.3f}")
    observed = await measure(rounds, RUNS, runner(GRAPHS["8 stages, fused"][0], True, 1, Observer()))
    print(f"{'8 stages, fused, observed':40}{observed:12.1f}")

    async def deadline() -> None:
        with Deadlines({"stream": 3600}):
            pass

    print(f"{'one deadline':40}{await measure(rounds, RUNS, deadline):12.1f}")


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 7)
