"""Stands between a gateway and a server, and cuts the connection in the middle of a command or of its answer, or is slow."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

Part = Literal["command", "answer"]


@dataclass(frozen=True)
class Cut:
    """The next command that has `mark` in it is cut behind so many bytes of it, or its answer behind so many of that."""

    mark: bytes
    part: Part
    behind: int


@final
class CuttingProxy:
    """By TCP, to a server's unix socket. `delay`: so many seconds late is every answer. Its attributes may be changed at any
    time."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._due: Cut | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.delay = 0.0
        self.port: int = self._listener.getsockname()[1]
        self.cuts_made = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, mark: bytes, part: Part, behind: int) -> None:
        """See Cut: once, in place of one that has not come yet."""
        with self._lock:
            self._due = Cut(mark, part, behind)

    @property
    def cut_is_due(self) -> bool:
        """Whether the last one has not come yet."""
        return self._due is not None

    def close(self) -> None:
        """No new connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(str(self._server))
                except OSError:
                    _reset(client)
                    server.close()
                    continue
                link = _Link(self, client, server)
                for work in (link.commands, link.answers):
                    threading.Thread(target=work, daemon=True).start()

    def take_cut(self, data: bytes) -> Cut | None:
        """The one that is due, where these bytes are its command: it is not due any more."""
        with self._lock:
            due = self._due
            if due is None or due.mark not in data:
                return None
            self._due = None
            self.cuts_made += 1
            return due


@final
class _Link:
    """One connection."""

    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._left: int | None = None  # bytes of answers that go through before the cut

    def commands(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(1 << 20):
                cut = self._proxy.take_cut(data)
                if cut is not None and cut.part == "command":
                    self._server.sendall(data[: cut.behind])
                    break
                if cut is not None:
                    self._left = cut.behind
                self._server.sendall(data)
        self._end()

    def answers(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(1 << 20):
                if self._proxy.delay:
                    time.sleep(self._proxy.delay)
                if self._left is not None:
                    self._client.sendall(data[: self._left])
                    self._left -= len(data)
                    if self._left <= 0:
                        break
                    continue
                self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        _reset(self._client)
        self._server.close()


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextlib.contextmanager
def cutting_proxy(server: Path) -> Generator[CuttingProxy]:
    """One for as long as the block runs."""
    proxy = CuttingProxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
