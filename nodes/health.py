"""How the routes are doing, as one process sees it: a circuit breaker for each, and what was measured lately. Pure; the
clock is the caller's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from hyperinfer.providers.catalogue import Breaker

if TYPE_CHECKING:
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.providers.catalogue import Route

log = logging.getLogger("hyperinfer.health")

HALF_LIFE: Final = 300.0
"""Seconds after which a measurement counts for half as much."""

_FORGOTTEN: Final = 2.0**-6
"""The weight below which measurements say nothing any more: half an hour after a single one."""

_OF_PROVIDER: Final = frozenset(
    {"provider_auth", "provider_overloaded", "provider_rate_limit", "provider_timeout", "provider_unavailable"}
)
_STATUSES: Final = frozenset({401, 402, 408, 429})
"""Those below 500 that do not speak of the request. 403 may: some providers refuse contents by it."""

_USUAL: Final = Breaker()

State = Literal["closed", "open", "half_open"]

Changed: TypeAlias = "Callable[[Vitals, Opening | None], None]"
"""Told of what this process has found out: a breaker was opened, or closed (None)."""


class RouteReport(msgspec.Struct, frozen=True):
    """One route, for an operator. `pause_left`: seconds. `probing`: an attempt is finding out. `openings`: how often its
    breaker was opened by what this process saw. The rest: as in the port."""

    provider: str
    model: str
    state: State
    pause_left: float
    probing: bool
    latency: float | None
    throughput: float | None
    openings: int = 0


class Opening(msgspec.Struct, frozen=True):
    """A breaker was opened, by so many faults or a failed probe, for `pause` seconds."""

    pause: float


def speaks_of_provider(fault: UpstreamFault) -> bool:
    """Whether another request would meet this fault too: not where the provider refuses what this one asks."""
    return fault.code in _OF_PROVIDER and (not 400 <= fault.status < 500 or fault.status in _STATUSES)


class DecayedMean:
    """A mean in which each value counts for half as much after every `HALF_LIFE`."""

    __slots__ = ("_at", "_sum", "_weight")

    def __init__(self) -> None:
        self._sum = self._weight = self._at = 0.0

    def add(self, value: float, now: float) -> None:
        """One more value."""
        left: float = 2.0 ** ((self._at - now) / HALF_LIFE)
        self._sum = self._sum * left + value
        self._weight = self._weight * left + 1.0
        self._at = now

    def at(self, now: float) -> float | None:
        """The mean; None where there was nothing for long."""
        if self._weight * 2.0 ** ((self._at - now) / HALF_LIFE) < _FORGOTTEN:
            return None
        return self._sum / self._weight


class Vitals:
    """One route; see `nodes.ports.RouteHealth`.

    Faults and successes of attempts that began before the breaker's last change say nothing of what is since.
    """

    __slots__ = (
        "_attempts",
        "_changed",
        "_clock",
        "_last_fault",
        "_latency",
        "_probe",
        "_since",
        "_throughput",
        "_until",
        "closed",
        "level",
        "model",
        "openings",
        "pause",
        "provider",
        "settings",
    )

    def __init__(self, provider: str, model: str, settings: Breaker, clock: Callable[[], float], changed: Changed) -> None:
        self.provider, self.model, self.settings = provider, model, settings
        self._clock, self._changed = clock, changed
        self.closed = True
        self.level = 0  # by how much the faults outnumber the successes
        self.pause = 0.0  # of the latest opening
        self.openings = 0
        self._last_fault = 0.0
        self._until = 0.0
        self._attempts = self._since = 0
        self._probe: int | None = None
        self._latency, self._throughput = DecayedMean(), DecayedMean()

    @property
    def state(self) -> State:
        """See the port."""
        if self.closed:
            return "closed"
        return "half_open" if self._clock() >= self._until else "open"

    def usable(self) -> bool:
        """See the port."""
        return self.closed or (self._probe is None and self._clock() >= self._until)

    def pause_left(self) -> float:
        """See the port."""
        return 0.0 if self.closed else max(0.0, self._until - self._clock())

    def latency(self) -> float | None:
        """See the port."""
        return self._latency.at(self._clock())

    def throughput(self) -> float | None:
        """See the port."""
        return self._throughput.at(self._clock())

    def begin(self) -> int:
        """See the port."""
        self._attempts += 1
        if not self.closed and self.usable():
            self._probe = self._attempts
        return self._attempts

    def answered(self, attempt: int) -> None:
        """See the port."""
        if attempt <= self._since:
            return
        if not self.closed:
            log.info("%s, %s: it answers again", self.provider, self.model)
            self.close()
            self._since = attempt - 1  # it may still break off
            self._changed(self, None)
        elif self.level:
            self.level -= 1

    def failed(self, attempt: int, fault: UpstreamFault, *, answered: bool) -> None:
        """See the port."""
        if attempt <= self._since or not self.settings.faults or not speaks_of_provider(fault):
            return
        if not self.closed:
            if attempt == self._probe:
                self._open(min(2 * self.pause, self.settings.longest_pause), fault)
            return
        now = self._clock()
        if now - self._last_fault > self.settings.window:
            self.level = 0
        self._last_fault = now
        self.level += 2 if answered else 1  # the success that it was taken for did not last
        if self.level >= self.settings.faults:
            self._open(self.settings.pause, fault)

    def left(self, attempt: int) -> None:
        """See the port."""
        if attempt == self._probe:
            self._probe = None

    def measured(self, now: float, *, latency: float | None, throughput: float | None) -> None:
        """See the port."""
        if latency is not None:
            self._latency.add(latency, now)
        if throughput is not None:
            self._throughput.add(throughput, now)

    def open(self, seconds: float, pause: float) -> None:
        """Half-open in so many seconds. `pause`: what the next one is twice of."""
        self.closed, self.level, self.pause = False, 0, pause
        self._until = self._clock() + seconds
        self._since, self._probe = self._attempts, None

    def close(self) -> None:
        """Open no more."""
        self.closed, self.level = True, 0
        self._since, self._probe = self._attempts, None

    def report(self) -> RouteReport:
        """For an operator."""
        probing = self._probe is not None
        return RouteReport(
            self.provider,
            self.model,
            self.state,
            self.pause_left(),
            probing,
            self.latency(),
            self.throughput(),
            self.openings,
        )

    def _open(self, pause: float, fault: UpstreamFault) -> None:
        if fault.retry_after is not None:
            pause = max(pause, min(fault.retry_after, self.settings.longest_pause))
        log.warning(
            "%s, %s: left alone for %g s, after %s: %s",
            self.provider,
            self.model,
            pause,
            fault.code,
            fault.detail or fault.message,
        )
        self.openings += 1
        self.open(pause, pause)
        self._changed(self, Opening(pause))


def _untold(_: Vitals, __: Opening | None) -> None:
    """For those who share with nobody."""


class LocalHealth:
    """The port `nodes.ports.Health`, for one process. `clock`: steady, in seconds (`trio.current_time`). `changed` may be
    set at any time, by who shares what is found out here, with `open` and `close` for what was found out elsewhere."""

    def __init__(self, clock: Callable[[], float], changed: Changed = _untold) -> None:
        self._clock, self.changed = clock, changed
        self._routes: dict[tuple[str, str], Vitals] = {}

    def of(self, route: Route) -> Vitals:
        """See the port."""
        provider = route.provider
        vitals = self._routes.get((provider.name, route.model))
        if vitals is None:
            vitals = self._vitals(provider.name, route.model)
        if vitals.settings is not provider.breaker:  # of a catalogue that was read again
            vitals.settings = provider.breaker
            if not provider.breaker.faults and not vitals.closed:
                vitals.close()
        return vitals

    def open(self, provider: str, model: str, *, seconds: float, pause: float) -> None:
        """A breaker was opened elsewhere, for so many seconds more."""
        vitals = self._vitals(provider, model)
        if vitals.settings.faults:
            vitals.open(seconds, pause)
            log.warning("%s, %s: left alone for %.3g s, as another gateway says", provider, model, seconds)

    def close(self, provider: str, model: str) -> None:
        """It answers again elsewhere."""
        vitals = self._vitals(provider, model)
        if not vitals.closed:
            vitals.close()
            log.info("%s, %s: it answers again, as another gateway says", provider, model)

    def _vitals(self, provider: str, model: str) -> Vitals:
        vitals = self._routes.get((provider, model))
        if vitals is None:
            vitals = Vitals(provider, model, _USUAL, self._clock, self._tell)
            self._routes[provider, model] = vitals
        return vitals

    def _tell(self, vitals: Vitals, opening: Opening | None) -> None:
        self.changed(vitals, opening)

    def report(self) -> tuple[RouteReport, ...]:
        """Every route that was asked for, for an operator."""
        return tuple(vitals.report() for vitals in self._routes.values())
