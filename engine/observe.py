"""What a run does, for whoever looks on: hooks per node and per channel. No vendor in here.

Without an observer nothing of this runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperinfer.engine.graph import Edge


@dataclass(frozen=True, slots=True)
class Counts:
    """Items (failures included) that a node was handed and that it sent on."""

    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Items that went into a channel, how many of them held their sender up, and how full its buffer was at most."""

    items: int
    waited: int
    peak: int


class Observer:
    """Override what you need. The hooks are called at once, in the run's own tasks, so that `trio.current_time()` is the
    time: keep them short and let nothing escape; an exception in a hook counts as one of the run. Nodes go by their names
    in the flat graph (`kind/louder` within a sub-graph).

    What an observer is handed is the run's own: it changes nothing of it, and keeps no item that may be large.
    """

    def started(self, node: str) -> None:
        """The node's object exists."""

    def received(self, node: str, item: Any) -> None:
        """The node is handed an item; also a `Failure` that goes past it."""

    def sent(self, node: str, item: Any) -> None:
        """The node sends an item on."""

    def completed(self, node: str, counts: Counts) -> None:
        """The node was ended in the regular way."""

    def failed(self, node: str, counts: Counts, error: BaseException) -> None:
        """The node raised. Its `abort` has not run yet."""

    def stopped(self, node: str, counts: Counts) -> None:
        """The node was stopped because of something else: another node raised, the reader left, the run was
        cancelled. Its `abort` has not run yet."""

    def filled(self, edge: Edge, fill: int, *, waiting: bool) -> None:
        """An item went into the channel of this edge or was taken out, or has to wait: so many are in its buffer now, of
        `edge.capacity`. `waiting`: its sender is held up."""

    def channel(self, edge: Edge, counts: ChannelCounts) -> None:
        """The channel of this edge was closed by its writer."""


class Observers(Observer):
    """Several who look on at one run, each told in turn."""

    def __init__(self, *observers: Observer) -> None:
        self._all = observers

    def started(self, node: str) -> None:
        """To each."""
        for each in self._all:
            each.started(node)

    def received(self, node: str, item: Any) -> None:
        """To each."""
        for each in self._all:
            each.received(node, item)

    def sent(self, node: str, item: Any) -> None:
        """To each."""
        for each in self._all:
            each.sent(node, item)

    def completed(self, node: str, counts: Counts) -> None:
        """To each."""
        for each in self._all:
            each.completed(node, counts)

    def failed(self, node: str, counts: Counts, error: BaseException) -> None:
        """To each."""
        for each in self._all:
            each.failed(node, counts, error)

    def stopped(self, node: str, counts: Counts) -> None:
        """To each."""
        for each in self._all:
            each.stopped(node, counts)

    def filled(self, edge: Edge, fill: int, *, waiting: bool) -> None:
        """To each."""
        for each in self._all:
            each.filled(edge, fill, waiting=waiting)

    def channel(self, edge: Edge, counts: ChannelCounts) -> None:
        """To each."""
        for each in self._all:
            each.channel(edge, counts)
