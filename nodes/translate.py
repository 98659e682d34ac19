"""Between the upstream's events and the client's: tool calls get the form that the client knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Protocol

from hyperinfer.engine import Node, step
from hyperinfer.formats.acting_items import ActingItems
from hyperinfer.formats.restore import ToolRestorer
from hyperinfer.formats.search_calls import SearchCalls, declares_search
from hyperinfer.nodes.items import Answering, Reply

if TYPE_CHECKING:
    from hyperinfer.formats.events import Burst, Event


class Step(Protocol):
    """A step over the events of one reply. `looks_at`: the events that it may change, or learn from; no others are
    pushed."""

    looks_at: ClassVar[frozenset[type]]

    def push(self, event: Event) -> Iterable[Event]: ...


class Translate:
    """Tools under the names and in the kind in which the caller declared them, by the aliases of the route that answers;
    and what only a client of Responses would know how to act on, as calls."""

    def __init__(self) -> None:
        self._steps: tuple[Step, ...] = ()

    def push(self, item: Reply) -> Iterable[Reply]:
        """One item in, one out; an empty burst is dropped."""
        if isinstance(item, Answering):
            self._steps = _steps(item)
            return (item,)
        if not self._steps:
            return (item,)
        burst = item
        for step_ in self._steps:
            if not step_.looks_at.isdisjoint(map(type, burst)):
                burst = _pushed(step_, burst)
        return (burst,) if burst else ()

    def end(self) -> Iterable[Reply]:
        """Nothing is held beyond a tool call."""
        return ()


def _pushed(step_: Step, burst: Burst) -> Burst:
    changed: list[Event] = []
    for event in burst:
        if type(event) in step_.looks_at:
            changed.extend(step_.push(event))
        else:
            changed.append(event)
    return tuple(changed)


def _steps(item: Answering) -> tuple[Step, ...]:
    steps: list[Step] = []
    client = item.ticket.format.dialect
    if item.route.provider.protocol == "openai_responses" and client != "openai_responses":
        steps.append(ActingItems())
    if item.aliases:
        steps.append(ToolRestorer(item.aliases))
    if client == "openai_responses" != item.route.provider.protocol and declares_search(item.conversation):
        steps.append(SearchCalls())
    return tuple(steps)


def translate() -> Node[Reply, Reply]:
    """The node that gives tool calls back as the client declared them: a `Reply` in, the same out.

    For a pipeline whose clients declare tools, between `call` and `encode`: where a provider had to be sent a tool under
    another name or as another kind, its calls come back under that name until here.
    """
    return step(Translate, name="translate", consumes=Reply, produces=Reply)
