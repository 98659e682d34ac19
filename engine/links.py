"""What one node becomes in one run: a *link* that is the sink of the link before it.

Links of one segment call each other; `send` of a link that cannot wait by itself returns the coroutine of the next
one instead of wrapping it, so that a fused step costs a call and no coroutine.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import trio

from hyperinfer.engine.failure import Failure
from hyperinfer.engine.node import DownstreamClosed, Kind, Stage

if TYPE_CHECKING:
    from hyperinfer.engine.node import Machine, Node, Sink

Sending = Coroutine[Any, Any, None]


def _each(name: str, method: str, items: Any) -> Iterator[Any]:
    """What a step returned, one by one. Forgetting `return ()`, or to put one item into a tuple, is told by name."""
    try:
        return iter(items)
    except TypeError:
        pass
    given = type(items).__name__
    raise TypeError(f"{name}: {method} returned {given}, not the items that follow; for one item: (item,), for none: ()")


_NO_ABORT = cast("Any", Stage).abort


class MapLink:
    """A step that is a function of one item."""

    __slots__ = ("_accepts", "_next", "_work")

    def __init__(self, node: Node[Any, Any], onward: Sink[Any]) -> None:
        self._work, self._accepts, self._next = node.work, node.accepts_failures, onward

    def send(self, item: Any, /) -> Sending:
        if isinstance(item, Failure) and not self._accepts:
            return self._next.send(item)
        return self._next.send(self._work(item))


class ExpandLink:
    """A step that is a function giving an iterator."""

    __slots__ = ("_accepts", "_next", "_work", "name")

    def __init__(self, node: Node[Any, Any], onward: Sink[Any]) -> None:
        self.name, self._accepts, self._next = node.name, node.accepts_failures, onward
        self._work = node.work

    async def send(self, item: Any, /) -> None:
        if isinstance(item, Failure) and not self._accepts:
            await self._next.send(item)
            return
        for each in _each(self.name, "it", self._work(item)):
            await self._next.send(each)


class MachineLink:
    """A step with state."""

    __slots__ = ("_accepts", "_machine", "_next", "name")

    def __init__(self, node: Node[Any, Any], onward: Sink[Any]) -> None:
        self.name, self._accepts, self._next = node.name, node.accepts_failures, onward
        self._machine: Machine[Any, Any] = node.work()

    async def send(self, item: Any, /) -> None:
        if isinstance(item, Failure) and not self._accepts:
            await self._next.send(item)
            return
        for each in _each(self.name, "push", self._machine.push(item)):
            await self._next.send(each)

    async def finish(self) -> None:
        for each in _each(self.name, "end", self._machine.end()):
            await self._next.send(each)

    def abort(self) -> Sending | None:
        return None


class StageLink:
    """A stage."""

    __slots__ = ("_accepts", "_ended", "_next", "_stage", "name")

    def __init__(self, node: Node[Any, Any], onward: Sink[Any]) -> None:
        self.name, self._accepts, self._next = node.name, node.accepts_failures, onward
        self._stage: Stage[Any, Any] = node.work()
        self._ended = False

    def send(self, item: Any, /) -> Sending:
        if isinstance(item, Failure) and not self._accepts:
            return self._next.send(item)
        return self._stage.receive(item, self._next)

    async def finish(self) -> None:
        await self._stage.end(self._next)
        self._ended = True

    def abort(self) -> Sending | None:
        if self._ended or type(self._stage).abort is _NO_ABORT:
            return None
        return self._stage.abort()


class Ending(Protocol):
    """A link that has something to do after the last item."""

    name: str

    async def finish(self) -> None: ...

    def abort(self) -> Sending | None:
        """The clean-up that is due when the run does not end well, if any."""
        ...


Maker = Callable[["Node[Any, Any]", "Sink[Any]"], MapLink | ExpandLink | MachineLink | StageLink]

_MAKERS: dict[Kind, Maker] = {
    Kind.MAP: MapLink,
    Kind.EXPAND: ExpandLink,
    Kind.MACHINE: MachineLink,
    Kind.STAGE: StageLink,
}

#: How to make the link of a node, looked up once per graph: the maker, the node, and whether its link is an `Ending`.
Joint = tuple[Maker, "Node[Any, Any]", bool]


def joint(node: Node[Any, Any]) -> Joint:
    """The joint of a node (not of one with a task of its own)."""
    return _MAKERS[node.kind], node, node.kind in (Kind.MACHINE, Kind.STAGE)


def join(joints: Sequence[Joint], outlet: Sink[Any], endings: list[Ending]) -> Sink[Any]:
    """Join the nodes of a segment, the last one first, into nested calls; the first link is returned.

    Those links that must be ended or aborted are put into `endings`, the last one first, also when making one raises.
    """
    onward = outlet
    for make, node, ends in joints:
        onward = make(node, onward)
        if ends:
            endings.append(cast("Ending", onward))
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

    async def send(self, item: Any, /) -> None:
        try:
            await self._sink.send(item)
        except trio.BrokenResourceError as error:
            raise DownstreamClosed(error if isinstance(error, DownstreamClosed) else None) from error


class Port(Protocol):
    """The writing end of a channel."""

    async def send(self, item: Any, /) -> None: ...

    def close(self) -> None: ...


class ChannelOutlet:
    """The way out of a segment into one or several others: each item goes to every one that still reads."""

    __slots__ = ("_ports",)

    def __init__(self, ports: Sequence[Port]) -> None:
        self._ports = list(ports)

    async def send(self, item: Any, /) -> None:
        for port in tuple(self._ports):
            try:
                await port.send(item)
            except trio.BrokenResourceError:
                self._ports.remove(port)
                port.close()
        if not self._ports:
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
