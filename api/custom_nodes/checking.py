"""All nodes of a `pipeline` section: loaded, in their places, and every problem of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.api.custom_nodes.bounded import DEADLINE, BoundedStage, bounded
from hyperinfer.api.custom_nodes.loading import NotLoaded, load_node, told
from hyperinfer.api.custom_nodes.places import OWN_NAMES, PLACES, Place, Plugged, place_of, said
from hyperinfer.engine import Failure, Form
from hyperinfer.engine.node import Kind
from hyperinfer.engine.ports import Same, fits
from hyperinfer.engine.type_names import type_name
from hyperinfer.nodes import Output, Reply
from hyperinfer.providers.catalogue import CatalogueErrors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperinfer.api.custom_nodes.places import Plugs
    from hyperinfer.engine import Node
    from hyperinfer.providers.catalogue import CustomNode, Problem

_NAMES = {"Reply": Reply, "Output": Output}


class _Item:
    """An item, and what could be made of it."""

    def __init__(self, custom: CustomNode) -> None:
        self.custom = custom
        self.problems: list[Problem] = []
        self.node: Node[Any, Any] | None = None
        self.origin: str | None = None
        self.place: Place | None = None
        if custom.side and custom.neighbour:
            place = place_of(custom)
            if isinstance(place, Place):
                self.place = place
            else:
                self.problems.append(custom.problem(custom.side, place))

    def load(self) -> None:
        custom = self.custom
        try:
            node, self.origin = load_node(custom)
        except NotLoaded as error:
            self.problems += error.problems
            return
        if custom.name:
            node = node.named(custom.name)
        if node.form is Form.STEP and custom.deadline is not None:
            self.problems.append(custom.problem("deadline", f"{node.name} is a step: it does not wait, so nothing cuts it"))
        self.node = bounded(node, DEADLINE if custom.deadline is None else custom.deadline)


def load_nodes(customs: Sequence[CustomNode], before: Plugs = ()) -> tuple[Plugged, ...]:
    """The nodes, in the order of the file. Raises CatalogueErrors with every problem of them.

    `before`: those that were loaded earlier; an item that says the same keeps its node, and what that remembers.
    """
    items = [_Item(custom) for custom in customs]
    for item in items:
        known = next((each for each in before if each.custom == item.custom), None)
        if known is None:
            item.load()
        else:
            item.node, item.origin = known.node, known.origin
    problems = [problem for item in items for problem in item.problems]
    problems += [*_name_problems(items), *(problem for place in PLACES for problem in _type_problems(place, items))]
    if problems:
        raise CatalogueErrors(sorted(problems, key=lambda problem: problem.line))
    return tuple(
        Plugged(custom=item.custom, node=item.node, place=item.place, origin=item.origin)
        for item in items
        if item.node is not None and item.place is not None
    )


def _name_problems(items: Sequence[_Item]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for item in items:
        if item.node is None:
            continue
        name, custom = item.node.name, item.custom
        key = "name" if custom.name else "node"
        if name in OWN_NAMES:
            yield custom.problem(key, f"the name {name!r} is that of a node of the gateway; give another with name")
        elif name in first:
            yield custom.problem(
                key, f"the name {name!r} is also that of the node on line {first[name]}; give another with name"
            )
        first.setdefault(name, custom.line)


def _type_problems(place: Place, items: Sequence[_Item]) -> Iterator[Problem]:
    """Of neighbours that do not fit, one for each node. What is beside one that could not be loaded is not known."""
    gives, giver = place.carries, place.after
    last: _Item | None = None
    for item in items:
        if item.place is not place:
            continue
        last = item
        node, given = item.node, gives
        gives, giver_before, giver = Any, giver, item.custom.node
        if node is None:
            continue
        if fits(given, node.consumes, beside=Failure):
            gives, giver = given if node.produces is Same else node.produces, node.name
        else:
            yield _misfit(item, place, (giver_before, given), (node.name, node.consumes))
    if last is not None and not fits(gives, place.carries, beside=Failure):
        yield _misfit(last, place, (giver, gives), (said(place.before), place.carries))


def _misfit(item: _Item, place: Place, out: tuple[str, Any], into: tuple[str, Any]) -> Problem:
    """`out` and `into`: the two ports, each with its node's name."""
    ports = f"{into[0]}.in expects {type_name(into[1], _NAMES)}, {out[0]}.out gives {type_name(out[1], _NAMES)}"
    return item.custom.problem(
        item.custom.side, f"{ports}; a node {place.named} takes {place.called} and gives {place.called}"
    )


_WITH_STATE = (Kind.MACHINE, Kind.STAGE, Kind.TIMED)


def try_runs(plugs: Plugs) -> None:
    """Makes the objects of two runs of each node that has some. Inside a trio run, as nodes are. Raises CatalogueErrors for
    those that cannot be made, and for one that serves both: requests would see each other's state."""
    problems: list[Problem] = []
    for plugged, node in [(each, node) for each in plugs for node in _running(each.node)]:
        if node.kind not in _WITH_STATE:
            continue
        try:
            first, second = _made(node), _made(node)
        except (Exception, SystemExit) as error:
            problems.append(
                plugged.custom.problem("node", f"making the object of a run of {node.name} raised {told(error)}")
            )
            continue
        missing = [name for name in _methods(node.kind) if not callable(getattr(first, name, None))]
        if missing:
            problems.append(
                plugged.custom.problem(
                    "node",
                    f"what {node.name} makes for a run, of type {type(first).__name__}, has no {' and no '.join(missing)}",
                )
            )
        elif first is second:
            problems.append(
                plugged.custom.problem(
                    "node",
                    f"{node.name} has one object for all runs, so requests would see each other's state; make a new one for"
                    " each",
                )
            )
    if problems:
        raise CatalogueErrors(problems)


def _running(node: Node[Any, Any]) -> Sequence[Node[Any, Any]]:
    """What runs for it: itself, or the nodes of a graph."""
    return node.work.nodes if node.kind is Kind.GRAPH else (node,)


def _made(node: Node[Any, Any]) -> Any:
    made = node.work()
    return made.inner if isinstance(made, BoundedStage) else made


def _methods(kind: Kind) -> tuple[str, ...]:
    return ("push", "end") if kind is Kind.MACHINE else ("receive", "end", "abort")
