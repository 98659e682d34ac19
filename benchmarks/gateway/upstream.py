"""The mock upstream: a process that answers in all three protocols with prepared bytes.

    python -m benchmarks.gateway.upstream

It says its port on standard output, and ends with its standard input. One loop over epoll, without a framework: what it
costs is taken from the load generator's core, and must not be what is measured. The first part of the path says how it
answers a request:

* `burst-N`: a whole reply, or a stream of N deltas in one write;
* `paced-R-N`: a stream of N deltas, R a second, one event a write;
* `idle`: the opening of a stream and one delta, then silence until the other side leaves.
"""

from __future__ import annotations

import heapq
import re
import select
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import httptools

from benchmarks.gateway.processes import raise_file_limit
from benchmarks.gateway.wire import DIALECTS, PATHS, Script, chunk, script, stamp

READ = 256 * 1024
_STREAMED = re.compile(rb'"stream"\s*:\s*true')
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nx-request-id: req_011CSHoEeqs5C35K2UUqR7Fy\r\n%b\r\n"
_STREAM_HEAD = _HEAD % (b"text/event-stream; charset=utf-8", b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n")


class Parser(Protocol):
    """Of httptools, which has no types."""

    def feed_data(self, data: bytes) -> None: ...


def request_parser(target: object) -> Parser:
    """Calls the methods of `target` that have the names of parts of a request."""
    parser: Parser = httptools.HttpRequestParser(target)
    return parser


class Connection:
    """One client: at most one request under way."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self.loop, self.sock = loop, sock
        self.parser = request_parser(self)
        self.waiting = b""  # what the socket did not take yet
        self._url = b""
        self._streamed = False
        self._tail = b""

    # What the parser calls

    def on_message_begin(self) -> None:
        self._streamed, self._tail = False, b""

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        if not self._streamed:
            self._streamed = _STREAMED.search(self._tail + body) is not None
            self._tail = body[-20:]

    def on_message_complete(self) -> None:
        plan = _plan(self._url)
        if plan.pace is None:
            self.send(plan.stream if self._streamed else plan.whole)
        else:
            self.send(plan.stream)
            self.loop.pace(Paced(self, plan.script, *plan.pace))

    def send(self, data: bytes) -> None:
        """All of it, now or when the socket takes it."""
        if self.waiting:
            self.waiting += data
            return
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.loop.drop(self)
            return
        if sent < len(data):
            self.waiting = data[sent:]
            self.loop.watch_writable(self)

    def writable(self) -> None:
        """The socket takes more."""
        data, self.waiting = self.waiting, b""
        self.loop.watch_readable(self)
        self.send(data)


class Paced:
    """A stream that goes on at its own pace."""

    __slots__ = ("_connection", "_left", "_said", "_script", "interval")

    def __init__(self, connection: Connection, script: Script, interval: float, deltas: int) -> None:
        self._connection, self._script, self.interval, self._left = connection, script, interval, deltas
        self._said: list[bytes] = []

    def go_on(self) -> bool:
        """Writes one event. False after the last one."""
        connection = self._connection
        if connection.sock.fileno() < 0:
            return False
        said = stamp()
        self._said.append(said)
        before, after = self._script.delta
        self._left -= 1
        connection.send(chunk(before + said + after))
        if self._left:
            return True
        connection.send(self._script.closing_of(b"".join(self._said)) + b"0\r\n\r\n")
        return False


@dataclass(frozen=True)
class Plan:
    """How a request is answered. `pace`: seconds between events and their number, of a stream that has only begun."""

    script: Script
    whole: bytes
    stream: bytes
    pace: tuple[float, int] | None = None


@cache
def _plan(url: bytes) -> Plan:
    path = url.partition(b"?")[0]
    known = [_script(index) for index, each in enumerate(DIALECTS) if path.endswith(PATHS[each].encode())]
    if not known:
        print(f"the upstream was asked for {url!r}", file=sys.stderr)
        nothing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
        return Plan(_script(0), nothing, nothing)
    found = known[0]
    name, *numbers = path.split(b"/")[1].decode().split("-")
    whole = _HEAD % (b"application/json", b"content-length: %d\r\n" % len(found.whole)) + found.whole
    opening = _STREAM_HEAD + b"".join(map(chunk, found.opening))
    if name == "burst":
        return Plan(found, whole, _STREAM_HEAD + found.stream(int(numbers[0])))
    if name == "paced":
        return Plan(found, whole, opening, (1 / int(numbers[0]), int(numbers[1])))
    return Plan(found, whole, opening + chunk(found.delta[0] + stamp() + found.delta[1]))


@cache
def _script(index: int) -> Script:
    return script(DIALECTS[index])


class Loop:
    """All connections, and when which stream goes on."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._due: list[tuple[float, int, Paced]] = []
        self._number = 0

    def pace(self, paced: Paced) -> None:
        """The first event after one interval."""
        self._number += 1
        heapq.heappush(self._due, (time.monotonic() + paced.interval, self._number, paced))

    def watch_writable(self, connection: Connection) -> None:
        self._poll.modify(connection.sock, select.EPOLLIN | select.EPOLLOUT)

    def watch_readable(self, connection: Connection) -> None:
        self._poll.modify(connection.sock, select.EPOLLIN)

    def drop(self, connection: Connection) -> None:
        number = connection.sock.fileno()
        if number >= 0:
            self._connections.pop(number, None)
            connection.sock.close()

    def run(self) -> None:
        """Until standard input ends."""
        self._poll.register(self._listener, select.EPOLLIN)
        self._poll.register(sys.stdin, select.EPOLLIN)
        end, listener = sys.stdin.fileno(), self._listener.fileno()
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else -1
            for number, events in self._poll.poll(wait):
                if number == listener:
                    self._accept()
                elif number == end:
                    return
                elif (connection := self._connections.get(number)) is not None:
                    self._serve(connection, events)
            self._go_on()

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections[sock.fileno()] = Connection(self, sock)
                self._poll.register(sock, select.EPOLLIN)

    def _serve(self, connection: Connection, events: int) -> None:
        if events & select.EPOLLOUT:
            connection.writable()
        if not events & ~select.EPOLLOUT:
            return
        try:
            data = connection.sock.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            connection.parser.feed_data(data)
        else:
            self.drop(connection)

    def _go_on(self) -> None:
        now, due = time.monotonic(), self._due
        while due and due[0][0] <= now:
            at, number, paced = due[0]
            if paced.go_on():
                heapq.heapreplace(due, (at + paced.interval, number, paced))
            else:
                heapq.heappop(due)


def main() -> None:
    """Serve."""
    raise_file_limit()
    for index in range(len(DIALECTS)):
        _script(index)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        listener.setblocking(False)
        print(listener.getsockname()[1], flush=True)
        Loop(listener).run()


if __name__ == "__main__":
    main()
