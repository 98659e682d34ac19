"""The load generator: a process that asks over kept-alive connections and says how long the answers took.

    python -m benchmarks.gateway.load

It takes jobs as lines of JSON (`Job`), says a line of JSON for each (`result`), and ends with its standard input. One loop
over epoll, without a framework, for the same reason as the upstream.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import httptools

from benchmarks.gateway.processes import cpu_seconds, raise_file_limit
from benchmarks.gateway.spreads import spread
from benchmarks.gateway.wire import STAMP, now_us

READ = 256 * 1024
FINISH_SECONDS = 5.0
"""For what is under way at the end of a job; then it is cut."""
STEP = (36_000, 48_000)
"""µs: what a delayed acknowledgement would cost, were it waited for."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to do.

    port, path, headers, body: the request. connections: each with one request under way, repeated until the end of
    `warm` and `seconds`; what comes within the latter counts. `once`: each connection asks once, and they begin evenly
    over `warm`. stamped: events say when they were written. pids: whose CPU time is taken, over the same seconds.
    """

    port: int
    path: str
    headers: dict[str, str]
    body: str
    connections: int
    seconds: float
    warm: float = 0.3
    once: bool = False
    stamped: bool = False
    pids: list[int] = field(default_factory=lambda: list[int]())

    def request(self) -> bytes:
        """The bytes of it."""
        body = self.body.encode()
        lines = [f"POST {self.path} HTTP/1.1", f"host: 127.0.0.1:{self.port}", "content-type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += ["accept: */*", f"content-length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body


class Tally:
    """What was seen while it counted. Times in µs."""

    def __init__(self) -> None:
        self.counting = False
        self.completed = 0
        self.errors = 0
        self.error = ""
        self.frames = 0
        self.latencies: list[int] = []
        self.firsts: list[int] = []
        self.delays: list[int] = []
        self.gaps: list[int] = []

    def result(self, seconds: float, cpu: float) -> dict[str, Any]:
        """As it is said."""
        times = (*self.firsts, *self.delays, *(() if self.delays else self.latencies))
        return {
            "seconds": seconds,
            "cpu": cpu,
            "completed": self.completed,
            "errors": self.errors,
            "error": self.error,
            "frames": self.frames,
            "latency": spread(self.latencies),
            "first": spread(self.firsts),
            "delay": spread(self.delays),
            "gap": spread(self.gaps),
            "steps": sum(STEP[0] <= each <= STEP[1] for each in times),
        }


class Client:
    """One connection."""

    def __init__(self, sock: socket.socket, request: bytes, tally: Tally, *, stamped: bool) -> None:
        self.sock, self._request, self._tally, self._stamped = sock, request, tally, stamped
        self._parser: Any = None
        self._asked = self._heard = 0
        self._latest = self._newest = 0  # when an event came, and what the newest one says of itself
        self._left = memoryview(b"")
        self.done = False

    def ask(self) -> bool:
        """Sends the request. False when the socket does not take all of it yet."""
        self.done = False
        self._parser = httptools.HttpResponseParser(self)
        self._asked, self._heard, self._latest = now_us(), 0, 0
        self._left = memoryview(self._request)
        return self.go_on()

    def go_on(self) -> bool:
        """Sends what is left of the request."""
        while self._left:
            try:
                self._left = self._left[self.sock.send(self._left) :]
            except BlockingIOError:
                return False
        return True

    def read(self) -> None:
        """What came; `done` when it was the end."""
        try:
            data = self.sock.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._fail("the connection ended")
            return
        tally, now = self._tally, now_us()
        self._parser.feed_data(data)
        if not tally.counting:
            self._heard = now
            return
        tally.frames += data.count(b"\n\n")
        if self._stamped and (stamps := self._new_stamps(data)):
            tally.delays += [now - each for each in stamps]
            if self._latest:
                tally.gaps.append(now - self._latest)
            self._latest = now

    def _new_stamps(self, data: bytes) -> list[int]:
        """Of events that were not seen before: some formats say the whole text once more at the end."""
        stamps = [stamp for each in STAMP.findall(data) if (stamp := int(each)) > self._newest]
        if stamps:
            self._newest = stamps[-1]
        return stamps

    def on_body(self, data: bytes) -> None:
        if not self._heard and self._tally.counting:
            self._heard = now_us()
            self._tally.firsts.append(self._heard - self._asked)
        if self._parser.get_status_code() != 200:
            self._tally.error = data[:300].decode(errors="replace")

    def on_message_complete(self) -> None:
        self.done = True
        tally = self._tally
        if self._parser.get_status_code() != 200:
            tally.errors += 1
        elif tally.counting:
            tally.completed += 1
            tally.latencies.append(now_us() - self._asked)

    def _fail(self, why: str) -> None:
        self._tally.errors += 1
        self._tally.error = self._tally.error or why
        self.done = True
        self.sock.close()


class Loop:
    """One job."""

    def __init__(self, job: Job) -> None:
        self._job, self._request = job, job.request()
        self._tally = Tally()
        self._poll = select.epoll()
        self._clients: dict[int, Client] = {}

    def run(self) -> dict[str, Any]:
        """Does it."""
        job, tally = self._job, self._tally
        began = time.monotonic()
        starts = [began + (job.warm * number / job.connections if job.once else 0) for number in range(job.connections)]
        starts.reverse()
        cpu, counted_from = 0.0, began + job.warm
        end = counted_from + job.seconds
        while (now := time.monotonic()) < end:
            while starts and starts[-1] <= now:
                starts.pop()
                self._start()
            if not tally.counting and now >= counted_from:
                tally.counting, counted_from, cpu = True, now, cpu_seconds(job.pids)
                end = now + job.seconds
            soon = min(end if tally.counting else counted_from, starts[-1] if starts else end)
            self._turn(max(0.0, soon - now), again=not job.once)
        tally.counting = False
        seconds, cpu = time.monotonic() - counted_from, cpu_seconds(job.pids) - cpu
        self._finish()
        return tally.result(seconds, cpu)

    def _start(self) -> None:
        try:
            sock = socket.create_connection(("127.0.0.1", self._job.port))
        except OSError as error:
            self._tally.errors += 1
            self._tally.error = str(error)
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = self._clients[sock.fileno()] = Client(sock, self._request, self._tally, stamped=self._job.stamped)
        self._poll.register(sock, select.EPOLLIN)
        self._ask(client)

    def _ask(self, client: Client) -> None:
        if not client.ask():
            self._poll.modify(client.sock, select.EPOLLIN | select.EPOLLOUT)

    def _turn(self, wait: float, *, again: bool) -> None:
        for number, events in self._poll.poll(wait):
            client = self._clients[number]
            if events & select.EPOLLOUT and client.go_on():
                self._poll.modify(client.sock, select.EPOLLIN)
            if events & ~select.EPOLLOUT:
                client.read()
                if client.sock.fileno() < 0:
                    del self._clients[number]
                    if again:
                        self._start()
                elif client.done:
                    if again:
                        self._ask(client)
                    else:
                        self._poll.unregister(client.sock)
                        client.sock.close()
                        del self._clients[number]

    def _finish(self) -> None:
        """Lets what is under way end, so that nothing of it is left for the next job."""
        latest = time.monotonic() + FINISH_SECONDS
        while self._clients and time.monotonic() < latest:
            self._turn(0.5, again=False)
        for client in self._clients.values():
            client.sock.close()


def main() -> None:
    """One job after the other."""
    raise_file_limit()
    for line in sys.stdin:
        print(json.dumps(Loop(Job(**json.loads(line))).run()), flush=True)


if __name__ == "__main__":
    main()
