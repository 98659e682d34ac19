"""Clients that keep a gateway busy, and a look at its processes."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.slow import PROTOCOLS
from tests.support.formats import AUTHORIZED, ROUTES, Route
from tests.support.judge import breaches_if_judged
from tests.support.rawclient import Answer, ask, head

if TYPE_CHECKING:
    from tests.support.served import Running

PATIENCE = 15.0

UPSTREAM_OF = dict(zip(ROUTES, ("messages", "chat", "responses"), strict=True))
"""A protocol for each client format, none of them its own."""


def children(pid: int) -> list[int]:
    """Of all threads of a process."""
    lists = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
    return [int(child) for file in lists for child in file.read_text().split()]


def workers_of(server: Running, count: int = 1) -> list[int]:
    """The processes that serve, so many at least; waited for."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found: list[int] = []
        for pid in children(server.process.pid):
            with contextlib.suppress(OSError):
                if b"hyperinfer.api.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, f"there are {len(found)} workers"
        time.sleep(0.01)


def post(url: str, route: Route, model: str, mark: str, *, stream: bool = False) -> Answer:
    body = json.dumps(route.body(model, f"request {mark} please", stream=stream)).encode()
    return ask(url, "POST", route.path, AUTHORIZED, body)


def wire(route: Route, model: str, mark: str) -> bytes:
    body = json.dumps(route.body(model, f"request {mark} please", stream=True)).encode()
    return head("POST", route.path, {**AUTHORIZED, "content-length": str(len(body))}) + body


def until_served(url: str) -> None:
    """Waits for a worker that answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError, HTTPException):
            if ask(url, "GET", "/readyz", {}).status == 200:
                return
        assert time.monotonic() < deadline, "the gateway did not come back"
        time.sleep(0.05)


class Load:
    """Clients that ask one request after the other, of every format, until told to stop. `seen`: ids of whole answers."""

    def __init__(self, url: str, clients: int = 6) -> None:
        self._url, self._clients = url, clients
        self._stop = threading.Event()
        self.seen: dict[str, Route] = {}
        self.wrong: list[Any] = []

    def _client(self, number: int) -> None:
        route, protocol = ROUTES[number % 3], list(PROTOCOLS)[number // 3 % 3]
        turn = 0
        while not self._stop.is_set():
            turn += 1
            model, stream = f"slow/{'lasting' if turn % 5 == 0 else 'plain'}-{protocol}", turn % 2 == 0
            try:
                answer = post(self._url, route, model, f"load-{number}-{turn}", stream=stream)
            except (OSError, HTTPException):
                time.sleep(0.05)  # killed under this client
                continue
            if answer.status == 200 and not (stream and breaches_if_judged(route.dialect, answer.body)):
                self.seen[answer.headers["x-request-id"]] = route
            elif answer.status == 200 or route.told(answer).code == "internal_error":
                self.wrong.append(answer)

    @contextlib.contextmanager
    def running(self) -> Generator[None]:
        with ThreadPoolExecutor(self._clients) as pool:
            futures = [pool.submit(self._client, number) for number in range(self._clients)]
            try:
                yield
            finally:
                self._stop.set()
        for future in futures:
            future.result()

    def until_seen(self, more: int) -> None:
        """Waits for so many more whole answers."""
        goal, deadline = len(self.seen) + more, time.monotonic() + PATIENCE
        while len(self.seen) < goal:
            assert time.monotonic() < deadline, f"only {len(self.seen)} answers"
            time.sleep(0.01)
