"""What is measured, section by section. A section yields rows; targets of one section take turns, round by round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.gateway.measure import Ask, Run, Target, load, rates, streams
from benchmarks.gateway.serving import KEY, ROUTES, Gateway, slug
from benchmarks.gateway.spreads import median
from benchmarks.gateway.wire import DIALECTS, SHORT, long_question, script
from hyperinfer.formats import Dialect

if TYPE_CHECKING:
    from benchmarks.gateway.processes import Tool

Row: TypeAlias = dict[str, Any]
Pair: TypeAlias = tuple[Dialect, Dialect]
NINE: tuple[Pair, ...] = tuple((client, upstream) for client in DIALECTS for upstream in DIALECTS)
TWO: tuple[Pair, ...] = (("openai_chat", "openai_chat"), ("openai_chat", "anthropic_messages"))
WHOLE = STREAMED = "burst-100"
PATIENT = Run(seconds=3.0, warm=1.0)
"""For others, some of which take longer than a second for one stream."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What there is to ask, and how often. `best`: the gateway that everything is measured on; `gateways`: all of them.
    `floor` and `stock` only forward. `others`: what is not ours, each with the pairs that it knows."""

    tool: Tool
    direct: Target
    floor: Target
    stock: Target
    best: Gateway
    gateways: Sequence[Gateway]
    others: Mapping[str, tuple[Target, Sequence[Pair]]]
    rounds: int


def named(target: Target, pair: Pair) -> str:
    """`name chat → messages`."""
    return f"{target.name} {SHORT[pair[0]]} → {SHORT[pair[1]]}"


def in_turns(group: str, bench: Bench, asked: Sequence[tuple[str, Target, Ask, int]], run: Run) -> Iterator[Row]:
    """A row each. `asked`: the name, whom, what, and what an answer counts for."""
    found: list[list[dict[str, Any]]] = [[] for _ in asked]
    for _ in range(bench.rounds):
        for runs, (_, target, ask, _) in zip(found, asked, strict=True):
            runs.append(load(bench.tool, target, ask, PATIENT if target.foreign else run))
    for runs, (name, target, _, each) in zip(found, asked, strict=True):
        yield {**rates(group, name, runs, each=each), "foreign": target.foreign, "forwards": target.forwards}


def whole(bench: Bench) -> Iterator[Row]:
    """Small requests with whole answers, 16 connections."""
    asked = _forwarding(bench, WHOLE, streamed=False)
    for target, pairs in _all(bench, TWO):
        asked += [(named(target, pair), target, target.ask(*pair, WHOLE, streamed=False), 1) for pair in pairs]
    yield from in_turns("whole", bench, asked, Run())


def streamed(bench: Bench) -> Iterator[Row]:
    """Streams of 100 deltas that the upstream writes at once, 16 connections: upstream events a second."""
    asked = _forwarding(bench, STREAMED, streamed=True)
    for target, pairs in _all(bench, NINE):
        asked += [
            (named(target, pair), target, target.ask(*pair, STREAMED, streamed=True), _events(pair[1])) for pair in pairs
        ]
    yield from in_turns("streamed", bench, asked, Run())


def paced(bench: Bench) -> Iterator[Row]:
    """320 streams with 50 events a second each, one event a write, so that nothing is read together unless we are late."""
    run = Run(connections=320, seconds=2.0, warm=1.0, once=True, stamped=True)
    ask = bench.floor.ask("openai_chat", "openai_chat", "paced-50-150", streamed=True)
    yield {**streams("paced", "floor", load(bench.tool, bench.floor, ask, run)), "forwards": True}
    for pair in NINE:
        ask = bench.best.ask(*pair, "paced-50-150", streamed=True)
        yield streams("paced", named(bench.best, pair), load(bench.tool, bench.best, ask, run))


def concurrent(bench: Bench) -> Iterator[Row]:
    """Streams at once, 50 events a second each."""
    for count in (256, 384, 512):
        run = Run(connections=count, seconds=2.5, warm=2.0, once=True, stamped=True)
        ask = bench.best.ask("openai_chat", "openai_chat", "paced-50-250", streamed=True)
        yield streams("concurrent", f"{count} streams", load(bench.tool, bench.best, ask, run))


def latency(bench: Bench) -> Iterator[Row]:
    """One request at a time: what the gateway adds to the same request without it, a moment before."""
    alone = Run(connections=1, seconds=0.7, warm=0.2)
    for pair in TWO:
        yield _added(bench, "whole", pair, alone, WHOLE, streamed=False, times=("latency",))
        stamped = Run(connections=1, seconds=0.8, warm=0.2, stamped=True)
        yield _added(bench, "stream", pair, stamped, "paced-1000-20", streamed=True, times=("first", "delay"))


def _added(bench: Bench, what: str, pair: Pair, run: Run, mode: str, *, streamed: bool, times: Sequence[str]) -> Row:
    runs: dict[str, list[dict[str, Any]]] = {"direct": [], "ours": []}
    for _ in range(bench.rounds):
        for name, target in (("direct", bench.direct), ("ours", bench.best)):
            client = pair[1] if name == "direct" else pair[0]
            ask = target.ask(client, pair[1], mode, streamed=streamed)
            runs[name].append(load(bench.tool, target, ask, run))
    row: Row = {"group": "latency", "name": f"{what} {SHORT[pair[0]]} → {SHORT[pair[1]]}"}
    for time in times:
        for place in ("p50", "p99"):
            direct, ours = (median([each[time].get(place, 0) for each in runs[name]]) for name in ("direct", "ours"))
            row[f"{time}_{place}_us"] = round(ours - direct)
            row[f"{time}_{place}_direct_us"] = round(direct)
    row["samples"] = sum(each[times[-1]].get("count", 0) for each in runs["ours"])
    row["steps"] = sum(each["steps"] for each in runs["ours"])
    row["steps_direct"] = sum(each["steps"] for each in runs["direct"])
    row["errors"] = sum(each["errors"] for each in runs["ours"])
    return row


def sizes(bench: Bench) -> Iterator[Row]:
    """Large requests, and the cost of a request by its size and of a stream by its events."""
    model = slug("openai_chat", WHOLE)
    headers = {"authorization": f"Bearer {KEY}"}
    asks = [Ask(ROUTES["openai_chat"], long_question(model, size), headers) for size in (120, 240, 480, 960)]
    run = Run(connections=4, seconds=0.8)
    asked = [(f"{len(ask.body) // 1000} kB", bench.best, ask, 1) for ask in asks]
    yield from in_turns("sizes", bench, asked, run)
    asked = [
        (
            f"{deltas} deltas",
            bench.best,
            bench.best.ask("openai_chat", "anthropic_messages", f"burst-{deltas}", streamed=True),
            script("anthropic_messages").events(deltas),
        )
        for deltas in (100, 1000, 10000)
    ]
    yield from in_turns("sizes", bench, asked, Run(connections=4, seconds=0.8))


def start(bench: Bench) -> Iterator[Row]:
    """What each gateway needed to start, and what it holds then."""
    for gateway in bench.gateways:
        yield {
            "group": "start",
            "name": gateway.name,
            "ready_s": round(gateway.ready, 2),
            **{f"{name}_mb": round(size) for name, size in gateway.memory.items()},
        }


Section: TypeAlias = Callable[[Bench], Iterator[Row]]
SECTIONS: dict[str, Section] = {
    "start": start,
    "whole": whole,
    "streamed": streamed,
    "paced": paced,
    "concurrent": concurrent,
    "latency": latency,
    "sizes": sizes,
}
"""By name, in the order of the table."""


def _forwarding(bench: Bench, mode: str, *, streamed: bool) -> list[tuple[str, Target, Ask, int]]:
    """What only forwards, asked for Chat."""
    each = _events("openai_chat") if streamed else 1
    return [
        (target.name, target, target.ask("openai_chat", "openai_chat", mode, streamed=streamed), each)
        for target in (bench.floor, bench.stock)
    ]


def _events(upstream: Dialect) -> int:
    return script(upstream).events()


def _all(bench: Bench, pairs: Sequence[Pair]) -> Iterator[tuple[Target, Sequence[Pair]]]:
    """The best gateway with all pairs, the other ones with two, what is not ours with what it knows."""
    for gateway in bench.gateways:
        yield gateway, pairs if gateway is bench.best else TWO
    yield from bench.others.values()
