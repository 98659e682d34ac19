"""The three forms of node, and what travels between nodes.

A *step* is pure and synchronous, a *stage* may wait, a *node* owns its task, as does a *timed* stage. Which one to write:

* `step` for a function of one item, or a little machine with state: never waits, always runs inside its neighbour.
* `stage` for something that waits while it handles an item (an upstream call, a database), or must clean up.
* `timed` for a stage that also does something when nothing comes for a while.
* `node` for something else that reads and writes at its own pace (merging, taking only part of its input).

What a node consumes and produces is read from annotations. A node whose input type has `Failure` in it is handed
failures; every other node is passed by (see `Failure`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast, final, overload

import trio

from hyperinfer.engine.failure import Failure
from hyperinfer.engine.ports import accepts, function_ports, machine_ports, stage_ports, task_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator

    from hyperinfer.engine.graph import Graph

In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Own_contra = TypeVar("Own_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class DownstreamClosed(trio.BrokenResourceError):
    """Nobody wants more items: the node after this one, or the final sink, has finished early.

    `Sink.send` raises it. Let it pass: the engine then ends the nodes upstream (their `abort` runs, since they have
    not ended) and `run` returns as usual. A `trio.BrokenResourceError` that a node gets from a resource of its own
    is not this one, and counts as a bug like any other exception.
    """

    def __init__(self, outer: DownstreamClosed | None = None) -> None:
        super().__init__("the reader of this stream has finished")
        #: Set when a run inside a run was cut short by the outer one; the inner `run` raises it again.
        self.outer = outer


@final
class Done:
    """See `DONE`."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        return _NOTHING


_NOTHING = cast("Generator[Any, Any, None]", iter(()))

DONE = Done()
"""What a `send` may return that is done already: nothing is left to wait for. Whoever awaits it goes straight on; whoever
looks for it need not wait at all."""


class Sink(Protocol[In_contra]):
    """Where a node sends its items. One task at a time."""

    def send(self, item: In_contra, /) -> Awaitable[None]:
        """Hand one item on; waits while the reader is slow. Raises `trio.BrokenResourceError` once nobody reads.

        Usually an `async def`. What a plain function returns is either `DONE` or a coroutine that has not begun, which
        another task may await than the one that called.
        """
        ...


class Source(Protocol[Out_co]):
    """Where a `node` takes its items from: `async for item in source`, or one `receive()` at a time."""

    async def receive(self) -> Out_co:
        """The next item. Raises `trio.EndOfChannel` after the last one."""
        ...

    def __aiter__(self) -> AsyncIterator[Out_co]: ...

    async def __anext__(self) -> Out_co: ...


class Machine(Protocol[In_contra, Out_co]):
    """A step with state: one object per run."""

    def push(self, item: In_contra, /) -> Iterable[Out_co]:
        """The items that follow from this one."""
        ...

    def end(self) -> Iterable[Out_co]:
        """Called once after the last item: what was still held back."""
        ...


class Stage(ABC, Generic[In_contra, Out_co]):
    """A node that may wait. One object per run; it runs in its upstream neighbour's task unless the edge is buffered.

    Exactly one of two things happens to each object: `end` completes, or `abort` is called (once) because the run was
    cancelled, crashed or lost its reader before that.
    """

    @abstractmethod
    def receive(self, item: In_contra, sink: Sink[Out_co], /) -> Awaitable[None]:
        """Handle one item; send any number of items on. An `async def`; where that need not wait itself, a plain function
        that returns `sink.send(…)` does without a coroutine of its own (see `Sink.send`)."""

    async def end(self, sink: Sink[Out_co]) -> None:
        """Called once after the last item; may still send."""

    async def abort(self) -> None:
        """Clean up. Runs shielded from cancellation, under a deadline (`run(abort_after=…)`); cannot send."""


class TimedStage(Stage[In_contra, Out_co]):
    """A stage that also does something when nothing comes. It has a task of its own.

    `due`: trio's clock when `tick` is to be called, `math.inf` for never. `done`: nothing more is wanted, so what is
    upstream is ended. Both may change with each item and each tick. What else is due at the instant of a tick comes first.
    """

    due: float = math.inf
    done: bool = False

    @abstractmethod
    async def tick(self, sink: Sink[Out_co]) -> None:
        """Called once `due` is over while no item is being handled; may send."""


class Kind(Enum):
    """What `Node.work` is, and so how it is run."""

    MAP = "function: item -> item"
    EXPAND = "function: item -> iterator of items"
    MACHINE = "factory of a Machine"
    STAGE = "factory of a Stage"
    TIMED = "factory of a TimedStage"
    TASK = "async function (source, sink)"
    GRAPH = "a Graph, whose nodes take this one's place"


class Form(Enum):
    """The forms of node, as a diagram shows them: the three that work, and a graph that stands for its nodes."""

    STEP = "step"
    STAGE = "stage"
    NODE = "node"
    GRAPH = "graph"


_FORMS = {
    Kind.MAP: Form.STEP,
    Kind.EXPAND: Form.STEP,
    Kind.MACHINE: Form.STEP,
    Kind.STAGE: Form.STAGE,
    Kind.TIMED: Form.NODE,
    Kind.TASK: Form.NODE,
    Kind.GRAPH: Form.GRAPH,
}


class Taking(Protocol[In_contra, Out_co, Own_contra]):
    """What type checkers see of a node behind another one: it may be handed failures too, which travel past it.

    `Own_contra`: what it takes itself. Without a place of its own for that, mypy takes `step(Machine)`, written where the
    node is wanted, for a node of any object.
    """

    def taking(self, item: In_contra, /) -> None: ...

    def own(self, item: Own_contra, /) -> None: ...

    def giving(self) -> Out_co: ...


