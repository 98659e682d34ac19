"""Virtual time and seeded schedules for tests. Everything here that leans on trio's private names is in this file.

A run on `MockClock` with autojump is exact and takes no time, as long as nothing waits outside of trio: a thread or
another process is invisible to the clock, which then jumps to the next deadline. So threads are refused there.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, TypeVar, cast

import trio
import trio.testing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

T = TypeVar("T")

# Pinned by tests/engine/test_virtual.py, which fails when a trio release moves them.
_run_module: Any = cast("Any", trio)._core._run
_threads_module: Any = cast("Any", trio)._threads


class ThreadInVirtualTimeError(AssertionError):
    """`trio.to_thread` was used under a virtual clock, which cannot see it and would jump over it."""


class RealTimeExceededError(AssertionError):
    """A virtual-time run did not come to its end: it waits for something that never happens, or never rests."""


@contextlib.contextmanager
def seeded_schedule(seed: int) -> Generator[None]:
    """Runs inside schedule tasks that are due at one instant in an order that depends on `seed` alone.

    Runs with different seeds explore different orders; a failing seed replays. Not thread-safe, not re-entrant with
    another run in progress.
    """
    before = _run_module._ALLOW_DETERMINISTIC_SCHEDULING, _run_module._r.getstate()
    _run_module._ALLOW_DETERMINISTIC_SCHEDULING = True
    _run_module._r.seed(seed)
    try:
        yield
    finally:
        _run_module._ALLOW_DETERMINISTIC_SCHEDULING = before[0]
        _run_module._r.setstate(before[1])


@contextlib.contextmanager
def refusing_threads() -> Generator[None]:
    """Inside, starting a thread from a run on `MockClock` raises `ThreadInVirtualTimeError`. Other runs are as ever."""
    start = _threads_module.start_thread_soon

    def refuse_or_start(*arguments: Any, **options: Any) -> Any:
        if isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock):
            raise ThreadInVirtualTimeError(
                "trio.to_thread under MockClock: the clock cannot see the thread and would jump over its work; "
                "give the code under test an implementation that needs no thread"
            )
        return start(*arguments, **options)

    _threads_module.start_thread_soon = refuse_or_start
    try:
        yield
    finally:
        _threads_module.start_thread_soon = start


def run_virtual(main: Callable[[], Awaitable[T]], *, seed: int = 0, real_seconds: float = 10.0) -> T:
    """`trio.run(main)` on a virtual clock that starts at 0 and jumps as soon as every task waits.

    The schedule depends on `seed` alone. Raises `RealTimeExceededError` after `real_seconds` of real time (a run
    that never waits at all is beyond its reach), `ThreadInVirtualTimeError` where a thread was used, and what `main`
    raised.
    """
    clock = trio.testing.MockClock(autojump_threshold=0)
    overdue = False

    async def guarded() -> T:
        nonlocal overdue
        token = trio.lowlevel.current_trio_token()
        with trio.CancelScope() as scope:

            def stop() -> None:
                nonlocal overdue
                overdue = True
                scope.cancel()

            def wake() -> None:
                with contextlib.suppress(trio.RunFinishedError):
                    token.run_sync_soon(stop)

            timer = threading.Timer(real_seconds, wake)
            timer.daemon = True
            timer.start()
            try:
                result = await main()
            finally:
                timer.cancel()
            if not overdue:
                return result
        raise RealTimeExceededError(
            f"still running after {real_seconds:g} s of real time, at virtual second {trio.current_time():g}: "
            "every task waits for what never comes, or something never rests"
        )

    with seeded_schedule(seed), refusing_threads():
        return trio.run(guarded, clock=clock)
