"""The first of several parts to give output wins."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

import trio

from hyperinfer.engine.branches import Part, consumed_by, graph_of, produced_by, run_inside
from hyperinfer.engine.clock import just_after
from hyperinfer.engine.errors import plain_nursery
from hyperinfer.engine.failure import Failure
from hyperinfer.engine.node import DONE, Kind, Node, Stage, stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hyperinfer.engine.graph import Graph
    from hyperinfer.engine.node import Sink

In = TypeVar("In")
Out = TypeVar("Out")


def no_failure(item: object) -> bool:
    """Whether an item is anything but a `Failure`."""
    return not isinstance(item, Failure)


@overload
def race(
    *parts: Node[In, Out],
    wins: Callable[[Out | Failure], bool] = no_failure,
    stagger: float = 0.0,
    name: str = "race",
) -> Node[In, Out]: ...
@overload
def race(
    *parts: Part, wins: Callable[[Any], bool] = no_failure, stagger: float = 0.0, name: str = "race"
) -> Node[Any, Any]: ...
def race(*parts: Part, wins: Callable[[Any], bool] = no_failure, stagger: float = 0.0, name: str = "race") -> Node[Any, Any]:
    """Asks several parts for each item; the output is that of exactly one of them.

    The first to give an item for which `wins` is true (by default any but a failure; must not wait) is handed on from its
    first item to its last, and the others are cancelled at once: their aborts run while the winner goes on. What comes
    before that item is held back. When no part gives one, the output is all that the first part gave. Of parts that win at
    the same instant it is the one that was named first.

    `stagger`: seconds of silence after which the next part is asked beside those before it (a hedged call); it is asked
    sooner once all those before it have ended without winning. 0: all at once; `math.inf`: only then. Parts run anew
    for each item (see `each`). Raises GraphError when they do not take the same items, ValueError without parts or with a
    negative `stagger`.
    """
    if not stagger >= 0:
        raise ValueError(f"{name}: a stagger is a number of seconds from 0 on, not {stagger!r}")
    takes = consumed_by(parts, name)
    graphs = tuple(map(graph_of, parts))
    return stage(
        partial(_Race, graphs, wins, stagger, 1 + max(map(_lateness, graphs))),
        name=name,
        consumes=takes,
        produces=produced_by(parts, takes),
        inner=parts,
    )


def _lateness(graph: Graph) -> int:
    """By how many steps of the clock's arithmetic an item may come out late (`clock.just_after`), at most: through a race
    there are those of its parts, those for which it waits, and as many again for each part that is asked later."""
    steps = 0
    for node in graph.flat.nodes:
        inner = [_lateness(graph_of(part)) for part in node.inner]
        if getattr(node.work, "func", None) is _Race:
            steps += max(inner) + len(inner) * (1 + max(inner))
        else:
            steps += sum(inner) + (node.kind is Kind.TIMED)
    return steps


class _Lane:
    """One part in the race for one item; the sink of its run."""

    def __init__(self, place: int, contest: _Contest) -> None:
        self._contest = contest
        self.place = place
        self.scope = trio.CancelScope()
        self.held: list[Any] = []

    async def run(self, graph: Graph, item: Any) -> None:
        with self.scope:
            await run_inside(graph, (item,), self)
        self._contest.lost(self)

    def send(self, item: Any, /) -> Awaitable[None]:
        contest = self._contest
        if contest.winner is self:
            return contest.sink.send(item)
        self.held.append(item)
        return self._claim() if contest.wins(item) else DONE

    async def _claim(self) -> None:
        await self._contest.claim(self)
        await self.release()

    async def release(self) -> None:
        held, self.held = self.held, []
        for item in held:
            await self._contest.sink.send(item)


class _Contest:
    """The race for one item."""

    def __init__(self, sink: Sink[Any], wins: Callable[[Any], bool], steps: int) -> None:
        self.sink, self.wins = sink, wins
        self._steps = steps
        self.winner: _Lane | None = None
        self._running: list[_Lane] = []
        self._claims: list[_Lane] = []
        self._turn = trio.Event()

    async def run(self, graphs: tuple[Graph, ...], item: Any, stagger: float) -> None:
        lanes = [_Lane(place, self) for place in range(len(graphs))]
        async with plain_nursery() as nursery:
            for lane, graph in zip(lanes, graphs, strict=True):
                if stagger and self._running and await self._claimed_within(stagger):
                    break
                self._running.append(lane)
                nursery.start_soon(lane.run, graph, item)
        if self.winner is None:
            await lanes[0].release()

    async def _claimed_within(self, seconds: float) -> bool:
        """Whether a part has won when these are over, or when all that run have ended."""
        self._turn = trio.Event()
        with trio.move_on_at(just_after(trio.current_time() + seconds, self._steps)):
            await self._turn.wait()
        return bool(self._claims)

    def lost(self, lane: _Lane) -> None:
        """A part has ended."""
        self._running.remove(lane)
        if not self._running:
            self._turn.set()

    async def claim(self, lane: _Lane) -> None:
        """Returns when the part has won; else it is cancelled."""
        self._claims.append(lane)
        self._turn.set()
        if len(self._running) > 1:
            # Whatever else comes of this very instant comes first, in whatever order tasks run.
            await trio.sleep_until(just_after(trio.current_time(), self._steps))
        if self.winner is None:
            self.winner = min(self._claims, key=lambda each: each.place)
            for other in self._running:
                if other is not self.winner:
                    other.scope.cancel()
        if self.winner is not lane:
            await trio.sleep_forever()


class _Race(Stage[Any, Any]):
    def __init__(self, graphs: tuple[Graph, ...], wins: Callable[[Any], bool], stagger: float, steps: int) -> None:
        self._graphs, self._wins, self._stagger, self._steps = graphs, wins, stagger, steps

    async def receive(self, item: Any, sink: Sink[Any]) -> None:
        await _Contest(sink, self._wins, self._steps).run(self._graphs, item, self._stagger)
