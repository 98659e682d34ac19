"""Ctrl-C while a command runs, and SIGHUP while a server starts.

Python raises KeyboardInterrupt wherever the main thread happens to be. In a destructor or a callback, such as those with
which the import system frees its locks, it is printed and forgotten, and the command goes on as if nothing had been said;
in trio's own finalizers it leaves a traceback. So it is not raised: before there is anything to undo the program ends on
the spot, and what trio runs is cancelled.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from hyperinfer.api.cli.invocation import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    import trio

    from hyperinfer.api.cli.output import Output

T = TypeVar("T")

_WORDS: Final = b"error: interrupted\n"
_DOCUMENT: Final = b'{"error":{"code":"interrupted","message":"interrupted"}}\n'


@contextmanager
def ends_at_once(output: Output) -> Generator[None]:
    """Within it the process ends at SIGINT, says so, and does nothing more. No change for a caller that has a handler of
    its own, or is not the main thread."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def end(number: int, frame: object) -> None:
        # No stream, and nothing that is imported: any of them may be what was interrupted.
        os.write(2, _DOCUMENT if output.json else _WORDS)
        os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def passes_over_hangups() -> Generator[None]:
    """Within it SIGHUP does not end the process: for a server, before its supervisor hears it. What it asks for comes by
    itself, as the catalogue is read later, and looked at while it serves. No change for a caller that has other plans for
    it, or is not the main thread."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def run_until_interrupted(work: Callable[[], Awaitable[T]]) -> T:
    """`trio.run`, cancelled by the first SIGINT. Raises KeyboardInterrupt then, and what the work raises."""
    import outcome
    import trio

    async def listen(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
        async for _ in signals:
            scope.cancel()

    async def run() -> T:
        if threading.current_thread() is not threading.main_thread():
            return await work()
        with trio.open_signal_receiver(signal.SIGINT) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(listen, signals, nursery.cancel_scope)
                # Captured, so that the nursery makes no group of what it raises.
                ended = await outcome.acapture(work)
                interrupted = nursery.cancel_scope.cancel_called
                nursery.cancel_scope.cancel()
        if interrupted and isinstance(ended, outcome.Error):
            raise KeyboardInterrupt
        return ended.unwrap()

    return trio.run(run)
