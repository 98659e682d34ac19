"""Breakers of routes in Redis: what one gateway finds out of a provider, all others know about a second later.

A breaker that opens is told at once, as one that closes; what others have told is asked for every second, in the same
exchange. While Redis is away each gateway goes on with what it knows and finds out, and tells it afterwards. A Redis that
was emptied is told again what each gateway knows. Half-open ones are probed by each process for itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, final

import msgspec
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.scripts import Command

if TYPE_CHECKING:
    from hyperinfer.api.store.keys import Entropy
    from hyperinfer.api.store.remote.bridge import Actor
    from hyperinfer.nodes.health import LocalHealth, Opening, Vitals

log = logging.getLogger("hyperinfer.health")

EVERY_SECONDS: Final = 1.0
KEEP_SECONDS: Final = 600.0
"""So long after its pause an opening is kept that nobody has closed: no request came since."""
_PLACE: Final = "hi:breakers"


class _Opened(msgspec.Struct, frozen=True):
    """A route that is left alone. `opening`: a name of its own. `until`: on our clock."""

    opening: str
    until: float
    pause: float


class _Closed(msgspec.Struct, frozen=True):
    """An opening that is over."""

    opening: str


@final
class SharedBreakers:
    """Keeps the breakers of one process at what all know. `redis`: the actor that asks it. `clock`: that of `health`."""

    def __init__(self, health: LocalHealth, redis: Actor[Any, Any], clock: Callable[[], float], entropy: Entropy) -> None:
        self._health, self._redis, self._clock, self._entropy = health, redis, clock, entropy
        self._life = ""
        self._known: dict[str, _Opened] = {}  # the openings that count, by route
        self._untold: dict[str, _Opened | _Closed] = {}
        self._news = trio.Event()
        health.changed = self._changed

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self._news = trio.Event()
            try:
                await self.exchange()
            except (StoreUnavailable, TimeoutError, Busy):
                await trio.sleep(EVERY_SECONDS)  # told again then
            except Exception:
                log.exception("sharing what is known of routes")
                await trio.sleep(EVERY_SECONDS)
            else:
                with trio.move_on_after(EVERY_SECONDS):
                    await self._news.wait()

    async def exchange(self) -> None:
        """Tells what is new here, and takes over what is new elsewhere. Raises StoreUnavailable, TimeoutError or Busy."""
        telling, now = dict(self._untold), self._clock()
        arguments: list[str | int] = [self._entropy(8).hex(), *_milliseconds(KEEP_SECONDS)]
        for route, told in telling.items():
            arguments += [route, told.opening]
            arguments += ["", ""] if isinstance(told, _Closed) else _milliseconds(told.until - now, told.pause)
        life, *flat = await self._redis.ask(Command("breakers", (_PLACE,), tuple(arguments)))
        for route, told in telling.items():
            if self._untold.get(route) is told:
                del self._untold[route]
        now = self._clock()
        heard = {
            flat[at].decode(): _Opened(flat[at + 1].decode(), now + int(flat[at + 2]) / 1000, int(flat[at + 3]) / 1000)
            for at in range(0, len(flat), 4)
        }
        self._take_over(life.decode(), telling, heard)

    def _take_over(self, life: str, telling: Mapping[str, _Opened | _Closed], heard: Mapping[str, _Opened]) -> None:
        if life != self._life:
            if self._life:  # it was emptied
                for route in self._known.keys() - heard.keys():
                    self._untold.setdefault(route, self._known[route])
                    self._news.set()
            self._life = life
        for route, opening in heard.items():
            known, own = self._known.get(route), telling.get(route)
            if route in self._untold or (known is not None and known.opening == opening.opening):
                continue
            self._known[route] = opening
            if own is None or own.opening != opening.opening:
                self._health.open(*_names(route), seconds=max(0.0, opening.until - self._clock()), pause=opening.pause)
        for route in self._known.keys() - heard.keys() - self._untold.keys():
            del self._known[route]
            self._health.close(*_names(route))

    def _changed(self, vitals: Vitals, opening: Opening | None) -> None:
        route = _route(vitals.provider, vitals.model)
        if opening is not None:
            self._untold[route] = _Opened(self._entropy(8).hex(), self._clock() + opening.pause, opening.pause)
        elif (known := self._known.get(route)) is not None:
            self._untold[route] = _Closed(known.opening)
        else:
            self._untold.pop(route, None)
        self._news.set()


def _route(provider: str, model: str) -> str:
    return msgspec.json.encode((provider, model)).decode()


def _names(route: str) -> tuple[str, str]:
    return msgspec.json.decode(route, type=tuple[str, str])


def _milliseconds(*seconds: float) -> list[int]:
    return [round(each * 1000) for each in seconds]
