"""What the nodes of a segment become in one run: *links*, each the sink of the link before it.

Links of one segment call each other. Steps in a row are one link, and `send` of a link that cannot wait by itself returns
the coroutine of the next one instead of wrapping it: an item that goes on as one item costs a call for each step, and no
coroutine. Where nothing has to be waited for at all, every `send` down to the last returns `DONE`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, cast

import trio

from hyperinfer.engine.failure import Failure
from hyperinfer.engine.node import DONE, DownstreamClosed, Kind, Machine, Stage

if TYPE_CHECKING:
    from hyperinfer.engine.node import Node, Sink, TimedStage

Sending = Awaitable[None]
"""See `Sink.send`."""

Aborting = Coroutine[Any, Any, None]


def _each(name: str, method: str, items: Any) -> Iterator[Any]:
    """What a step returned, one by one. Forgetting `return ()`, or to put one item into a tuple, is told by name."""
    try:
        return iter(items)
    except TypeError:
        pass
    given = type(items).__name__
    raise TypeError(f"{name}: {method} returned {given}, not the items that follow; for one item: (item,), for none: ()")


_Step: TypeAlias = tuple[Callable[[Any], Any], bool, bool, Callable[[], Any] | None, int, str]
"""A step at work, as a tuple since they are made anew for each run: its work; whether it takes failures; whether the work
returns the items that follow, not the one; the end of its machine; the place of the step behind it; its name."""

_Row: TypeAlias = tuple[tuple[Callable[[], Machine[Any, Any]] | None, _Step], ...]
"""The steps of a graph, each with what makes its machine where it has one; found out once per graph."""


class StepsLink:
    """Steps in a row, from the one at place `first` on."""

    __slots__ = ("_next", "_row", "_steps")

    def __init__(self, row: tuple[_Step, ...], onward: Sink[Any], first: int = 0) -> None:
        self._row, self._next = row, onward
        self._steps = row[first:] if first else row

    @property
    def name(self) -> str:
        return self._steps[0][-1]

    def send(self, item: Any, /) -> Sending:
        for work, accepts, many, end, rest, name in self._steps:
            if not accepts and isinstance(item, Failure):
                continue
            given = work(item)
            if not many:
                item = given
            elif given.__class__ is not tuple or len(given) > 1:
                return self._send_each(_each(name, "it" if end is None else "push", given), rest)
            elif given:
                item = given[0]
            else:
                return DONE
        return self._next.send(item)

    async def _send_each(self, items: Iterator[Any], rest: int) -> None:
        """Items for the step at a place, each as soon as it is there."""
        behind = StepsLink(self._row, self._next, rest) if rest < len(self._row) else self._next
        for item in items:
            await behind.send(item)

    def finish(self) -> Sending | None:
        for _, _, _, end, rest, name in self._steps:
            if end is not None and ((held := end()).__class__ is not tuple or held):
                return self._finish(held, rest, name)
        return None

    async def _finish(self, held: Any, rest: int, name: str) -> None:
        await self._send_each(_each(name, "end", held), rest)
        for _, _, _, end, behind, later in self._row[rest:]:
            if end is not None:
                await self._send_each(_each(later, "end", end()), behind)

    def abort(self) -> Aborting | None:
        return None


_NO_END, _NO_ABORT = cast("Any", Stage).end, cast("Any", Stage).abort


class StageLink:
    """A stage."""

    __slots__ = ("_ended", "_next", "_node", "_stage")

    def __init__(self, node: Node[Any, Any], onward: Sink[Any]) -> None:
        self._node = node
        self._next = onward
        self._stage: Stage[Any, Any] = node.work()
        self._ended = False

    @property
    def name(self) -> str:
        return self._node.name

    def send(self, item: Any, /) -> Sending:
        if isinstance(item, Failure) and not self._node.accepts_failures:
            return self._next.send(item)
        return self._stage.receive(item, self._next)

    def finish(self) -> Sending | None:
        if type(self._stage).end is not _NO_END:
            return self._finish()
        self._ended = True
        return None

    async def _finish(self) -> None:
        await self._stage.end(self._next)
        self._ended = True

    def abort(self) -> Aborting | None:
        if self._ended or type(self._stage).abort is _NO_ABORT:
            return None
        return self._stage.abort()


class TimedLink(StageLink):
    """A stage with a clock (`clock.Clock`)."""

    __slots__ = ("_timed",)

    def __init__(self, node: Node[Any, Any], onward: Sink[Any]) -> None:
        super().__init__(node, onward)
        self._timed = cast("TimedStage[Any, Any]", self._stage)

    @property
    def due(self) -> float:
        return self._timed.due

    @property
    def done(self) -> bool:
        return self._timed.done

    def tick(self) -> Awaitable[None]:
        return self._timed.tick(self._next)


class Ending(Protocol):
    """A link that has something to do after the last item."""

    @property
    def name(self) -> str: ...

    def finish(self) -> Sending | None:
        """Ends what it is made of. What it returns is the rest of that, if it takes any waiting."""
        ...

    def abort(self) -> Aborting | None:
        """The clean-up that is due when the run does not end well, if any."""
        ...


class Joint(NamedTuple):
    """How to make the link of some nodes in a row, found out once per graph. `ends`: it is an `Ending`."""

    make: Callable[[Sink[Any]], StepsLink | StageLink]
    name: str
    ends: bool


_STEPS = (Kind.MAP, Kind.EXPAND, Kind.MACHINE)


def joint(nodes: Sequence[Node[Any, Any]]) -> Joint:
    """The joint of one stage, or of steps in a row."""
    first = nodes[0]
    if first.kind is Kind.STAGE:
        return Joint(partial(StageLink, first), first.name, ends=True)
    if first.kind is Kind.TIMED:
        return Joint(partial(TimedLink, first), first.name, ends=True)
    if any(node.kind is Kind.MACHINE for node in nodes):
        return Joint(partial(_with_machines, _row(nodes)), first.name, ends=True)
    return Joint(partial(StepsLink, tuple([step for _, step in _row(nodes)])), first.name, ends=False)


def _with_machines(row: _Row, onward: Sink[Any]) -> StepsLink:
    steps: list[_Step] = []
    for make, step in row:
        if make is not None:
            machine = make()
            step = machine.push, step[1], True, machine.end, step[4], step[5]
        steps.append(step)
    return StepsLink(tuple(steps), onward)


def joints(nodes: Sequence[Node[Any, Any]]) -> list[Joint]:
    """The joints of nodes in a row, with as few links as they allow."""
    rows: list[list[Node[Any, Any]]] = []
    for node in nodes:
        if rows and node.kind in _STEPS and rows[-1][0].kind in _STEPS:
            rows[-1].append(node)
        else:
            rows.append([node])
    return [joint(row) for row in rows]


def _row(nodes: Sequence[Node[Any, Any]]) -> _Row:
    return tuple(
        (
            node.work if node.kind is Kind.MACHINE else None,
            (node.work, node.accepts_failures, node.kind is Kind.EXPAND, None, rest, node.name),
        )
        for rest, node in enumerate(nodes, 1)
    )


def join(joints: Iterable[Joint], outlet: Sink[Any], endings: list[Ending]) -> Sink[Any]:
    """Join the nodes of a segment, the last one first, into nested calls; the first link is returned.

    Those links that must be ended or aborted are put into `endings`, the last one first, also when making one raises.
    """
    onward = outlet
    for make, _, ends in joints:
        onward = link = make(onward)
        if ends:
            endings.append(link)
    return onward


# ---- the ends of a segment ------------------------------------------------------------------------------------------


class Nowhere:
    """The final sink of a run without one."""

    async def send(self, item: Any, /) -> None:
        pass


class FinalOutlet:
    """In front of the caller's sink: a broken sink means that the reader has left."""

    __slots__ = ("_sink",)

    def __init__(self, sink: Sink[Any]) -> None:
        self._sink = sink

    def send(self, item: Any, /) -> Sending:
        try:
            sending = self._sink.send(item)
        except trio.BrokenResourceError as error:
            raise _closed(error) from error
        return DONE if sending is DONE else self._sent(sending)

    async def _sent(self, sending: Sending) -> None:
        try:
            await sending
        except trio.BrokenResourceError as error:
            raise _closed(error) from error


