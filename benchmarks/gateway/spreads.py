"""Medians and spreads."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float]) -> dict[str, float]:
    """How many values there are, and how large they are in the middle and at the top. Empty without any."""
    if not values:
        return {}
    ordered = sorted(values)
    last = len(ordered) - 1
    places = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}
    return {"count": len(ordered), **{name: ordered[round(last * place)] for name, place in places.items()}}


def median(values: Sequence[float]) -> float:
    """The middle one; 0 without any."""
    return statistics.median(values) if values else 0.0
