"""Ending a process without cutting anything off: stop admitting, wait, and only then ask the rest to end itself.

    drain.begin(grace=30)                    # from the signal handler; new work is refused from here on
    left = await drain.finish(last_words=5)  # how much did not end even after the hard end

Work runs inside `async with drain.admitted()`. A stream that can outlive the grace runs inside
`with drain.until_hard_end() as hard_end`; when `hard_end.came`, it still has `last_words` seconds to end well-formed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol, final

import trio

if TYPE_CHECKING:
    from types import TracebackType


class DrainingError(Exception):
    """Refused: the process is draining. The caller may try elsewhere."""


class FullError(Exception):
    """Refused: as much is in flight as may be at once. The caller may try again soon."""


class Cancellable(Protocol):
    """Trio's cancel scope, or whatever else can be ended."""

    def cancel(self) -> None: ...


@final
class HardEnd:
    """A block that is left when the grace is over."""

    __slots__ = ("_drain", "_scope")

    def __init__(self, drain: Drain) -> None:
        self._drain, self._scope = drain, trio.CancelScope()

    def __enter__(self) -> HardEnd:
        self._drain.enter(self._scope)
        self._scope.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self._drain.leave(self._scope)
        return self._scope.__exit__(kind, error, trace)

    @property
    def came(self) -> bool:
        """Whether the block was left because the grace was over; known after the block."""
        return self._scope.cancelled_caught


@final
class _Admitted:
    __slots__ = ("_drain",)

    def __init__(self, drain: Drain) -> None:
        self._drain = drain

    async def __aenter__(self) -> None:
        self._drain.admit()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drain.release()


@final
class Drain:
    """Counts what is in flight, and ends it in an orderly way. One per process; everything on trio's clock."""

    def __init__(self) -> None:
        self._in_flight = 0
        #: More than so much at once is refused. May be changed at any time; what is in flight then stays.
        self.most: float = math.inf
        self._ends_at = math.inf
        self._grace: trio.CancelScope | None = None
        self._idle = trio.Event()
        self._idle.set()
        self._begun = trio.Event()
        self._open: set[Cancellable] = set()
        #: Set when the grace is over and work is left.
        self.hard_end = trio.Event()

    @property
    def in_flight(self) -> int:
        """How many pieces of work are under way."""
        return self._in_flight

    @property
    def is_draining(self) -> bool:
        """Whether `begin` was called."""
        return self._begun.is_set()

    @property
    def ends_at(self) -> float:
        """When the grace ends, on trio's clock; `math.inf` before `begin`."""
        return self._ends_at

    def begin(self, grace: float) -> None:
        """Refuse new work from now on; what runs has `grace` seconds. Called again it may only shorten the grace."""
        self._ends_at = min(self._ends_at, trio.current_time() + grace)
        self._begun.set()
        if self._grace is not None:
            self._grace.deadline = self._ends_at

    async def wait_begun(self) -> None:
        """Wait until `begin` is called."""
        await self._begun.wait()

    async def wait_idle(self) -> None:
        """Wait until nothing is in flight."""
        await self._idle.wait()

    async def finish(self, last_words: float) -> int:
        """After `begin`: wait until idle or the grace ends, then set the hard end and wait `last_words` seconds more.

        Returns how much is still in flight: 0 after a clean drain.
        """
        with trio.CancelScope(deadline=self._ends_at) as self._grace:
            await self.wait_idle()
        if self._in_flight:
            self.hard_end.set()
            for scope in tuple(self._open):
                scope.cancel()
            with trio.move_on_after(last_words):
                await self.wait_idle()
        return self._in_flight

    # ---- for the work -----------------------------------------------------------------------------------------------

    def admitted(self) -> _Admitted:
        """`async with drain.admitted():` counts as in flight. Raises `DrainingError` once a drain has begun, and `FullError`
        while there is no room."""
        return _Admitted(self)

    def until_hard_end(self) -> HardEnd:
        """`with drain.until_hard_end() as hard_end:` is left at the hard end."""
        return HardEnd(self)

    def admit(self) -> None:
        """The entry of `admitted`, for code that cannot use a block."""
        if self._begun.is_set():
            raise DrainingError("draining: no new work is admitted")
        if self._in_flight >= self.most:
            raise FullError(f"{self._in_flight} are in flight: no more is admitted")
        self._in_flight += 1
        if self._in_flight == 1:
            self._idle = trio.Event()

    def release(self) -> None:
        """The exit of `admitted`."""
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    def enter(self, scope: Cancellable) -> None:
        """Have this scope cancelled at the hard end."""
        self._open.add(scope)
        if self.hard_end.is_set():
            scope.cancel()

    def leave(self, scope: Cancellable) -> None:
        """Have it no longer cancelled."""
        self._open.discard(scope)
