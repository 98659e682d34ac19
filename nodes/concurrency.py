"""How many requests one process has at a provider at once, where the catalogue limits that (`concurrency`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.providers.catalogue import Provider

QUEUE_SECONDS: Final = 2.0
"""So long a request waits for a place where no other route has one."""


class Room:
    """The places at one provider. Whoever got one gives it back with `leave`, whatever happens."""

    __slots__ = ("_lot", "limit", "taken")

    def __init__(self, limit: int) -> None:
        self.limit, self.taken = limit, 0
        self._lot = trio.lowlevel.ParkingLot()

    @property
    def full(self) -> bool:
        """Whether whoever comes now would have to wait. Nobody goes before those who wait already."""
        return self.taken >= self.limit or bool(self._lot)

    def enter(self) -> bool:
        """Take a place; False where there is none."""
        if self.full:
            return False
        self.taken += 1
        return True

    async def wait(self, seconds: float) -> bool:
        """The same, for those who can wait so long; the first to come is the first to get one."""
        with trio.move_on_after(seconds):
            await self._lot.park()  # a place is handed over: it stays taken
            return True
        return False

    def leave(self) -> None:
        """Give a place back."""
        if self._lot and self.taken <= self.limit:
            self._lot.unpark()
        else:
            self.taken -= 1

    def resize(self, limit: int) -> None:
        """Another limit: those who wait have what it brings. Who is in stays."""
        self.limit = limit
        while self._lot and self.taken < limit:
            self.taken += 1
            self._lot.unpark()


class Rooms:
    """One for each provider that has a limit."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}

    @property
    def taken(self) -> int:
        """All places together."""
        return sum(room.taken for room in self._rooms.values())

    def each(self) -> Sequence[tuple[str, Room]]:
        """Those that there are, with the names of their providers."""
        return tuple(self._rooms.items())

    def of(self, provider: Provider) -> Room | None:
        """None: it has no limit."""
        limit = provider.concurrency
        if limit is None:
            return None
        room = self._rooms.get(provider.name)
        if room is None:
            room = self._rooms[provider.name] = Room(limit)
        if room.limit != limit:
            room.resize(limit)  # of a catalogue that was read again
        return room
