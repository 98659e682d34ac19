"""Where the blocks of a Messages reply are written: frames of a stream, or a whole message."""

from __future__ import annotations

from typing import Any, Protocol

Wire = dict[str, Any]


class Sink(Protocol):
    """Where a reply is written. Blocks come one after the other; `beside` are fields of the wire event itself."""

    def start(self, message: Wire, beside: Wire) -> None: ...
    def open(self, block: Wire, beside: Wire) -> None: ...
    def delta(self, delta: Wire, beside: Wire) -> None: ...
    def close(self, beside: Wire, item: Wire | None = None) -> None:
        """Ends the open block. `item`: the complete block, where it is not the sum of its deltas."""
        ...

    def other(self, name: str, raw: Wire) -> None: ...
    def end(self, delta: Wire, usage: Wire, beside: Wire, last: Wire) -> None: ...
