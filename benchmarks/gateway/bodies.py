"""The largest bodies at once: how many are answered, how many are told that there is no room, and what the worker holds.

Small requests follow each other on a connection of their own meanwhile.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from benchmarks.gateway.big import HEADERS, MODEL, PATH, largest_mb, session
from benchmarks.gateway.processes import program, tree
from benchmarks.gateway.serving import gateway
from benchmarks.gateway.spreads import spread
from benchmarks.gateway.wire import question

COUNT = 20
MEGABYTES = 62
"""As `session` counts, which makes 49.6 of them."""
PAUSE = 0.01


class Client:
    """A connection. `answers`: the status and the seconds of each."""

    def __init__(self, port: int, body: bytes) -> None:
        self._port, self._body = port, body
        self.answers: list[tuple[int, float]] = []

    def ask(self) -> None:
        """Once, on a new connection."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)
        with suppress(OSError):  # it may have been answered before it was sent
            connection.request("POST", PATH, self._body, HEADERS)
        response = connection.getresponse()
        response.read()
        connection.close()
        self.answers.append((response.status, time.monotonic() - began))

    def ask_until(self, over: threading.Event) -> None:
        """Again and again."""
        while not over.is_set():
            self.ask()
            time.sleep(PAUSE)


def bodies(edge: str, core: int, other: int) -> Iterator[dict[str, Any]]:
    """A row. This process is to be on `other`."""
    body = session(MEGABYTES)
    with program("upstream", core=other) as upstream:
        port = int(upstream.line())
        with gateway(f"--edge {edge}", edge, port, core) as target:
            pids = tree(*target.pids)
            small, over = Client(target.port, question("openai_chat", MODEL, streamed=False)), threading.Event()
            large = [Client(target.port, body) for _ in range(COUNT)]
            before, began = largest_mb(pids, "VmRSS"), time.monotonic()
            asking = threading.Thread(target=small.ask_until, args=(over,))
            sending = [threading.Thread(target=each.ask) for each in large]
            for thread in (asking, *sending):
                thread.start()
            for thread in sending:
                thread.join()
            took = time.monotonic() - began
            over.set()
            asking.join()
            statuses = [status for each in large for status, _ in each.answers]
            waits = spread([seconds * 1000 for _, seconds in small.answers])
            yield {
                "group": "bodies",
                "name": f"{COUNT} of {len(body) / 1e6:.0f} MB",
                "answered": statuses.count(200),
                "refused": statuses.count(529),
                "seconds": round(took, 1),
                "before_mb": round(before),
                "most_mb": round(largest_mb(pids, "VmHWM")),
                "after_mb": round(largest_mb(pids, "VmRSS")),
                "small_p50_ms": round(waits.get("p50", 0), 1),
                "small_p99_ms": round(waits.get("p99", 0)),
                "errors": COUNT - statuses.count(200) - statuses.count(529),
            }
