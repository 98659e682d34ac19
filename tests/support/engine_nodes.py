"""Small nodes of every form, for tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.engine import Failure, Graph, Node, Sink, Source, Stage, node, run, stage, step
from hyperinfer.engine.testing import ListSink

if TYPE_CHECKING:
    from collections.abc import Iterable

both_ways = pytest.mark.parametrize("fused", [True, False])


@step
def increment(item: int) -> int:
    return item + 1


@step
def twice(item: int) -> Iterator[int]:
    yield item
    yield item


class Total:
    def __init__(self) -> None:
        self._total = 0

    def push(self, item: int) -> Iterable[int]:
        self._total += item
        return (item,)

    def end(self) -> Iterable[int]:
        return (self._total,)


total = step(Total)


class Diary(Stage[int, int]):
    """Hands on what it gets and writes down what happens to it."""

    def __init__(self, diary: list[str], name: str = "", *, at: dict[str, BaseException] | None = None) -> None:
        self._diary, self._name, self._at = diary, name, at or {}

    def _note(self, what: str) -> None:
        self._diary.append(f"{self._name}{what}")
        if what in self._at:
            raise self._at[what]

    async def receive(self, item: int, sink: Sink[int]) -> None:
        self._note(f"receive {item}")
        await sink.send(item)

    async def end(self, sink: Sink[int]) -> None:
        self._note("end")

    async def abort(self) -> None:
        self._note("abort")


@node
async def echo(source: Source[int], sink: Sink[int]) -> None:
    async for item in source:
        await sink.send(item)


@node
async def only_first(source: Source[int], sink: Sink[int]) -> None:
    await sink.send(await source.receive())


@step
def words_of(item: int | Failure) -> str:
    return f"failed: {item.code}" if isinstance(item, Failure) else str(item)


def diary_node(diary: list[str], name: str = "", **options: Any) -> Node[int, int]:
    return stage(partial(Diary, diary, name, **options), name=name or "diary")


async def outcome(graph: Graph, inputs: Iterable[Any], *, fused: bool) -> list[Any]:
    sink = ListSink[Any]()
    await run(graph, inputs, sink, fused=fused)
    return sink.items


FAILURE = Failure("busy", "try later", retry_after=2.0)
