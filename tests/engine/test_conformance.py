"""`check_node` passes good nodes of every form and names the promise that a bad one breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
import trio

from hyperinfer.engine import Failure, Node, Sink, Source, Stage, node, stage, step
from hyperinfer.engine.testing import ScriptedStream, check_node


@step
def increment(item: int) -> int:
    return item + 1


@step
def digits(item: int) -> Iterator[str]:
    yield from str(item)


class Last:
    def __init__(self) -> None:
        self._last = 0

    def push(self, item: int) -> Iterable[int]:
        self._last = item
        return ()

    def end(self) -> Iterable[int]:
        return [self._last]


class Wait(Stage[int, int]):
    async def receive(self, item: int, sink: Sink[int]) -> None:
        await trio.sleep(item)
        await sink.send(item)

    async def abort(self) -> None:
        await trio.sleep(1)


@node
async def echo(source: Source[int], sink: Sink[int]) -> None:
    async for item in source:
        await sink.send(item)


@step
def explain(item: int | Failure) -> str:
    return str(item)


@pytest.mark.parametrize(
    ("good", "expected"),
    [
        (increment, [2, 3]),
        (digits, ["1", "2"]),
        (step(Last), [2]),
        (stage(Wait), [1, 2]),
        (echo, [1, 2]),
        (explain, ["1", "2"]),
    ],
)
def test_good_nodes_pass(good: Node[int, Any], expected: list[Any]) -> None:
    assert check_node(lambda: good, [1, 2], expected) == expected


class Read(Stage[int, bytes]):
    """Reads a stream; a careful one closes it also when the run does not end well."""

    def __init__(self, streams: list[ScriptedStream], *, careful: bool) -> None:
        self._stream = ScriptedStream([(0.5, b"a"), (2, b"b")])
        self._careful = careful
        streams.append(self._stream)

    async def receive(self, item: int, sink: Sink[bytes]) -> None:
        async for chunk in self._stream:
            await sink.send(chunk)

    async def end(self, sink: Sink[bytes]) -> None:
        await self._stream.aclose()

    async def abort(self) -> None:
        if self._careful:
            await self._stream.aclose()


def reader(streams: list[ScriptedStream], *, careful: bool) -> Callable[[], Node[int, bytes]]:
    return lambda: stage(partial(Read, streams, careful=careful))


def test_resources_are_asked_for_after_every_run() -> None:
    streams: list[ScriptedStream] = []

    def left() -> list[ScriptedStream]:
        return [stream for stream in streams if stream.closed_at is None]

    assert check_node(reader(streams, careful=True), [1], [b"a", b"b"], instants=[1.5, 3.5], leftovers=left)
    assert len(streams) > 20
    with pytest.raises(AssertionError, match=r"^node 'read': cancelled at 0 s: left over: \["):
        check_node(reader(streams, careful=False), [1], leftovers=left)


# ---- bad ones -------------------------------------------------------------------------------------------------------


class SwallowsCancellation(Stage[int, int]):
    async def receive(self, item: int, sink: Sink[int]) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(3)
        await sink.send(item)


class SwallowsErrors(Stage[int, int]):
    async def receive(self, item: int, sink: Sink[int]) -> None:
        try:
            await sink.send(item)
        except Exception:
            return


class AbortsSlowly(Stage[int, int]):
    async def receive(self, item: int, sink: Sink[int]) -> None:
        await sink.send(item)

    async def abort(self) -> None:
        await trio.sleep(100)


class SharedState(Stage[int, int]):
    total = 0

    async def receive(self, item: int, sink: Sink[int]) -> None:
        type(self).total += item
        await sink.send(self.total)


class Raises(Stage[int, int]):
    async def receive(self, item: int, sink: Sink[int]) -> None:
        raise KeyError(item)


@node
async def forgets_the_last(source: Source[int], sink: Sink[int]) -> None:
    held: int | None = None
    async for item in source:
        if held is not None:
            await sink.send(held)
        held = item


@node
async def depends_on_time(source: Source[int], sink: Sink[int]) -> None:
    async for _ in source:
        await sink.send(int(trio.current_time()))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (stage(SwallowsCancellation), r"cancelled at .* s it stopped only at .* s"),
        (stage(SwallowsErrors), r"an error comes back after 0 items: it did not pass, but None"),
        (stage(AbortsSlowly), r"cancelled at 0 s: it raised"),
        (stage(SharedState), r"run at full speed gave \[4, 6\] instead of \[1, 3\]"),
        (stage(Raises), r"run whole: it raised"),
        (forgets_the_last, r"gave \[1\], expected \[1, 2\]"),
        (depends_on_time, r"run at full speed gave \[0, 0\] instead of \[1, 2\]"),
    ],
)
def test_bad_nodes_are_told_what_they_break(bad: Node[int, int], message: str) -> None:
    SharedState.total = 0
    with pytest.raises(AssertionError, match=rf"^node '{bad.name}': ({message})"):
        check_node(lambda: bad, [1, 2], None if bad.name == "shared_state" else [1, 2])
