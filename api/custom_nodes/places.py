"""Where a node of somebody else's may stand in the hosted pipelines, and why nowhere else.

What counts is what the meter sees: the provider's own events, with nothing in between that could lose them. So bills are
exact whatever a node behind it does, and before the call there is nothing to bill yet. The last bytes wait for the
settlement; so nothing stands beside that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hyperinfer.engine import Failure
from hyperinfer.nodes import Asked, Planned, Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.engine import Node
    from hyperinfer.providers.catalogue import CustomNode


@dataclass(frozen=True, slots=True)
class Place:
    """A place between two nodes. `carries`: what goes there from one to the other; `called` is that in words."""

    after: str
    before: str
    carries: Any
    called: str

    @property
    def named(self) -> str:
        """As people are told it."""
        return f"between {self.after} and {said(self.before)}"


@dataclass(frozen=True, slots=True)
class Closed:
    """Two neighbours between which nothing stands, and why."""

    after: str
    before: str
    why: str


PLACES: Final = (
    Place("decode", "route", Asked, "Asked"),
    Place("route", "admit", Planned, "Planned"),
    Place("admit", "tool_loop", Planned, "Planned"),
    Place("meter", "encode", Reply | Failure, "Reply"),
)
"""In the order of the pipeline. The nodes of the first three stand before the counting of tokens too."""

_METERED = "the meter must count what the provider sent; put it after meter"
CLOSED: Final = (
    Closed("", "decode", "a request is bytes there that nobody has read; put it after decode"),
    Closed("tool_loop", "translate", _METERED),
    Closed("translate", "meter", _METERED),
    Closed("encode", "settle", "the last bytes wait there for the settlement; put it before encode"),
    Closed("settle", "", "the client has the end of its response there; put it before encode"),
)

_SAME_AS: Final = {"call": "tool_loop"}
"""Other names: the loop of the gateway's tools is around the call."""

OWN_NAMES: Final = frozenset(
    {"decode", "route", "admit", "tool_loop", "call", "translate", "meter", "encode", "settle", "decode_count", "count"}
)
"""Of the nodes that are there without configuration."""

PLACED_BEFORE: Final = ("route", "admit", "call", "encode")
"""The words for the places, as `before`."""

PLACED_AFTER: Final = tuple(place.after for place in PLACES)
"""The same as `after`."""


def said(name: str) -> str:
    """The name of a node of ours as people know it."""
    return "call" if name == "tool_loop" else name


def place_of(custom: CustomNode) -> Place | str:
    """Where an item stands, or why it cannot stand there."""
    wanted = _SAME_AS.get(custom.neighbour, custom.neighbour)
    for place in PLACES:
        if wanted == (place.before if custom.side == "before" else place.after):
            return place
    for closed in CLOSED:
        if wanted and wanted == (closed.before if custom.side == "before" else closed.after):
            return f"nothing can stand {custom.side} {custom.neighbour}: {closed.why}"
    choice = PLACED_BEFORE if custom.side == "before" else PLACED_AFTER
    return f"the gateway has no node {custom.neighbour[:80]!r}; {custom.side} one of {', '.join(choice)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugged:
    """A node that was loaded. `origin`: the package that it came from, where it came by an entry point."""

    custom: CustomNode
    node: Node[Any, Any]
    place: Place
    origin: str | None = None


Plugs: TypeAlias = "Sequence[Plugged]"
"""In the order of the file, which is their order within a place."""


def by_neighbour(plugs: Plugs) -> Mapping[str, list[Plugged]]:
    """By the name of the node that they stand behind."""
    found: dict[str, list[Plugged]] = {}
    for each in plugs:
        found.setdefault(each.place.after, []).append(each)
    return found
