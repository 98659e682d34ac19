"""How routes are doing, as a test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperinfer.providers.catalogue import Route


@dataclass
class ToldHealth:
    """By the upstream's name of the model. `measures`: both latency and throughput."""

    measures: dict[str, float | None] = field(default_factory=dict[str, "float | None"])
    unusable: set[str] = field(default_factory=set[str])

    def of(self, route: Route) -> _Told:
        """See the port."""
        return _Told(self, route.model)


@dataclass
class _Told:
    health: ToldHealth
    name: str

    def usable(self) -> bool:
        return self.name not in self.health.unusable

    def latency(self) -> float | None:
        return self.health.measures.get(self.name)

    def throughput(self) -> float | None:
        return self.health.measures.get(self.name)
