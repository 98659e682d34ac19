"""Nodes as operators write them, good and bad. `tests.api.custom_nodes.nodes:NAME` names them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, ClassVar, cast

import msgspec
import trio

from hyperinfer.engine import Failure, Graph, Node, Sink, Source, Stage, TimedStage, node, stage, step, subgraph, timed
from hyperinfer.formats import events as ev
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes import Answering, Asked, Failed, Planned, Reply


def redact(*, word: str, mask: str = "[removed]") -> Node[Asked, Asked]:
    """Takes a word out of every text of a request."""

    def redacted(asked: Asked) -> Asked:
        return asked.map_text(lambda text: text.replace(word, mask))

    return step(redacted, name="redact")


@step
def shout(item: Reply) -> Reply:
    """The reply in capitals."""
    if isinstance(item, Answering):
        return item
    return tuple(
        msgspec.structs.replace(event, text=event.text.upper()) if isinstance(event, ev.TextDelta) else event
        for event in item
    )


class Count:
    """Puts the number of the burst before each text: state of one run."""

    def __init__(self) -> None:
        self.bursts = 0

    def push(self, item: Reply) -> Iterable[Reply]:
        if isinstance(item, Answering):
            return (item,)
        self.bursts += 1
        return (tuple(ev.TextDelta(f"{self.bursts}{e.text}") if isinstance(e, ev.TextDelta) else e for e in item),)

    def end(self) -> Iterable[Reply]:
        return ()


count_bursts = step(Count, name="count_bursts")
_ONE = Count()
one_for_all = step(lambda: _ONE, name="one_for_all", consumes=Reply, produces=Reply)


class Wait(Stage[Any, Any]):
    """Waits before each item that is no `Answering`, but for so many at first. `log`: what became of it."""

    log: ClassVar[list[str]] = []

    def __init__(self, seconds: float, at_once: int = 0) -> None:
        self._seconds, self._at_once = seconds, at_once

    async def receive(self, item: Any, sink: Sink[Any]) -> None:
        if not isinstance(item, Answering):
            self._at_once -= 1
            if self._at_once < 0:
                await trio.sleep(self._seconds)
        await sink.send(item)

    async def end(self, sink: Sink[Any]) -> None:
        self.log.append("ended")

    async def abort(self) -> None:
        self.log.append("aborted")


def _type(name: str) -> Any:
    return {"Asked": Asked, "Planned": Planned, "Reply": Reply}[name]


def wait(*, seconds: float, item: str, at_once: int = 0) -> Node[Any, Any]:
    """A stage."""
    return stage(partial(Wait, seconds, at_once), name="wait", consumes=_type(item), produces=_type(item))


class WaitTimed(Wait, TimedStage[Any, Any]):
    """The same with a clock."""

    async def tick(self, sink: Sink[Any]) -> None:
        raise AssertionError("nothing is due")


def wait_timed(*, seconds: float, item: str) -> Node[Any, Any]:
    return timed(partial(WaitTimed, seconds), name="wait", consumes=_type(item), produces=_type(item))


def wait_task(*, seconds: float, item: str) -> Node[Any, Any]:
    """A node with a task of its own."""

    async def waiting(source: Source[Any], sink: Sink[Any]) -> None:
        async for each in source:
            if not isinstance(each, Answering):
                await trio.sleep(seconds)
            await sink.send(each)

    return node(waiting, name="wait", consumes=_type(item), produces=_type(item))


def _same(item: Any) -> Any:
    return item


def wait_graph(*, seconds: float, item: str) -> Node[Any, Any]:
    """A graph of a step and a stage, in the place of one node."""
    same: Node[Any, Any] = step(_same, name="same", consumes=_type(item), produces=_type(item))
    return subgraph(Graph.linear(same, wait(seconds=seconds, item=item)), name="pair")


def crash(*, item: str, exits: bool = False) -> Node[Any, Any]:
    """Has a bug."""

    def crashing(each: Any) -> Any:
        if isinstance(each, Answering):
            return each
        if exits:
            sys.exit("a bug with sk-secret")
        raise ZeroDivisionError("a bug with sk-secret")

    return step(crashing, name="crash", consumes=_type(item), produces=_type(item))


def refuse(*, item: str, with_ticket: bool) -> Node[Any, Any]:
    """Says no."""

    def refused(each: Any) -> Any:
        if isinstance(each, Answering):
            return each
        refusal = Failed("content_filter", "We do not talk about this.", ticket=getattr(each, "ticket", None))
        return refusal if with_ticket else Failure(refusal.code, refusal.message)

    return step(refused, name="refuse", consumes=_type(item), produces=_type(item) | Failure)


class EndEarly:
    """Ends a reply at its first text."""

    def __init__(self) -> None:
        self._over = False

    def push(self, item: Reply) -> Iterable[Reply]:
        if self._over:
            return ()
        if isinstance(item, tuple) and any(isinstance(event, ev.TextDelta) for event in item):
            self._over = True
            kept = tuple(event for event in item if not isinstance(event, ev.MessageEnd | ev.TextEnd | ev.UsageUpdate))
            return ((*kept, ev.TextEnd(), ev.MessageEnd("stop")),)
        return (item,)

    def end(self) -> Iterable[Reply]:
        return ()


end_early = step(EndEarly, name="end_early")


@step
def drop_end(item: Reply) -> Reply:
    """Forgets the end of the reply."""
    if isinstance(item, Answering):
        return item
    return tuple(event for event in item if not isinstance(event, ev.MessageEnd)) or (ev.UsageUpdate(Usage()),)


def drop(*, item: str) -> Node[Any, Any]:
    """Forgets everything."""
    return step(Drop, name="drop", consumes=_type(item), produces=_type(item))


class Drop:
    def push(self, item: Any) -> Iterable[Any]:
        return ()

    def end(self) -> Iterable[Any]:
        return ()


def twice(*, item: str) -> Node[Any, Any]:
    """Sends on each item twice."""

    def doubled(each: Any) -> Iterator[Any]:
        yield each
        yield each

    return step(doubled, name="twice", consumes=_type(item), produces=_type(item))


def first_again(*, item: str) -> Node[Any, Any]:
    """Mixes requests up: sends on the first one that the worker had, whoever asks."""
    kept: list[Any] = []

    def mixed(each: Any) -> Any:
        kept.append(each)
        return kept[0]

    return step(mixed, name="first_again", consumes=_type(item), produces=_type(item))


@step
def numbers(item: int) -> int:
    """Fits nowhere."""
    return item


@step
def counted(item: Reply) -> int:
    """Fits beside `shown` alone."""
    return 1


@step
def shown(item: int) -> Reply:
    """The other half."""
    return (ev.TextDelta(str(item)),)


def to_model(*, slug: str) -> Node[Asked, Asked]:
    """Every request to one model."""
    return step(partial(_to, slug), name="to_model", consumes=Asked, produces=Asked)


def _to(slug: str, asked: Asked) -> Asked:
    return Asked(asked.ticket, msgspec.structs.replace(asked.conversation, model=slug))


def broken_factory(*, token: str) -> Node[Asked, Asked]:
    raise ValueError(f"{token} is no good")


def no_node(*, word: str) -> str:
    return word


def plain(item: Asked) -> Asked:
    """The work of a step, which nobody made a step of."""
    return item


class NeedsMore(Stage[Reply, Reply]):
    def __init__(self, more: int) -> None:
        self.more = more

    async def receive(self, item: Reply, sink: Sink[Reply]) -> None:
        await sink.send(item)


needs_more = stage(cast("Any", NeedsMore), name="needs_more", consumes=Reply, produces=Reply)  # a mistake
