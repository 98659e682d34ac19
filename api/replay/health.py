"""How routes were doing when a request was recorded: well enough to be asked where they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.engine.recording import Attempt
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.providers.catalogue import Route


class RecordedHealth:
    """The port `nodes.ports.Health`: of all routes the one can be used that was asked next.

    So the same routes are asked in the same order, whatever chose them then: weights, breakers, what had been measured, or
    where the conversation was served before. `next`: the attempt that was made next, None after the last one. `any`: whether
    any was made.
    """

    def __init__(self, next: Callable[[], Attempt | None], *, any: bool) -> None:
        self._next, self._any = next, any

    def of(self, route: Route) -> _RouteHealth:
        """See the port."""
        return _RouteHealth(self, route)

    def asked_next(self, route: Route) -> bool:
        """Whether it was."""
        if not self._any:
            return True
        attempt = self._next()
        return attempt is not None and (attempt.provider, attempt.model) == (route.provider.name, route.model)


class _RouteHealth:
    closed = False

    def __init__(self, health: RecordedHealth, route: Route) -> None:
        self._health, self._route = health, route

    def usable(self) -> bool:
        return self._health.asked_next(self._route)

    def pause_left(self) -> float:
        return 0.0

    def latency(self) -> float | None:
        return None

    def throughput(self) -> float | None:
        return None

    def begin(self) -> int:
        return 0

    def answered(self, attempt: int) -> None:
        pass

    def failed(self, attempt: int, fault: UpstreamFault, *, answered: bool) -> None:
        pass

    def left(self, attempt: int) -> None:
        pass

    def measured(self, now: float, *, latency: float | None, throughput: float | None) -> None:
        pass
