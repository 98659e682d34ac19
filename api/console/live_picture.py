"""Watching one request: the graph that serves it, what its nodes and channels do, and what is asked of the world outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import trio

from hyperinfer.engine import Observer
from hyperinfer.nodes.money import pico_to_usd_text
from hyperinfer.nodes.tap import AttemptTap, Tap

if TYPE_CHECKING:
    from hyperinfer.api.console.outbox import Outbox
    from hyperinfer.engine import ChannelCounts, Counts, Edge, Failure, Graph
    from hyperinfer.formats.events import Burst, Event
    from hyperinfer.formats.server_tools import ToolOutcome, ToolRun
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.nodes.items import Answering
    from hyperinfer.nodes.ports import Generation
    from hyperinfer.nodes.tap import WaitsFor


class LivePicture(Tap):
    """Tells an outbox of everything. `graph`: the one that is going to run."""

    def __init__(self, outbox: Outbox, graph: Callable[[], Graph]) -> None:
        self._outbox, self._graph = outbox, graph
        self._tools: dict[str, float] = {}
        self._attempts = 0

    @property
    def observer(self) -> Observer | None:
        """Told of nodes and channels; the graph is told first."""
        graph = self._graph()
        self._outbox.say({"kind": "graph", **drawn(graph)})
        return _Watching(self._outbox)

    def admitting(self, item: object) -> None:
        """See `Tap`."""
        self._say("admit", what="began")

    def admitted(self, refusal: Failure | None) -> None:
        """See `Tap`."""
        self._say("admit", what="admitted" if refusal is None else "refused", code=None if refusal is None else refusal.code)

    def waits(self, what: WaitsFor, seconds: float) -> None:
        """See `Tap`."""
        self._say("wait", what=what, seconds=seconds)

    def waited(self) -> None:
        """See `Tap`."""
        self._say("wait", what="over")

    def attempting(self, answering: Answering) -> AttemptTap | None:
        """See `Tap`."""
        self._attempts += 1
        return _Attempt(self._outbox, self._attempts, answering)

    def tool_started(self, run: ToolRun) -> None:
        """See `Tap`."""
        self._tools[run.call_id] = trio.current_time()
        self._say("tool", name=run.name, id=run.call_id, what="began")

    def tool_ended(self, run: ToolRun, outcome: ToolOutcome | None) -> None:
        """See `Tap`."""
        ms = round((trio.current_time() - self._tools.pop(run.call_id)) * 1000, 3)
        what = "cut_short" if outcome is None else "failed" if outcome.error is not None else "completed"
        self._say("tool", name=run.name, id=run.call_id, what=what, ms=ms)

    def settling(self, row: Generation) -> None:
        """See `Tap`."""
        self._say("settle", what="began", status=row.status, cost=pico_to_usd_text(row.cost))

    def settled(self, row: Generation, *, in_time: bool) -> None:
        """See `Tap`."""
        self._say("settle", what="settled" if in_time else "late", status=row.status, cost=pico_to_usd_text(row.cost))

    def _say(self, kind: str, **values: object) -> None:
        self._outbox.say({"kind": kind, **values})


class _Attempt(AttemptTap):
    """One attempt. Of each there are four lines at most, and of attempts as many as are made."""

    def __init__(self, outbox: Outbox, number: int, answering: Answering) -> None:
        self._outbox, self._began = outbox, trio.current_time()
        route = answering.route
        self._named = {"number": number, "provider": route.provider.name, "model": route.model, "round": answering.round}
        self._say("began", by=answering.by, ms=None)

    def head(self, status: int, connected: float | None) -> None:
        """See `AttemptTap`."""
        self._say("head", status=status)

    def output(self) -> None:
        """See `AttemptTap`."""
        self._say("output")

    def heard(self, events: Sequence[Event]) -> None:
        """See `AttemptTap`."""

    def ended(self, fault: UpstreamFault | None, *, complete: bool) -> None:
        """See `AttemptTap`."""
        if fault is not None:
            self._say("failed", code=fault.code, deadline=fault.deadline)
        else:
            self._say("completed" if complete else "cut_short")

    def _say(self, what: str, **more: object) -> None:
        ms = round((trio.current_time() - self._began) * 1000, 3)
        self._outbox.say({"kind": "attempt", **self._named, "what": what, "ms": ms, **more})


class _Node:
    """What a node has done so far."""

    def __init__(self, id_: str) -> None:
        self.id, self.what = id_, "started"
        self.items = self.events = self.sent = 0
        self.at = 0.0

    def line(self) -> dict[str, Any]:
        return {
            "kind": "node",
            "id": self.id,
            "what": self.what,
            "items": self.items,
            "events": self.events,
            "sent": self.sent,
            "at": self.at,
        }


class _Channel:
    """How a channel is. `most`: since the last line."""

    def __init__(self, edge: Edge) -> None:
        self.edge, self.waiting, self.at = edge, False, 0.0
        self.fill = self.most = self.items = self.waited = 0

    def line(self) -> dict[str, Any]:
        most, self.most = self.most, self.fill
        return {
            "kind": "channel",
            "from": self.edge.source,
            "to": self.edge.target,
            "fill": self.fill,
            "most": most,
            "capacity": self.edge.capacity,
            "waiting": self.waiting,
            "at": self.at,
        }


class _Watching(Observer):
    """The observer of the run."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._nodes: dict[str, _Node] = {}
        self._channels: dict[Edge, _Channel] = {}

    def started(self, node: str) -> None:
        """See `Observer`."""
        known = self._nodes[node] = _Node(node)
        known.at = self._outbox.at
        self._outbox.say(known.line())

    def received(self, node: str, item: Any) -> None:
        """See `Observer`."""
        known = self._nodes[node]
        known.what, known.at = "item", self._outbox.at
        known.items += 1
        if isinstance(item, tuple):
            known.events += len(cast("Burst", item))
        if known.items == 1:
            self._outbox.say(known.line())  # when it began to work is told exactly
        else:
            self._outbox.stands(node, known.line)

    def sent(self, node: str, item: Any) -> None:
        """See `Observer`."""
        known = self._nodes[node]
        known.sent, known.at = known.sent + 1, self._outbox.at
        self._outbox.stands(node, known.line)

    def completed(self, node: str, counts: Counts) -> None:
        """See `Observer`."""
        self._over(node, "ended")

    def failed(self, node: str, counts: Counts, error: BaseException) -> None:
        """See `Observer`."""
        self._over(node, "failed")

    def stopped(self, node: str, counts: Counts) -> None:
        """See `Observer`."""
        self._over(node, "stopped")

    def filled(self, edge: Edge, fill: int, *, waiting: bool) -> None:
        """See `Observer`."""
        channel = self._channels.setdefault(edge, _Channel(edge))
        channel.fill, channel.waiting, channel.most = fill, waiting, max(channel.most, fill)
        channel.at = self._outbox.at
        self._outbox.stands(edge, channel.line)

    def channel(self, edge: Edge, counts: ChannelCounts) -> None:
        """See `Observer`. The numbers of the whole run."""
        channel = self._channels.setdefault(edge, _Channel(edge))
        channel.at = self._outbox.at
        whole = {"items": counts.items, "waited": counts.waited, "peak": counts.peak}
        self._outbox.stands(edge, lambda: {**channel.line(), **whole})

    def _over(self, node: str, what: str) -> None:
        known = self._nodes[node]
        known.what, known.at = what, self._outbox.at
        self._outbox.stands(node, known.line)


def drawn(graph: Graph) -> dict[str, Any]:
    """A graph as it runs: nodes with the numbers of their tasks, and edges. capacity: of a channel between two tasks;
    None where one node calls the other."""
    plan = graph.fused
    channels = set(plan.channels)
    return {
        "nodes": [
            {"id": node.name, "name": node.name, "segment": number}
            for number, segment in enumerate(plan.segments)
            for node in segment.nodes
        ],
        "edges": [
            {"from": edge.source, "to": edge.target, "capacity": edge.capacity if edge in channels else None}
            for edge in graph.flat.edges
        ],
    }
