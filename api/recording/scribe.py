"""The process that brings recordings to the disk. Started by `scribe_client.py` as
`python -m hyperinfer.api.recording.scribe FOLDER LIMIT`, its orders on the socket at standard input: frames (`orders.py`).

It says `ready` once, and `failed: why` when the disk fails; then it ends. Where its worker is gone, what that was recording
is kept as far as it came.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from hyperinfer.api.recording.folder import OpenRecording, RecordingFolder
from hyperinfer.api.recording.orders import FAILED, READY, Order, read_order
from hyperinfer.api.store.frames import FrameReader, FrameTooLong, frame

_READ: Final = 1 << 18


class Scribe:
    """Writes what it is told to."""

    def __init__(self, folder: RecordingFolder) -> None:
        self._folder = folder
        self._open: dict[int, OpenRecording] = {}

    def obey(self, order: Order) -> None:
        """Raises OSError."""
        if order.name:
            self._open[order.number] = self._folder.begin(order.name)
        if (recording := self._open.get(order.number)) is None:
            return  # begun under a scribe that failed
        recording.append(order.data)
        if order.last:
            del self._open[order.number]
            recording.finish()
            self._folder.make_room(recording.size)

    def leave(self) -> None:
        """Keeps what is there of recordings that are not whole. Raises OSError."""
        while self._open:
            self._open.popitem()[1].finish()


def main(folder: Path, limit: int, peer: socket.socket) -> int:
    """Until the peer is gone (0), or the disk fails (1)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    files = RecordingFolder(folder, limit)
    scribe, inbox = Scribe(files), FrameReader(1 << 31)
    try:
        try:
            files.create()
            files.adopt()
            files.make_room(0)
            files.try_room()
            with contextlib.suppress(ConnectionError):
                peer.sendall(frame(READY))
                while data := peer.recv(_READ):
                    inbox.feed(data)
                    for payload in inbox.take(len(inbox)):
                        scribe.obey(read_order(payload))
        finally:
            scribe.leave()
    except (OSError, FrameTooLong) as error:
        words = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        with contextlib.suppress(OSError):
            peer.sendall(frame(FAILED + f"{folder}: {words}".encode()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), socket.socket(fileno=0)))
