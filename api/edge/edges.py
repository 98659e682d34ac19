"""The edges that `--edge` may name: who speaks HTTP with clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.edge.connection import StockEdge
from hyperinfer.api.edge.lean import LeanEdge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperinfer.api.edge.connection import Choose, Serving

EDGES: Mapping[str, Callable[[Serving], Choose]] = {"stock": StockEdge, "lean": LeanEdge}
