"""The graphs that requests run through: one for each way of answering, with the operator's own nodes in their places.

These are the graphs that `hyperinfer diagram` draws, whatever the client's format. A stream runs as two tasks, one that
reads the upstream and one that writes to the client, with one channel between them; while the client takes at once what it
is sent, the first of them writes, and the other only keeps the connection alive. A whole response runs as one task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hyperinfer.api.custom_nodes.places import by_neighbour
from hyperinfer.engine import Drain, Graph, Node
from hyperinfer.nodes import (
    admit,
    call,
    count,
    decode,
    decode_count,
    encode,
    encode_whole,
    meter,
    route,
    settle,
    tool_loop,
    translate,
)
from hyperinfer.nodes.admit import rate_limit
from hyperinfer.nodes.big_bodies import BigBodies
from hyperinfer.nodes.choosing import Choosing
from hyperinfer.nodes.concurrency import Rooms
from hyperinfer.nodes.measures import Measures
from hyperinfer.nodes.ports import Rate
from hyperinfer.nodes.stickiness import Conversations

if TYPE_CHECKING:
    from hyperinfer.api.custom_nodes.places import Plugs
    from hyperinfer.nodes.attempt import Clients
    from hyperinfer.nodes.ports import Health, Ledger
    from hyperinfer.nodes.settlement import Settlement
    from hyperinfer.nodes.tool_loop import Tooling
    from hyperinfer.providers.catalogue import Catalogue, Limits

STREAM_BUFFER = 0
"""Bursts between the reader of the upstream and the writer to the client. One burst is what one read produced. A client that
is slow holds the one that is being written to it, beside what its socket holds, and no other is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the nodes need from outside. `now`: unix seconds. `jitter`: a random number from 0 to 1. `measures`:
    what they count."""

    catalogue: Callable[[], Catalogue]
    ledger: Ledger
    settlement: Settlement
    clients: Clients
    health: Health
    tooling: Tooling
    drain: Drain | None
    now: Callable[[], float]
    jitter: Callable[[], float]
    big_bodies: BigBodies = field(default_factory=BigBodies)
    rooms: Rooms = field(default_factory=Rooms)
    conversations: Conversations = field(default_factory=Conversations)
    measures: Measures = field(default_factory=Measures)


def stream_graph(parts: Parts, limits: Limits, plugs: Plugs = ()) -> Graph:
    """The graph of a streamed response. It serves a whole one too."""
    return _joined(
        (
            *_as_far_as_events(parts, limits),
            encode(keepalive=limits.keepalive, measures=parts.measures),
            settle(parts.settlement),
        ),
        plugs,
        {"encode": STREAM_BUFFER},
    )


def whole_graph(parts: Parts, limits: Limits, plugs: Plugs = ()) -> Graph:
    """The graph of a whole response: one task, no channel."""
    return _joined((*_as_far_as_events(parts, limits), encode_whole(), settle(parts.settlement)), plugs, {})


def count_graph(parts: Parts, limits: Limits, plugs: Plugs = ()) -> Graph:
    """The graph of a request whose tokens are counted: nothing is held, billed or recorded."""
    nodes = (
        decode_count(json_depth=limits.json_depth, big_bodies=parts.big_bodies),
        route(parts.catalogue, Choosing(parts.health, parts.conversations)),
        count(
            parts.clients,
            limit=rate_limit(parts.ledger, _rate(limits)),
            now=parts.now,
            big_bodies=parts.big_bodies,
            health=parts.health,
        ),
    )
    return _joined(nodes, plugs, {}, {"decode_count": ("decode",), "route": ("route", "admit")})


def _joined(
    nodes: Sequence[Node[Any, Any]],
    plugs: Plugs,
    buffers: Mapping[str, int],
    behind: Mapping[str, Sequence[str]] | None = None,
) -> Graph:
    """The nodes in a row, each with those behind it that have their place there. `behind`: whose places those are, where
    it is others than the node's own."""
    if not plugs:
        return Graph.linear(*nodes, buffers=buffers)
    own = by_neighbour(plugs)
    row: list[Node[Any, Any]] = []
    buffers = dict(buffers)
    for node in nodes:
        row.append(node)
        for name in (node.name,) if behind is None else behind.get(node.name, ()):
            for plugged in own.get(name, ()):
                row.append(plugged.node)
                buffers[plugged.node.name] = plugged.custom.buffer
    return Graph.linear(*row, buffers=buffers)


def _as_far_as_events(parts: Parts, limits: Limits) -> tuple[Node[Any, Any], ...]:
    return (
        decode(json_depth=limits.json_depth, big_bodies=parts.big_bodies),
        route(parts.catalogue, Choosing(parts.health, parts.conversations)),
        admit(parts.ledger, _rate(limits), parts.tooling.tools),
        tool_loop(
            call(
                parts.clients,
                now=parts.now,
                jitter=parts.jitter,
                retries=limits.retries,
                drain=parts.drain,
                big_bodies=parts.big_bodies,
                health=parts.health,
                rooms=parts.rooms,
                measures=parts.measures,
            ),
            parts.tooling,
        ),
        translate(),
        meter(),
    )


def _rate(limits: Limits) -> Rate:
    """Of keys that have none of their own."""
    return Rate(limits.rate_per_minute, limits.burst)


class Pipelines:
    """The graphs in use. Assign another graph to change what the hosted routes do: it stays, also over a reload. `plugs`:
    the operator's own nodes in those that were built here."""

    def __init__(self, parts: Parts, limits: Limits, plugs: Plugs = ()) -> None:
        self.plugs = plugs
        self.stream = self._built_stream = stream_graph(parts, limits, plugs)
        self.whole = self._built_whole = whole_graph(parts, limits, plugs)
        self.count = self._built_count = count_graph(parts, limits, plugs)

    def rebuild(self, parts: Parts, limits: Limits, plugs: Plugs = ()) -> None:
        """Builds the graphs anew, for other limits and nodes. One that was assigned is left alone."""
        built = Pipelines(parts, limits, plugs)
        self.plugs = plugs
        if self.stream is self._built_stream:
            self.stream = self._built_stream = built.stream
        if self.whole is self._built_whole:
            self.whole = self._built_whole = built.whole
        if self.count is self._built_count:
            self.count = self._built_count = built.count


def build_pipelines(parts: Parts, limits: Limits, plugs: Plugs = ()) -> Pipelines:
    """All graphs."""
    return Pipelines(parts, limits, plugs)


def named_graphs(pipelines: Pipelines) -> Mapping[str, Graph]:
    """By the names under which they are drawn."""
    return {"stream": pipelines.stream, "whole": pipelines.whole, "count": pipelines.count}
