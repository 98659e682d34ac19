"""The worker's side of its scribe: takes what is to be written without ever waiting, and keeps a scribe running.

Where the scribe is slower than the requests, a few megabytes wait for it, and more is not taken. Where it fails, nothing is
recorded until the next one is ready.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.api.recording.orders import FAILED, READY, Order, order_bytes
from hyperinfer.api.store.frames import FrameReader, frame
from hyperinfer.api.store.writer_client import child_environment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

log = logging.getLogger("hyperinfer.recording")

WAITING: Final = 16 * 1024 * 1024
"""Bytes that wait for the scribe. One recording alone may be larger."""

GATHER: Final = 0.02
"""Seconds for which lines are gathered."""

RETRY_SECONDS: Final = 30.0
"""Between a scribe that failed and the next."""

GOODBYE_SECONDS: Final = 5.0
"""How long closing waits for what is to be written, and then for the process."""

_AT_ONCE: Final = 1 << 18


class ScribeClient:
    """One scribe, whichever it is at the moment: `process`. `ready`: whether it is there."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._came, self._idle = trio.Event(), trio.Event()
        self._idle.set()
        self._scope = trio.CancelScope(shield=True)
        self._stream: trio.SocketStream | None = None
        self.process: trio.Process | None = None
        self._closing = False
        self._said = ""
        self.ready = False

    def put(self, order: Order, *, needed: bool = False) -> bool:
        """Have it written. False where too much waits already; what is `needed` is taken all the same."""
        if not self.ready:
            return True  # nobody is there: there is nothing to be cut short either
        if self._size and self._size + len(order.data) > WAITING and not needed:
            return False
        payload = frame(order_bytes(order))
        if not self._waiting:
            self._came.set()
            self._idle = trio.Event()
        self._waiting.append(payload)
        self._size += len(payload)
        return True

    async def keep_running(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """One scribe after the other, until `close`. Started when the first one is ready or has failed. Shielded: what was
        recorded is written, whatever becomes of the tasks around it."""
        started: list[trio.TaskStatus[None]] = [task_status]

        def tell() -> None:
            if started:
                started.pop().started()

        with self._scope:
            while True:
                why = await self._one_life(tell)
                if self._closing:
                    return
                if why != self._said:  # once, however often it is tried
                    self._said = why
                    log.warning("nothing is recorded for now: %s; tried again every %g s", why, RETRY_SECONDS)
                tell()
                await trio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Waits for what is to be written, lets the scribe finish and sees it end; by force when that takes too long."""
        with trio.move_on_after(GOODBYE_SECONDS, shield=True):
            await self._idle.wait()
        self._closing = True
        if self._stream is not None:
            with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                self._stream.socket.shutdown(socket.SHUT_WR)
        with trio.move_on_after(GOODBYE_SECONDS, shield=True):
            if self.process is not None:
                await self.process.wait()
        self._scope.cancel()

    async def _one_life(self, tell: Callable[[], None]) -> str:
        """Until it ends: why."""
        ours, theirs = socket.socketpair()
        self._stream = stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        command = [sys.executable, "-P", "-m", "hyperinfer.api.recording.scribe", os.fspath(self._folder), str(self._limit)]
        try:
            with theirs:
                self.process = process = await trio.lowlevel.open_process(
                    command, stdin=theirs, stdout=subprocess.DEVNULL, env=child_environment()
                )
        except OSError as error:
            await stream.aclose()
            return f"the process that writes cannot be started: {error}"
        why = "the process that writes ended"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, stream)
            async for said in _said(stream):
                if said == READY:
                    self.ready, self._said = True, ""
                    log.info("recording into %s", self._folder)
                    tell()
                elif said.startswith(FAILED):
                    why = said.removeprefix(FAILED).decode("utf-8", "replace")
            nursery.cancel_scope.cancel()
        self.ready = False
        self._waiting.clear()
        self._size = 0
        self._came = trio.Event()
        self._idle.set()
        with trio.CancelScope(shield=True):
            await stream.aclose()
            with trio.move_on_after(GOODBYE_SECONDS):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
        return why

    async def _send(self, stream: trio.SocketStream) -> None:
        waiting = self._waiting
        try:
            while True:
                await self._came.wait()
                if not self._closing:
                    await trio.sleep(GATHER)
                while waiting:
                    batch = [waiting.popleft()]
                    size = len(batch[0])
                    while waiting and size + len(waiting[0]) <= _AT_ONCE:
                        batch.append(waiting.popleft())
                        size += len(batch[-1])
                    await stream.send_all(b"".join(batch))
                    self._size -= size
                self._came = trio.Event()
                self._idle.set()
        except trio.BrokenResourceError:
            pass  # it has ended, and said why


async def _said(stream: trio.SocketStream) -> AsyncGenerator[bytes]:
    """What the scribe says, until it is gone."""
    inbox = FrameReader()
    with suppress(trio.BrokenResourceError):
        while data := await stream.receive_some():
            inbox.feed(data)
            for payload in inbox.take(len(inbox)):
                yield payload


@asynccontextmanager
async def open_scribe_client(folder: Path, limit: int) -> AsyncGenerator[ScribeClient]:
    """Keeps a scribe running for the block. `limit`: bytes of all files of the folder together."""
    client = ScribeClient(folder, limit)
    async with trio.open_nursery() as nursery:
        await nursery.start(client.keep_running)
        try:
            yield client
        finally:
            await client.close()
