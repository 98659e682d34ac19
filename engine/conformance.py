"""What every node must do, as a function that tests it on virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from hyperinfer.engine.failure import Failure
from hyperinfer.engine.graph import Graph
from hyperinfer.engine.node import Kind, Node, Sink, Source, Stage, node
from hyperinfer.engine.run import run
from hyperinfer.engine.scripted import ListSink, ListSource
from hyperinfer.engine.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

In = TypeVar("In")
Out = TypeVar("Out")

_PAUSE = 1.0  # between inputs; a quarter of it is what the sink takes for an item, so that instants do not coincide
_ABORT_AFTER = 5.0


def check_node(
    make: Callable[[], Node[In, Out]],
    inputs: Sequence[In],
    expected: Sequence[Out] | None = None,
    *,
    instants: Sequence[float] = (),
    leftovers: Callable[[], object] | None = None,
) -> list[Any]:
    """Check that a node keeps the promises of its form; raises AssertionError naming the one that it breaks.

    `make` gives the node for one run (the same one each time, or one on fresh scripted resources), `inputs` are what
    it is fed (a second apart where time matters) and `expected` what it must give. `instants` are further moments to
    cancel at: those at which something happens inside the node alone. `leftovers` is asked after every run and must
    give something false: the streams still open, the holds not released.

    Checked: the same items in the same order fused, unfused and between buffers; ended once, after the last item;
    failures pass it in their place (unless it accepts them); at every instant at which something happens, and halfway
    between, a cancelled run ends at once, or with the abort; either ended or aborted, never both, nothing after
    either; the same when the reader leaves or an error comes back from it, which passes unchanged; no task left.
    Returns the items that the node gave.
    """
    return _Check(make, inputs, expected, instants, leftovers).all()


class _Crash(Exception):
    pass


@dataclass
class _Life:
    """What was done with one object of a stage: receive, ended (when `end` had completed), abort."""

    calls: list[str] = field(default_factory=list[str])
    aborted_at: float | None = None


@dataclass
class _Trial:
    """One run and what came of it."""

    items: list[Any]
    times: list[float]
    lives: list[_Life]
    elapsed: float
    error: BaseException | None
    cancelled: bool


class _Sink(ListSink[Any]):
    """A sink that may crash."""

    def __init__(self, every: float, closes_after: int | None, crash_after: int | None) -> None:
        super().__init__(every=every, closes_after=closes_after)
        self._crash_after = crash_after

    async def send(self, item: Any, /) -> None:
        if len(self.items) == self._crash_after:
            raise _Crash
        await super().send(item)


class _Check:
    def __init__(
        self,
        make: Callable[[], Node[Any, Any]],
        inputs: Sequence[Any],
        expected: Sequence[Any] | None,
        instants: Sequence[float],
        leftovers: Callable[[], object] | None,
    ) -> None:
        self._make, self._inputs, self._expected, self._leftovers = make, list(inputs), expected, leftovers
        self._instants = instants
        self._name = make().name

    def all(self) -> list[Any]:
        whole = self._whole()
        self._failures(whole.items)
        self._cancelled(whole)
        for count in range(len(whole.items)):
            self._reader_leaves(whole.items, count)
        return whole.items

    def _say(self, condition: object, what: str) -> None:
        if not condition:
            raise AssertionError(f"node {self._name!r}: {what}")

    # ---- the promises -----------------------------------------------------------------------------------------------

    def _whole(self) -> _Trial:
        whole = self._try("run whole", pause=_PAUSE)
        if self._expected is not None:
            self._say(whole.items == list(self._expected), f"gave {whole.items!r}, expected {list(self._expected)!r}")
        for situation, fused, buffers in (
            ("run at full speed", True, None),
            ("run unfused", False, None),
            ("run between buffers", True, 2),
        ):
            trial = self._try(situation, fused=fused, buffers=buffers)
            self._say(trial.items == whole.items, f"{situation} gave {trial.items!r} instead of {whole.items!r}")
        return whole

    def _failures(self, items: list[Any]) -> None:
        if self._make().accepts_failures:
            return
        first, last = Failure("first", "before everything"), Failure("last", "after everything")
        trial = self._try("given failures", inputs=[first, *self._inputs, last])
        others = [item for item in trial.items if item is not first and item is not last]
        self._say(others == items, f"given failures beside the items it gave {others!r} instead of {items!r}")
        passed = [item for item in trial.items if item is first or item is last]
        self._say(passed == [first, last], f"failures did not pass it once each, in order: {passed!r}")
        self._say(trial.items[0] is first, "a failure before the first item did not come out first")

    def _cancelled(self, whole: _Trial) -> None:
        marks = sorted({0.0, *self._instants, *whole.times, whole.elapsed})
        instants = sorted({*marks, *((a + b) / 2 for a, b in pairwise(marks))})
        for instant in instants:
            situation = f"cancelled at {instant:g} s"
            trial = self._try(situation, pause=_PAUSE, cancel_at=instant)
            self._say(trial.items == whole.items[: len(trial.items)], f"{situation} gave other items: {trial.items!r}")
            self._say(trial.elapsed <= instant + _ABORT_AFTER, f"{situation} it ended only at {trial.elapsed:g} s")
            stopped = [life.aborted_at for life in trial.lives if life.aborted_at is not None] or [trial.elapsed]
            self._say(max(stopped) <= instant, f"{situation} it stopped only at {max(stopped):g} s")

    def _reader_leaves(self, items: list[Any], count: int) -> None:
        situation = f"the reader leaves after {count} items"
        trial = self._try(situation, closes_after=count)
        self._say(trial.items == items[:count], f"{situation}: gave {trial.items!r}")
        situation = f"an error comes back after {count} items"
        trial = self._try(situation, crash_after=count)
        self._say(isinstance(trial.error, _Crash), f"{situation}: it did not pass, but {trial.error!r}")

    # ---- one run ----------------------------------------------------------------------------------------------------

    def _try(
        self,
        situation: str,
        *,
        inputs: Sequence[Any] | None = None,
        pause: float = 0.0,
        fused: bool = True,
        buffers: int | None = None,
        cancel_at: float = float("inf"),
        closes_after: int | None = None,
        crash_after: int | None = None,
    ) -> _Trial:
        lives: list[_Life] = []
        watched = _watched(self._make(), lives)
        graph = Graph.linear(watched)
        if buffers is not None:
            around = {watched.name: buffers, "behind": buffers}
            graph = Graph.linear(_BEFORE, watched, _BEHIND, buffers=around)

        async def main() -> _Trial:
            sink = _Sink(pause / 4, closes_after, crash_after)
            source = ListSource(self._inputs if inputs is None else inputs, every=pause)
            error: BaseException | None = None
            before = trio.lowlevel.current_statistics().tasks_living
            with trio.CancelScope(deadline=cancel_at) as scope:
                try:
                    await run(graph, source, sink, fused=fused, abort_after=_ABORT_AFTER)
                except trio.Cancelled:
                    raise
                except BaseException as raised:
                    error = raised
            left = trio.lowlevel.current_statistics().tasks_living - before
            self._say(not left, f"{situation}: {left} tasks are left")
            return _Trial(
                sink.items, [*source.times, *sink.times], lives, trio.current_time(), error, scope.cancelled_caught
            )

        trial = run_virtual(main)
        if crash_after is None and trial.error is not None:
            raise AssertionError(f"node {self._name!r}: {situation}: it raised") from trial.error
        ended_well = not trial.cancelled and trial.error is None and closes_after is None
        for life in lives:
            _check_calls(life.calls, lambda condition, what: self._say(condition, f"{situation}: {what}"), ended_well)
        if self._leftovers is not None:
            left = self._leftovers()
            self._say(not left, f"{situation}: left over: {left!r}")
        return trial


def _check_calls(calls: list[str], say: Callable[[object, str], None], ended_well: bool) -> None:
    say(calls.count("ended") + calls.count("abort") == 1, f"ended or aborted not once: {calls}")
    say(calls[-1] in ("ended", "abort"), f"used after its end: {calls}")
    if ended_well:
        say(calls[-1] == "ended", f"not ended but aborted: {calls}")


# ---- looking on -----------------------------------------------------------------------------------------------------


class _WatchedStage(Stage[Any, Any]):
    def __init__(self, inner: Stage[Any, Any], life: _Life) -> None:
        self._inner, self._life = inner, life

    async def receive(self, item: Any, sink: Sink[Any]) -> None:
        self._life.calls.append("receive")
        await self._inner.receive(item, sink)

    async def end(self, sink: Sink[Any]) -> None:
        await self._inner.end(sink)
        self._life.calls.append("ended")

    async def abort(self) -> None:
        self._life.calls.append("abort")
        self._life.aborted_at = trio.current_time()
        await self._inner.abort()


def _watched(inner: Node[Any, Any], lives: list[_Life]) -> Node[Any, Any]:
    """The same node, with the lives of its objects written down. Only stages have a life to watch."""
    if inner.kind is not Kind.STAGE:
        return inner

    def made() -> _WatchedStage:
        lives.append(_Life())
        return _WatchedStage(inner.work(), lives[-1])

    return replace(inner, work=made)


async def _echo(source: Source[Any], sink: Sink[Any]) -> None:
    async for item in source:
        await sink.send(item)


_BEFORE = node(_echo, name="before", consumes=Any, produces=Any)
_BEHIND = node(_echo, name="behind", consumes=Any, produces=Any)
