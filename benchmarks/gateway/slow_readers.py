"""Clients that read slowly: what their streams hold of memory, ours and the kernel's, while the provider could give more.

Clients and upstream are one process, on a core of its own. Each client takes 4 kB of its stream in each second; the upstream
writes without end, as fast as it is taken.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.gateway.leaving import Phase, catalogue
from benchmarks.gateway.leaving_upstream import STREAM
from benchmarks.gateway.processes import raise_file_limit, resident_mb, tree
from benchmarks.gateway.serving import gateway
from benchmarks.gateway.sockets import Held, held
from benchmarks.gateway.spreads import spread
from benchmarks.gateway.wire import chunk, script

STREAMS = 2000
RATE = 4096
"""Bytes that a client reads in a second."""
SECONDS = 6.0
"""Of reading, after all streams were opened."""
AT_ONCE = 64
CLIENT_BUFFER = 4096
"""Of the client's own kernel: what it does not read is to be felt by the gateway."""
UPSTREAM_BUFFER = 32 * 1024
"""Of the upstream's: left alone it grows to megabytes for each connection, until the kernel is short of memory for all."""
FLOOD = Phase(name="flood", mode="flood", stream=True)


class Writer:
    """A connection of the upstream: takes one request, then writes without end."""

    def __init__(self, sock: socket.socket, opening: bytes, data: bytes) -> None:
        self.sock = sock
        self.began = False
        self._asked = b""
        self._opening = opening
        self._data, self._left = data, memoryview(b"")

    def read(self) -> bool:
        """What came. False at the end."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._asked += data
        head, mark, body = self._asked.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if mark and length is not None and len(body) >= int(length[1]):
            self.began, self._left, self._asked = True, memoryview(self._opening + self._data), b""
        return bool(data)

    def write(self) -> None:
        """As much as the socket takes."""
        try:
            while True:
                self._left = self._left[self.sock.send(self._left) :] or memoryview(self._data)
        except OSError:
            pass


class Reader:
    """A client. `due`: when it reads next."""

    def __init__(self, sock: socket.socket, due: float) -> None:
        self.sock, self.due = sock, due
        self.received = 0
        self.latest = 0.0

    def read(self, now: float) -> None:
        """Its share of a second."""
        self.due += 1.0
        try:
            data = self.sock.recv(RATE)
        except BlockingIOError:
            return
        if not data:
            raise RuntimeError("a slow client was dropped")
        self.received += len(data)
        self.latest = now


class Loop:
    """All of them."""

    def __init__(self) -> None:
        words = script("openai_chat")
        self._opening = STREAM + b"".join(map(chunk, words.opening))
        self._data = b"".join(map(chunk, words.deltas)) * 8
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._writers: dict[int, Writer] = {}
        self.readers: list[Reader] = []

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def writing(self) -> int:
        """Streams that have begun."""
        return sum(each.began for each in self._writers.values())

    def open(self, port: int, request: bytes, count: int) -> None:
        """So many more clients."""
        until = len(self.readers) + count
        for number in range(count):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CLIENT_BUFFER)
            sock.connect(("127.0.0.1", port))
            sock.sendall(request)
            sock.setblocking(False)
            self.readers.append(Reader(sock, time.monotonic() + number / count))
        while self.writing < until:
            self.go_on(0.01)

    def go_on(self, seconds: float) -> None:
        """For a while."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            for reader in self.readers:
                if reader.due <= now:
                    reader.read(now)
            for number, events in self._poll.poll(0.01):
                if number == self._listener.fileno():
                    self._accept()
                else:
                    self._serve(self._writers[number], events)

    def close(self) -> None:
        for sock in (*(each.sock for each in self.readers), *(each.sock for each in self._writers.values()), self._listener):
            sock.close()

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UPSTREAM_BUFFER)
        self._writers[sock.fileno()] = Writer(sock, self._opening, self._data)
        self._poll.register(sock, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def _serve(self, writer: Writer, events: int) -> None:
        if events & ~select.EPOLLOUT and not writer.read():
            del self._writers[writer.sock.fileno()]
            writer.sock.close()
        elif writer.began:
            writer.write()


def slow_readers(edge: str, core: int, count: int = STREAMS) -> Iterator[dict[str, Any]]:
    """One row. The gateway runs on `core`, this process is to be on another."""
    raise_file_limit()
    loop = Loop()
    with gateway(f"--edge {edge}", edge, loop.port, core, config=catalogue(loop.port)) as target:
        pids = tree(*target.pids)
        for number in range(AT_ONCE):  # warm, and not counted
            loop.open(target.port, FLOOD.request(b"mark-%d" % number), 1)
        before = max(map(resident_mb, pids))
        began = time.monotonic()
        for first in range(0, count, AT_ONCE):
            loop.open(target.port, FLOOD.request(b"mark-0"), min(AT_ONCE, count - first))
        opened = time.monotonic() - began
        loop.go_on(SECONDS)
        yield _row(edge, loop, count, opened, max(map(resident_mb, pids)) - before, list(held()), target.port)
        loop.close()


def _row(edge: str, loop: Loop, count: int, opened: float, grown: float, ends: list[Held], port: int) -> dict[str, Any]:
    clients = [each for each in ends if each.local == port]
    upstream = [each for each in ends if each.remote == loop.port]
    sending = spread([each.sending / 1000 for each in clients])
    receiving = spread([each.receiving / 1000 for each in upstream])
    own = grown * 1.048576 * 1000 / count
    now = time.monotonic()
    return {
        "group": "slow",
        "name": f"--edge {edge}, {count} clients",
        "opened_s": round(opened, 1),
        "own_kb": round(own, 1),
        "sending_kb": round(sending["p50"]),
        "sending_max_kb": round(sending["max"]),
        "send_limit_kb": round(max(each.send_buffer for each in clients) / 1000),
        "held_kb": round(own + max(each.send_buffer for each in clients) / 1000),
        "receiving_kb": round(receiving["p50"]),
        "receiving_max_kb": round(receiving["max"]),
        "closed": sum(each.window_closed for each in ends if each.local == loop.port),
        "silent": sum(now - each.latest > 2.5 for each in loop.readers),
    }