def _closed(error: trio.BrokenResourceError) -> DownstreamClosed:
    return DownstreamClosed(error if isinstance(error, DownstreamClosed) else None)


class Port(Protocol):
    """The writing end of a channel."""

    def send(self, item: Any, /) -> Sending: ...

    def close(self) -> None: ...


class ChannelOutlet:
    """The way out of a segment into one or several others: each item goes to every one that still reads, as long as one of
    them does that is not `aside` (see `plan.Plan`)."""

    __slots__ = ("_aside", "_ports")

    def __init__(self, ports: Sequence[Port], aside: Sequence[Port] = ()) -> None:
        self._ports, self._aside = list(ports), aside

    async def send(self, item: Any, /) -> None:
        for port in tuple(self._ports):
            try:
                await port.send(item)
            except trio.BrokenResourceError:
                self._ports.remove(port)
                port.close()
        if not self._ports or (self._aside and all(port in self._aside for port in self._ports)):
            raise DownstreamClosed

    def close(self) -> None:
        for port in self._ports:
            port.close()


class Inlet:
    """The source of a node with its own task. Failures that the node does not accept go past it, in their place."""

    __slots__ = ("_accepts", "_onward", "_pull")

    def __init__(self, pull: Callable[[], Coroutine[Any, Any, Any]], accepts: bool, onward: Sink[Any]) -> None:
        self._pull, self._accepts, self._onward = pull, accepts, onward

    async def receive(self) -> Any:
        while isinstance(item := await self._pull(), Failure) and not self._accepts:
            await self._onward.send(item)
        return item

    def __aiter__(self) -> Inlet:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
