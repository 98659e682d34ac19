"""fdatasync beside a busy event loop: `python -m hyperinfer.api.store.syncer FD`, its standard input a connected socket.

A process and not a thread, which does not get to run beside a loop that is busy. Started when it is first needed, which
is when a database is late. Each byte on the socket asks for a sync and is answered with one: 0 for done, 1 for failed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.store.writer_client import child_environment

if TYPE_CHECKING:
    from hyperinfer.api.store.journal import JournalFile


class SyncFailed(Exception):
    """The disk did not take it. What the file holds cannot be trusted to be there after a power cut, whatever later
    syncs say (the kernel reports such an error once)."""


class Syncer:
    """Brings one journal to the disk. Callers that come while a sync is under way share the next one."""

    def __init__(self, journal: JournalFile) -> None:
        self._journal = journal
        self._turn = trio.Lock()
        self._stream: trio.SocketStream | None = None
        self._process: trio.Process | None = None
        self._asked = 0
        self._done = 0
        self._failed = False

    async def sync(self) -> None:
        """Returns when everything that was appended before the call is on the disk. Raises SyncFailed, then always."""
        self._asked += 1
        mine = self._asked
        async with self._turn:
            if self._done >= mine:
                return
            covered = self._asked
            # A caller that is cancelled in the middle must not leave an answer on the socket that nobody expects.
            with trio.CancelScope(shield=True):
                await self._sync_once()
            self._done = covered

    async def close_in_turn(self) -> None:
        """The same as `close`, when all who have asked so far have been answered."""
        async with self._turn:
            await self.close()

    async def close(self) -> None:
        """End the process, if there is one. Whoever asks, or still waits, gets SyncFailed."""
        self._failed = True
        await self._end()

    async def _end(self) -> None:
        if self._stream is not None and self._process is not None:
            await self._stream.aclose()
            with trio.CancelScope(shield=True):
                await self._process.wait()

    async def _sync_once(self) -> None:
        if self._failed:
            raise SyncFailed("an earlier sync of this journal failed, or it is closed")
        try:
            stream = self._stream or await self._start()
            if self._failed:  # closed while it was started
                await self._end()
            await stream.send_all(b"\0")
            answer = await stream.receive_some(1)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            answer = b""
        if answer != b"\0":
            self._failed = True
            raise SyncFailed("the journal could not be brought to the disk")

    async def _start(self) -> trio.SocketStream:
        ours, theirs = socket.socketpair()
        descriptor = self._journal.descriptor
        command = [sys.executable, "-P", "-m", "hyperinfer.api.store.syncer", str(descriptor)]
        with theirs:
            self._process = await trio.lowlevel.open_process(
                command, stdin=theirs, stdout=subprocess.DEVNULL, pass_fds=[descriptor], env=child_environment()
            )
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        return self._stream


def main(descriptor: int, peer: socket.socket) -> None:
    """Serve until the peer is gone."""
    # A terminal's Ctrl-C and a service manager's stop reach the whole group. We end when our peer does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with suppress(ConnectionError):
        while peer.recv(1):
            try:
                os.fdatasync(descriptor)
            except OSError:
                peer.sendall(b"\1")
            else:
                peer.sendall(b"\0")


if __name__ == "__main__":
    main(int(sys.argv[1]), socket.socket(fileno=0))
