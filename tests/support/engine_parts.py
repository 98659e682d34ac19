"""Nodes that answer an item by a script on virtual time, for tests of nodes that are made of others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio

from hyperinfer.engine import Failure, Graph, Node, Sink, Source, Stage, node, run, stage
from hyperinfer.engine.testing import ListSink, run_virtual

Script = Sequence[tuple[float, "str | Failure"]]
"""What is given for an item, each `seconds` after the one before; the words of an item are put behind the item itself."""


@dataclass
class Diary:
    """What happened to the nodes of a run, and when."""

    lines: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    open: int = 0

    def note(self, what: str) -> None:
        self.lines.append((at(trio.current_time()), what))


def at(instant: float) -> float:
    """An instant without the last bits, by which whatever else is due at it comes first."""
    return round(instant, 9)


def said(item: int, name: str, word: str | Failure) -> str | Failure:
    return word if isinstance(word, Failure) else f"{name}{item}{word}"


class Answer(Stage[int, "str | Failure"]):
    """Answers by a script, and says when it was ended or aborted."""

    def __init__(self, name: str, script: Script, diary: Diary, aborting: float) -> None:
        self._name, self._script, self._diary, self._aborting = name, script, diary, aborting
        diary.open += 1

    async def receive(self, item: int, sink: Sink[str | Failure]) -> None:
        for seconds, word in self._script:
            await trio.sleep(seconds)
            await sink.send(said(item, self._name, word))

    async def end(self, sink: Sink[str | Failure]) -> None:
        self._diary.open -= 1

    async def abort(self) -> None:
        self._diary.note(f"{self._name} aborted")
        await trio.sleep(self._aborting)
        self._diary.open -= 1


def answer(name: str, script: Script, diary: Diary | None = None, *, aborting: float = 0.0) -> Node[int, str | Failure]:
    """A stage that does so."""
    made = partial(Answer, name, script, Diary() if diary is None else diary, aborting)
    return stage(made, name=name, consumes=int, produces=str | Failure)


def answer_in_task(name: str, script: Script) -> Node[int, str | Failure]:
    """A node with a task of its own that does so."""

    async def work(source: Source[int], sink: Sink[str | Failure]) -> None:
        async for item in source:
            for seconds, word in script:
                await trio.sleep(seconds)
                await sink.send(said(item, name, word))

    return node(work, name=name, consumes=int, produces=str | Failure)


def played(
    graph: Graph | Node[Any, Any],
    inputs: Iterable[Any],
    *,
    fused: bool = True,
    seed: int = 0,
    sink: ListSink[Any] | None = None,
    until: float = float("inf"),
) -> list[tuple[float, Any]]:
    """What comes out of a graph, and when; the whole run is over at the time of the last entry, `None`."""
    sink = ListSink[Any]() if sink is None else sink
    whole = graph if isinstance(graph, Graph) else Graph.linear(graph)

    async def main() -> float:
        with trio.move_on_at(until):
            await run(whole, inputs, sink, fused=fused)
        return trio.current_time()

    end = run_virtual(main, seed=seed)
    return [*((at(when), item) for when, item in zip(sink.times, sink.items, strict=True)), (at(end), None)]
