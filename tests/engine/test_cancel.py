"""Cancellation at every instant, and the deadline of the aborts, exactly on virtual time."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from hyperinfer.engine import AbortExpired, Graph, Node, Sink, Source, Stage, node, run, stage
from hyperinfer.engine.testing import ListSink, ScriptedStream, run_virtual

both_ways = pytest.mark.parametrize("fused", [True, False])


class Read(Stage[int, bytes]):
    """Reads a scripted stream, as a call of a provider does."""

    def __init__(self, stream: ScriptedStream, log: list[tuple[str, float]]) -> None:
        self._stream, self._log = stream, log

    async def receive(self, item: int, sink: Sink[bytes]) -> None:
        async for chunk in self._stream:
            await sink.send(chunk)
        await self._stream.aclose()

    async def abort(self) -> None:
        await self._stream.aclose()
        self._log.append(("closed", trio.current_time()))


class Settle(Stage[bytes, bytes]):
    """Cleans up for two seconds when it could not end, as a meter does."""

    def __init__(self, log: list[tuple[str, float]]) -> None:
        self._log = log

    async def receive(self, item: bytes, sink: Sink[bytes]) -> None:
        await sink.send(item)

    async def end(self, sink: Sink[bytes]) -> None:
        await trio.sleep(2)
        self._log.append(("settled", trio.current_time()))

    async def abort(self) -> None:
        await trio.sleep(2)
        self._log.append(("settled", trio.current_time()))


@node
async def echo(source: Source[bytes], sink: Sink[bytes]) -> None:
    async for item in source:
        await sink.send(item)


def pipeline(stream: ScriptedStream, log: list[tuple[str, float]]) -> Graph:
    return Graph.linear(stage(partial(Read, stream, log)), stage(partial(Settle, log)), echo, buffers={"settle": 1})


# Chunks at 1, 2 and 4; end of stream at 4; settled at 6.
INSTANTS = [quarter / 4 for quarter in range(26)]


@both_ways
@pytest.mark.parametrize("instant", INSTANTS)
def test_cancelled_at_any_instant_the_stream_closes_at_once_and_all_is_settled_once(instant: float, fused: bool) -> None:
    stream = ScriptedStream([(1, b"a"), (1, b"b"), (2, b"c")])
    log: list[tuple[str, float]] = []
    sink = ListSink[bytes]()

    async def main() -> float:
        with trio.move_on_at(instant):
            await run(pipeline(stream, log), [0], sink, fused=fused)
        return trio.current_time()

    ended = run_virtual(main)
    assert stream.closed_at == min(instant, 4)
    # A settlement that was going on when the cancellation came begins anew, as an abort.
    assert [when for what, when in log if what == "settled"] == [ended] == [6.0 if instant > 6 else instant + 2]
    assert sink.items == [chunk for chunk, due in ((b"a", 1), (b"b", 2), (b"c", 4)) if due < instant]


@both_ways
def test_cancellation_passes_through_as_it_is(fused: bool) -> None:
    raised: list[BaseException] = []

    async def main() -> bool:
        log: list[tuple[str, float]] = []
        with trio.CancelScope(deadline=1.5) as scope:
            try:
                await run(pipeline(ScriptedStream([(9, b"")]), log), [0], fused=fused)
            except BaseException as error:
                raised.append(error)
                raise
        return scope.cancelled_caught

    assert run_virtual(main)
    assert [type(error) for error in raised] == [trio.Cancelled]


class Stuck(Stage[int, int]):
    def __init__(self, abort_takes: float, log: list[str], name: str) -> None:
        self._abort_takes, self._log, self._name = abort_takes, log, name

    async def receive(self, item: int, sink: Sink[int]) -> None:
        await sink.send(item)

    async def end(self, sink: Sink[int]) -> None:
        await trio.sleep_forever()

    async def abort(self) -> None:
        await trio.sleep(self._abort_takes)
        self._log.append(self._name)


def stuck(name: str, abort_takes: float, log: list[str]) -> Node[int, int]:
    return stage(partial(Stuck, abort_takes, log, name), name=name)


@both_ways
def test_an_abort_beyond_its_deadline_is_cut_off_and_reported(fused: bool) -> None:
    log: list[str] = []

    async def main() -> float:
        graph = Graph.linear(stuck("quick", 1, log), stuck("slow", 60, log), stuck("also", 4, log))
        with pytest.raises(AbortExpired) as caught, trio.move_on_at(1):
            await run(graph, [1], fused=fused)
        assert str(caught.value) == "abort of node 'slow' did not finish within 5 s"
        assert (caught.value.node, caught.value.seconds) == ("slow", 5.0)
        return trio.current_time()

    assert run_virtual(main) == 6.0  # one deadline for all of them, not one after the other
    assert log == ["quick", "also"]


@both_ways
def test_the_deadline_of_aborts_is_a_parameter(fused: bool) -> None:
    async def main() -> float:
        with pytest.raises(AbortExpired, match=r"within 0\.5 s"), trio.move_on_at(1):
            await run(Graph.linear(stuck("slow", 60, [])), [1], fused=fused, abort_after=0.5)
        return trio.current_time()

    assert run_virtual(main) == 1.5


@both_ways
def test_an_abort_that_raises_under_cancellation_is_reported(fused: bool) -> None:
    class Bad(Stuck):
        async def abort(self) -> None:
            raise ValueError("cannot clean up")

    async def main() -> None:
        graph = Graph.linear(stage(partial(Bad, 0, [], "bad"), name="bad"))
        with pytest.raises(ValueError, match="cannot clean up"), trio.move_on_at(1):
            await run(graph, [1], fused=fused)

    run_virtual(main)


def test_the_stream_upstream_is_closed_before_a_slow_settlement_is_over() -> None:
    """The reader leaves at 1; what is upstream of the settlement must not wait for it."""
    stream = ScriptedStream([(1, b"a"), (0, b"b"), (0, b"c"), (0, b"d"), (9, b"e")])
    log: list[tuple[str, float]] = []

    async def main() -> float:
        await run(pipeline(stream, log), [0], ListSink[bytes](closes_after=0))
        return trio.current_time()

    assert run_virtual(main) == 3.0
    assert stream.closed_at == 1.0


def test_a_crash_stops_the_other_tasks_before_its_own_slow_clean_up() -> None:
    class Crash(Settle):
        async def receive(self, item: bytes, sink: Sink[bytes]) -> None:
            raise RuntimeError("a bug")

    stream = ScriptedStream([(1, b"a"), (99, b"b")])
    log: list[tuple[str, float]] = []

    async def main() -> float:
        graph = pipeline(stream, log).replace("settle", stage(partial(Crash, log)))
        with pytest.raises(RuntimeError, match="a bug"):
            await run(graph, [0])
        return trio.current_time()

    assert run_virtual(main) == 3.0
    assert log == [("closed", 1.0), ("settled", 3.0)]
