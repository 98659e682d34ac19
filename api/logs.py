"""The log of a worker: one line an event on standard error, for a person or a collector.

While requests are served nobody waits for standard error. Lines are written together, a tenth of a second's at once, and
only what it takes: where its reader has stopped, they wait, and beyond a limit they are dropped and counted.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
import time
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import trio

from hyperinfer.api.log_formats import LogFormat, form_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

GATHER: Final = 0.1
"""Seconds for which lines of less than a warning are gathered."""

WAITING: Final = 1024 * 1024
"""Bytes that wait for a reader who has stopped."""

_NOTHING: Final[Mapping[str, Any]] = {}

_AT_ONCE = select.PIPE_BUF
"""Bytes that a pipe takes whole and at once where it takes any (pipe(7)): so lines of several processes stay apart."""


class Lines(logging.Handler):
    """Writes lines to a file descriptor: at once, or inside `gathered` a few together and without ever blocking.
    `dropped`: how many were, in all."""

    def __init__(self, fd: int, format: LogFormat = "text") -> None:
        super().__init__()
        self.form = form_of(format)
        self._fd = fd
        self.setFormatter(self.form)
        self.dropped = 0
        self._waiting: deque[bytes] = deque()
        self._size = self._dropped = 0
        self._thread: int | None = None  # that of the loop, while lines are gathered
        self._came = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """One line, or several where there is a traceback."""
        try:
            line = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
        except Exception:
            self.handleError(record)
            return
        self._take(line, urgent=record.levelno >= logging.WARNING)

    def informs(self, logger: logging.Logger) -> Callable[..., None]:
        """`logger.info` for who says much: the same line, at a quarter of what a record costs. `logger`: one of those that
        have this handler alone. What it gives takes a message and, for JSON, fields that it is to have beside it."""
        name, form, lock = logger.name, self.form, self.lock
        assert lock is not None

        def info(message: str, fields: Mapping[str, Any] = _NOTHING) -> None:
            if logger.isEnabledFor(logging.INFO):
                line = form.info(name, time.time(), message, fields)
                with lock:
                    self._take(line, urgent=False)

        return info

    def _take(self, line: bytes, *, urgent: bool) -> None:
        if self._size + len(line) > WAITING:
            self._write()
            if self._size + len(line) > WAITING:
                self._dropped += 1
                self.dropped += 1
                return
        self._waiting.append(line)
        self._size += len(line)
        if self._thread is None:
            self._write(patience=None)
            return
        of_loop = self._thread == threading.get_ident()
        if urgent or not of_loop:
            self._write()
        if self._waiting and of_loop:
            self._came.set()

    @asynccontextmanager
    async def gathered(self) -> AsyncGenerator[None]:
        """The block in which requests are served."""
        self._thread = threading.get_ident()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._gather)
                yield
                nursery.cancel_scope.cancel()
        finally:
            self._thread = None
            self.flush()

    async def _gather(self) -> None:
        while True:
            await self._came.wait()
            await trio.sleep(GATHER)
            self._locked(0)
            if not self._waiting:
                self._came = trio.Event()

    def flush(self) -> None:
        """Writes what waits. A reader who has stopped is given a second."""
        self._locked(1000)

    def _locked(self, patience: int) -> None:
        self.acquire()
        try:
            self._write(patience)
        finally:
            self.release()

    def _write(self, patience: int | None = 0) -> None:
        """Writes what waits, as far as it is taken. `patience`: milliseconds to wait for that each time, None for ever."""
        if self._dropped and self._size < WAITING // 2:
            notice = logging.LogRecord(
                "hyperinfer.log", logging.WARNING, "", 0, "%d lines were dropped: nobody read them", (self._dropped,), None
            )
            self._dropped = 0
            self._waiting.append(line := self.format(notice).encode() + b"\n")
            self._size += len(line)
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while self._waiting and poll.poll(patience):
            part = self._next_part()
            try:
                os.write(self._fd, part)
            except BlockingIOError:  # another process was faster, at a pipe that never waits
                self._waiting.appendleft(part)
                self._size += len(part)
                return
            except OSError:
                pass  # nobody will ever read it

    def _next_part(self) -> bytes:
        """Whole lines that are taken at once; of a longer one, a part."""
        part = self._waiting.popleft()
        if len(part) > _AT_ONCE:
            self._waiting.appendleft(part[_AT_ONCE:])
            part = part[:_AT_ONCE]
        else:
            while self._waiting and len(part) + len(self._waiting[0]) <= _AT_ONCE:
                part += self._waiting.popleft()
        self._size -= len(part)
        return part


def configure_logging(level: str = "INFO", format: LogFormat = "text") -> Lines:
    """Sends everything that HyperInfer logs, from a level on, to standard error. Called once, by the process that serves."""
    # Not in a line, and a third of what a record costs.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = Lines(sys.stderr.fileno(), format)
    root = logging.getLogger("hyperinfer")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
    return handler
