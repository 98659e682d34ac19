"""What workers are given beside their order, and may change while they serve."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

import trio

log = logging.getLogger("hyperinfer.supervisor")


class ReloadRefused(Exception):
    """What should be loaded cannot be used. The text is for the operator."""


class Configuration(Protocol):
    """Where it comes from."""

    def given(self) -> Mapping[str, object]:
        """That of the moment, for `Hosted` and for its `reload`."""
        ...

    def renew(self) -> str:
        """Reads it again; what the operator is told. Raises ReloadRefused, and everything stays as it was. In a thread, and
        may take its time."""
        ...

    async def wait_changed(self) -> None:
        """Until it should be read again."""
        ...


class Unchanging:
    """There is none."""

    def given(self) -> Mapping[str, object]:
        """Nothing."""
        return {}

    def renew(self) -> str:
        """Raises ReloadRefused."""
        raise ReloadRefused("there is nothing to reload")

    async def wait_changed(self) -> None:
        """For ever."""
        await trio.sleep_forever()


class Reloads:
    """The generations of a configuration, from 0. `refused`: how many were. `report` is told of each of those, and of the
    newest accepted one when somebody says that it has come to all; `over` is called after either, and whatever else became
    of one."""

    def __init__(self, configuration: Configuration, report: Callable[[str], None], over: Callable[[], None]) -> None:
        self.generation = self.refused = 0
        self._configuration, self._report, self._over = configuration, report, over
        self._newer = trio.Event()
        self._turn = trio.Lock()
        self._to_say: str | None = None

    def given(self) -> Mapping[str, object]:
        """The newest generation."""
        return self._configuration.given()

    async def watch(self) -> None:
        """Renews it whenever it has changed; for ever."""
        while True:
            await self._configuration.wait_changed()
            await self.renew()

    async def renew(self) -> None:
        """Another generation, unless it is refused."""
        async with self._turn:
            await self._renew()

    async def _renew(self) -> None:
        try:
            self._to_say = await trio.to_thread.run_sync(self._configuration.renew, abandon_on_cancel=True)
        except ReloadRefused as refusal:
            self.refused += 1
            self._report(f"not reloaded, the configuration stays as it was: {refusal}")
            self._over()
        except Exception:
            log.exception("reloading failed; the configuration stays as it was")
            self._over()
        else:
            self.generation += 1
            self._newer.set()
            self._newer = trio.Event()

    async def newer_than(self, generation: int) -> None:
        """Until there is one."""
        while self.generation <= generation:
            await self._newer.wait()

    def has_arrived(self, taken: int, workers: int) -> None:
        """All workers that serve were given the newest generation, and so many go on with it, the others with what they had.
        Workers that do not serve yet will have it."""
        said, self._to_say = self._to_say, None
        if said is None:
            return
        if workers and not taken:
            said = "not reloaded: no worker could take the new configuration; those that start have it"
        elif taken < workers:
            said += f"\nwarning: {workers - taken} of {workers} workers keep the old one; those that start have the new"
        self._report(said)
        self._over()