@final
@dataclass(frozen=True, slots=True)
class Node(Generic[In_contra, Out_co]):
    """One node of a graph, as data. Made by `step`, `stage`, `timed` and `node`, or of other nodes by `subgraph`, `each`,
    `within`, `race`, `gather`, `merge` and `tee`.

    `kind` says what `work` is, and so how it is run. `accepts_failures`: it is handed failures, which pass others by.
    """

    name: str
    kind: Kind
    #: Type expressions: a class, a union, a generic such as `tuple[Event, ...]`, or `Any`.
    consumes: Any
    produces: Any
    work: Any
    accepts_failures: bool = False
    #: Nodes and graphs that this one runs by itself, as often as it likes; for diagrams.
    inner: tuple[Node[Any, Any] | Graph, ...] = ()

    if TYPE_CHECKING:
        # For `Taking`, which no running program asks for.
        def taking(self, item: In_contra | Failure, /) -> None: ...

        def own(self, item: In_contra, /) -> None: ...

        def giving(self) -> Out_co: ...

    @property
    def form(self) -> Form:
        """How a diagram shows it."""
        return _FORMS[self.kind]

    def named(self, name: str) -> Node[In_contra, Out_co]:
        """The same node under another name (names are unique within a graph)."""
        return replace(self, name=name)


def _node(
    kind: Kind,
    work: Callable[..., Any],
    ports: Callable[[Any], tuple[str, Any, Any]],
    name: str | None,
    consumes: Any,
    produces: Any,
    accepts_failures: bool | None,
    inner: tuple[Node[Any, Any] | Graph, ...] = (),
) -> Node[Any, Any]:
    """Complete what was given with what the annotations say."""
    if name is None or consumes is None or produces is None:
        own_name, own_consumes, own_produces = ports(work)
        name = own_name if name is None else name
        consumes = own_consumes if consumes is None else consumes
        produces = own_produces if produces is None else produces
    if accepts_failures is None:
        accepts_failures = accepts(consumes, Failure)
    return Node(name, kind, consumes, produces, work, accepts_failures, inner)


@overload
def step(
    work: Callable[[], Machine[In, Out]],
    /,
    *,
    name: str | None = None,
    consumes: Any = None,
    produces: Any = None,
    accepts_failures: bool | None = None,
) -> Node[In, Out]: ...
@overload
def step(
    work: Callable[[In], Iterator[Out]],
    /,
    *,
    name: str | None = None,
    consumes: Any = None,
    produces: Any = None,
    accepts_failures: bool | None = None,
) -> Node[In, Out]: ...
@overload
def step(
    work: Callable[[In], Out],
    /,
    *,
    name: str | None = None,
    consumes: Any = None,
    produces: Any = None,
    accepts_failures: bool | None = None,
) -> Node[In, Out]: ...
def step(
    work: Callable[..., Any],
    /,
    *,
    name: str | None = None,
    consumes: Any = None,
    produces: Any = None,
    accepts_failures: bool | None = None,
) -> Node[Any, Any]:
    """A pure, synchronous node. Decorates functions; a class is passed: `total = step(Total)`. `work` is one of

    * a function that returns the one item that follows from an item (of any type: a tuple is one item too);
    * a generator function, or one annotated `-> Iterator[Out]`: any number of items follow;
    * a class or factory without arguments whose objects have `push(item)` and `end()`: state per run.

    Raises TypeError when the types are neither given nor annotated, or when `-> Iterable[…]` leaves open whether it
    means one item or many.
    """
    ports, many = function_ports(work)
    if ports is None:
        return _node(Kind.MACHINE, work, machine_ports, name, consumes, produces, accepts_failures)
    kind = Kind.EXPAND if many else Kind.MAP
    return _node(kind, work, ports, name, consumes, produces, accepts_failures)


def stage(
    work: Callable[[], Stage[In, Out]],
    /,
    *,
    name: str | None = None,
    consumes: Any = None,
    produces: Any = None,
    accepts_failures: bool | None = None,
    inner: tuple[Node[Any, Any] | Graph, ...] = (),
) -> Node[In, Out]:
    """A node that may wait: a `Stage` class, or a factory of one: `stage(Meter)`, `stage(partial(Call, transport))`.

    The types come from `Stage[In, Out]`, or from the annotations of `receive(self, item: In, sink: Sink[Out])`.
    Raises TypeError when they are neither given nor found there. `inner`: what this one makes and drives itself.
    """
    return _node(Kind.STAGE, work, stage_ports, name, consumes, produces, accepts_failures, inner)


def timed(
    work: Callable[[], TimedStage[In, Out]],
    /,
    *,
    name: str | None = None,
    consumes: Any = None,
    produces: Any = None,
    accepts_failures: bool | None = None,
) -> Node[In, Out]:
    """A node that also does something when nothing comes: a `TimedStage` class, or a factory of one. Types as of `stage`."""
    return _node(Kind.TIMED, work, stage_ports, name, consumes, produces, accepts_failures)


def node(
    work: Callable[[Source[In], Sink[Out]], Awaitable[None]],
    /,
    *,
    name: str | None = None,
    consumes: Any = None,
    produces: Any = None,
    accepts_failures: bool | None = None,
) -> Node[In, Out]:
    """A node with a task of its own, decorating `async def work(source: Source[In], sink: Sink[Out])`.

    It ends when the function returns; what its source still holds is then dropped and the nodes upstream are ended.
    Raises TypeError when the types are neither given nor annotated.
    """
    return _node(Kind.TASK, work, task_ports, name, consumes, produces, accepts_failures)
