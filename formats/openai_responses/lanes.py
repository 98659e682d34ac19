"""Blocks that arrive at the same time, put one after the other.

A lane collects the events of one output item, or of one part of a message. Clients see one open block at a time: the
events of the lane that is on stage go straight out, those of the others wait until it has left. `Stage` has the lanes of
one level.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats.backlog import Backlog
    from hyperinfer.formats.events import Event


class HeldEvents(deque["Event"]):
    """Events of a lane that waits, counted. `append` raises `PeerError` past the bounds of the backlog."""

    __slots__ = ("_backlog", "_lane")

    def __init__(self, lane: Lane, backlog: Backlog) -> None:
        super().__init__()
        self._lane, self._backlog = lane, backlog
        backlog.hold(lane, 0)

    def append(self, event: Event) -> None:
        self._backlog.hold(self._lane, len(msgspec.json.encode(event)))
        super().append(event)

    def extend(self, events: Iterable[Event]) -> None:
        for event in events:
            self.append(event)


class Lane:
    """What takes turns on a stage. `order`: its place among those that wait."""

    __slots__ = ("left", "order", "out")

    def __init__(self, order: int) -> None:
        self.order = order
        self.left = False
        self.out: deque[Event] = deque()

    def attach(self, out: deque[Event]) -> None:
        """From now on the lane writes to `out`; what it held goes there first."""
        out.extend(self.out)
        self.out = out

    def wait(self, out: deque[Event]) -> None:
        """From now on the lane writes to `out`, which waits."""
        self.out = out

    def detach(self) -> None:
        """The lane comes back after it had left: what it says now waits again."""
        self.left = False
        self.out = deque()


class Stage:
    """Lets one lane write to `out` at a time."""

    __slots__ = ("_backlog", "_waiting", "current", "out")

    def __init__(self, out: deque[Event], backlog: Backlog) -> None:
        self.out = out
        self._backlog = backlog
        self.current: Lane | None = None
        self._waiting: list[Lane] = []

    @property
    def has_waiting(self) -> bool:
        """Whether a lane waits for its turn."""
        return bool(self._waiting)

    def enter(self, lane: Lane) -> None:
        """A lane that has something to say. It goes on stage if that is free."""
        if self.current is None:
            self.current = lane
            lane.attach(self.out)
        else:
            self._waiting.append(lane)
            lane.wait(HeldEvents(lane, self._backlog))

    def leave(self, lane: Lane) -> None:
        """The lane has said all. The waiting ones follow, lowest order first, as far as they have left, too."""
        lane.left = True
        while self.current is not None and self.current.left:
            self.current = None
            if self._waiting:
                follower = min(self._waiting, key=lambda waiting: waiting.order)
                self._waiting.remove(follower)
                self.current = follower
                self._backlog.free(follower)
                follower.attach(self.out)

    def redirect(self, out: deque[Event]) -> None:
        """The stage itself is now heard somewhere else: its owner came on stage one level up."""
        self.out = out
        if self.current is not None:
            self.current.out = out
