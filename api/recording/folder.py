"""The folder of recordings: whole files under names that sort by time, the oldest removed where there are too many.

Any number of writers may share it. A file is written as `NAME.part`, locked, and renamed to `NAME.jsonl` when it is whole;
what a writer that died left behind is taken over by whoever comes next, and reads as cut off.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, final

_NAME: Final = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[A-Za-z0-9_-]+\.(?:jsonl|part)")
"""Of our files. Others in the folder are nobody's business."""

_SPARE: Final = 16
"""So many times less than the limit is kept, and four times less is written before it is looked at again."""

_ROOM: Final = 256 * 1024
"""Bytes that must fit on the disk before anything is recorded."""

_NEW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def file_name(unix: float, request_id: str) -> str:
    """The name of a recording, without its ending. `unix`: seconds."""
    seconds = time.strftime("%Y%m%dT%H%M%S", time.gmtime(unix))
    return f"{seconds}.{int(unix % 1 * 1000):03d}Z-{request_id}"


@final
class OpenRecording:
    """A file that is being written."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor
        self.size = 0

    def append(self, data: bytes) -> None:
        """Raises OSError."""
        while data:
            written = os.write(self._descriptor, data)
            self.size += written
            data = data[written:]

    def finish(self) -> None:
        """It is whole, or will not be. Raises OSError."""
        try:
            self.path.rename(self.path.with_suffix(".jsonl"))
        finally:
            os.close(self._descriptor)


@final
class RecordingFolder:
    """One writer's view of it. `limit`: bytes of all files together."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self._limit = path, limit
        self._unseen = limit  # written since the last look

    def create(self) -> None:
        """Makes it unless it is there, and sees that it can be written to. Raises OSError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            pass

    def try_room(self) -> None:
        """Sees that there is room for more than a few lines. Raises OSError."""
        path = self.path / f".room-{os.getpid()}"
        descriptor = os.open(path, _NEW, 0o600)
        try:
            path.unlink()
            OpenRecording(path, descriptor).append(bytes(_ROOM))
        finally:
            os.close(descriptor)

    def begin(self, name: str) -> OpenRecording:
        """A new file. Raises OSError."""
        path = self.path / f"{name}.part"
        descriptor = os.open(path, _NEW, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return OpenRecording(path, descriptor)

    def adopt(self) -> None:
        """Takes over what writers that are gone have left. Raises OSError."""
        for path in self.path.glob("*.part"):
            if not _NAME.fullmatch(path.name):
                continue
            with suppress(FileNotFoundError, BlockingIOError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if b"\n" in os.read(descriptor, 1 << 26):
                        path.rename(path.with_suffix(".jsonl"))
                    else:
                        path.unlink()
                finally:
                    os.close(descriptor)

    def make_room(self, written: int) -> None:
        """Removes the oldest files where there are more than the limit. `written`: bytes since the last call. Raises
        OSError."""
        self._unseen += written
        if self._unseen < self._limit // (4 * _SPARE):
            return
        self._unseen = 0
        with self._alone():
            sizes = self._sizes()
            size = sum(sizes.values())
            if size <= self._limit - self._limit // _SPARE:
                return
            for name in sorted(sizes):
                if name.endswith(".part"):
                    continue
                with suppress(FileNotFoundError):
                    (self.path / name).unlink()
                size -= sizes[name]
                if size <= self._limit - self._limit // _SPARE:
                    return

    def _sizes(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        with os.scandir(self.path) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name):
                    with suppress(FileNotFoundError):
                        sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
        return sizes

    @contextmanager
    def _alone(self) -> Generator[None]:
        """One writer at a time."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path / ".lock", flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
