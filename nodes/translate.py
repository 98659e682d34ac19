"""Between the upstream's events and the client's: tools get back the form in which the caller declared them."""

from __future__ import annotations

from collections.abc import Iterable

from hyperinfer.engine import Node, step
from hyperinfer.formats.restore import ToolRestorer
from hyperinfer.nodes.items import Answering, Reply


class Translate:
    """Restores tool calls by the aliases of the route that answers."""

    def __init__(self) -> None:
        self._restorer: ToolRestorer | None = None

    def push(self, item: Reply) -> Iterable[Reply]:
        """One item in, one out; an empty burst is dropped."""
        if isinstance(item, Answering):
            self._restorer = ToolRestorer(item.aliases) if item.aliases else None
            return (item,)
        restorer = self._restorer
        if restorer is None:
            return (item,)
        burst = tuple(restored for event in item for restored in restorer.push(event))
        return (burst,) if burst else ()

    def end(self) -> Iterable[Reply]:
        """Nothing is held beyond a tool call."""
        return ()


def translate() -> Node[Reply, Reply]:
    """The node."""
    return step(Translate, name="translate", consumes=Reply, produces=Reply)
