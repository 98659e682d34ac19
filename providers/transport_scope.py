"""A cancel scope that costs an alarm: for code that waits for one exchange with an upstream, and for nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from hyperinfer.providers.transport_hearing import Sockets


class ExchangeScope:
    """Does for one exchange what trio's cancel scope does for any code. Usable once, in a block.

    Cancelled, or at its `deadline` (trio's clock), it closes the connection: whoever waits for that gets the
    `httpx2.TransportError` of a connection that was closed, which goes no further than the block. What waits for anything
    else goes on.
    """

    __slots__ = ("_alarm", "_close", "cancelled_caught")

    def __init__(self, sockets: Sockets) -> None:
        self._alarm = sockets.alarm(self.cancel)
        self._close: Callable[[], None] | None = None
        self.cancelled_caught = False
        """Whether it was cancelled, or its deadline passed, within the block."""

    @property
    def deadline(self) -> float:
        return self._alarm.due

    @deadline.setter
    def deadline(self, due: float) -> None:
        self._alarm.set(due)

    def cancel(self) -> None:
        """Closes the connection; at once, if there is one."""
        self.cancelled_caught = True
        if self._close is not None:
            self._close()

    def holds(self, close: Callable[[], None]) -> None:
        """What closes the connection, or ends the attempt to have one, from here on. For the transport."""
        self._close = close
        if self.cancelled_caught:
            close()

    def __enter__(self) -> ExchangeScope:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self._alarm.end()
        self._close = None
        return self.cancelled_caught and isinstance(error, httpx2.TransportError)
