"""Requests that come faster than the gateway can answer: what it still answers, how soon, and how soon others are told.

They come at a steady rate, whatever becomes of those before them; the time of each counts from when it was due. A row is for
one rate, as a multiple of what the same gateway answers in a second of CPU time to sixteen connections that each wait for
their answer. One for which all connections are still busy is not sent, and counted. What is answered is also told for a
second of CPU time, as a part of that: on a busy machine the only true figure.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from benchmarks.gateway.measure import Ask, Run, load
from benchmarks.gateway.processes import cpu_seconds, program, raise_file_limit, resident_mb, tree
from benchmarks.gateway.serving import Gateway, catalogue, gateway
from benchmarks.gateway.spreads import spread

CONNECTIONS = 1000
SECONDS = 2.5
WARM = 0.7
IN_FLIGHT = 64
TIMES = (0.8, 2.0, 4.0)
_LENGTH = re.compile(rb"content-length: (\d+)")


class Connection:
    """One that is kept alive. `due`: when the request under way should have been sent."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.due = sock, 0.0
        self._data = b""

    def read(self) -> int:
        """The status of an answer that is here to its end, 0 while it is not. Raises OSError at the end."""
        data = self._data + self.sock.recv(65536)
        if not data:
            raise OSError("closed")
        head, found, body = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            self._data = data
            return 0
        self._data = b""
        return int(head[9:12])


class Open:
    """A load that does not wait for answers."""

    def __init__(self, port: int, request: bytes, rate: float, pids: list[int]) -> None:
        self._pids = pids
        self.cpu = 0.0
        self._port, self._request, self._rate = port, request, rate
        self._poll = select.epoll()
        self._all: dict[int, Connection] = {}
        self._free: deque[Connection] = deque()
        self.times: dict[int, list[float]] = {}
        self.unsent = self.broken = 0
        self._counting = False

    def run(self) -> float:
        """Seconds that counted. `cpu`: of the gateway's in them."""
        for _ in range(CONNECTIONS):
            self._connect()
        began = due = time.monotonic()
        counted, end = began + WARM, began + WARM + SECONDS
        interval = 1 / self._rate
        while (now := time.monotonic()) < end:
            if not self._counting and now >= counted:
                self._counting, counted, self.cpu = True, now, cpu_seconds(self._pids)
            while due <= now:
                self._ask(due)
                due += interval
            for number, _ in self._poll.poll(max(0.0, due - now)):
                self._answered(self._all[number])
        self.cpu = cpu_seconds(self._pids) - self.cpu
        seconds = time.monotonic() - counted
        for each in self._all.values():
            each.sock.close()
        return seconds

    def _connect(self) -> None:
        sock = socket.create_connection(("127.0.0.1", self._port))
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self._all[sock.fileno()] = Connection(sock)
        self._poll.register(sock, select.EPOLLIN)
        self._free.append(connection)

    def _ask(self, due: float) -> None:
        if not self._free:
            self.unsent += self._counting
            return
        connection = self._free.popleft()
        connection.due = due
        try:
            connection.sock.send(self._request)
        except OSError:
            self._lost(connection)

    def _answered(self, connection: Connection) -> None:
        try:
            status = connection.read()
        except BlockingIOError:
            return
        except OSError:
            self._lost(connection)
            return
        if status:
            if self._counting:
                self.times.setdefault(status, []).append(time.monotonic() - connection.due)
            self._free.append(connection)

    def _lost(self, connection: Connection) -> None:
        self.broken += self._counting
        del self._all[connection.sock.fileno()]
        connection.sock.close()
        self._connect()


def overload(edge: str, core: int, other: int) -> Iterator[dict[str, Any]]:
    """A row for each rate, with few requests let in at once; and one with as many as there are connections."""
    raise_file_limit()
    with program("upstream", core=other) as upstream, program("load", core=other) as tool:
        port = int(upstream.line())
        for in_flight in (IN_FLIGHT, 10_000):
            config = catalogue(port, in_flight=in_flight)
            with gateway(f"--edge {edge}", edge, port, core, config=config) as target:
                ask = target.ask("openai_chat", "openai_chat", "burst-100", streamed=False)
                load(tool, target, ask, Run(seconds=0.5))
                alone = load(tool, target, ask, Run(seconds=1.5))
                peak = alone["completed"] / alone["cpu"]
                for times in TIMES if in_flight == IN_FLIGHT else TIMES[-1:]:
                    yield _row(target, ask, peak, times, in_flight)


def _row(target: Gateway, ask: Ask, peak: float, times: float, in_flight: int) -> dict[str, Any]:
    head = f"POST {ask.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n".encode()
    head += b"".join(b"%b: %b\r\n" % (name.encode(), value.encode()) for name, value in ask.headers.items())
    request, pids = head + b"content-length: %d\r\n\r\n" % len(ask.body) + ask.body, tree(*target.pids)
    coming = Open(target.port, request, peak * times, pids)
    seconds = coming.run()
    answered, told = coming.times.get(200, []), coming.times.get(529, [])
    others = sum(len(found) for status, found in coming.times.items() if status not in (200, 529))
    good, refused = spread(answered), spread(told)
    return {
        "group": "overload",
        "name": f"{times:g} × its rate" + ("" if in_flight == IN_FLIGHT else ", nothing refused"),
        "offered": round(peak * times),
        "answered": round(len(answered) / seconds),
        "of_peak": round(len(answered) / coming.cpu / peak, 2),
        "share": round(coming.cpu / seconds, 2),
        "refused": round(len(told) / seconds),
        "unsent": round(coming.unsent / seconds),
        "good_p50_ms": round(good.get("p50", 0) * 1000, 1),
        "good_p99_ms": round(good.get("p99", 0) * 1000, 1),
        "told_p50_ms": round(refused.get("p50", 0) * 1000, 1),
        "told_p99_ms": round(refused.get("p99", 0) * 1000, 1),
        "worker_mb": round(max(map(resident_mb, pids))),
        "errors": coming.broken + others,
    }
