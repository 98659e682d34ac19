"""Two gateways with data folders of their own, on one Postgres and Redis, behind a balancer that knows nothing of them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.e2e.load import PATIENCE, children, until_served
from tests.e2e.slow import PROTOCOLS, SLOW, slow_catalogue
from tests.e2e.test_shared import COST, TOKEN, Place
from tests.support.faulty_upstream import FaultyUpstream, faulty_upstream
from tests.support.formats import AUTHORIZED, ROUTES
from tests.support.judge import breaches_if_judged
from tests.support.rawclient import Answer, ask, connected, head
from tests.support.served import KEY, ROOT, running

GRACE = 10


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until(true: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.02)


@dataclass
class Replica:
    """One gateway. It keeps its port and its folder when it is started again."""

    place: Place
    number: int
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.place.folder / f"replica-{self.number}"

    @property
    def journals(self) -> Path:
        """Where what it owes lies."""
        return self.data / "journal"

    def begin(self) -> None:
        words = ["serve", "--port", str(self.port), "--config", str(self.place.folder / "providers.yaml")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hyperinfer", *words, "--data", str(self.data)],
            cwd=ROOT,
            env={**os.environ, **self.place.environ, "HYPERINFER_BOOTSTRAP_KEY": KEY},
            stdout=subprocess.PIPE,
            text=True,
        )

    def until_ready(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        with self.process.stdout as said:
            assert any(re.match("listening http", line) for line in said), "it ended before it listened"
        until_served(self.url)

    def drain(self) -> None:
        """SIGTERM, and the end that it should have."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(GRACE + 25) == 0

    def kill(self) -> None:
        """As a machine that loses its power does: every process at once."""
        assert self.process is not None
        family = [self.process.pid]
        for pid in family:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGSTOP)  # it shall have no other children meanwhile
                family += children(pid)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


@dataclass(frozen=True)
class Cluster(Place):
    """`url`: of the balancer."""

    url: str
    replicas: tuple[Replica, Replica]
    upstream: FaultyUpstream

    def admin(self, replica: Replica, method: str, path: str, body: object = None) -> Any:
        """What a replica's administration answers."""
        headers = {"x-internal-token": TOKEN, "content-type": "application/json"}
        answer = ask(
            replica.url, method, f"/api/v1/admin/{path}", headers, b"" if body is None else json.dumps(body).encode()
        )
        assert answer.status in (200, 201), answer
        return answer.document

    def check_books(self, seen: dict[str, Any]) -> None:
        """Every balance is the sum of its ledger, and whoever saw a whole answer finds its row, at its cost."""
        report = self.cli("ledger", "verify")
        assert report["ok"], report
        rows = self.rows()
        for request_id in seen:
            assert (rows[request_id]["status"], rows[request_id]["cost"]) == ("completed", COST), rows[request_id]
        workspace = self.cli("workspaces", "show", "default")
        spent = sum(row["cost"] for row in rows.values() if row["workspace"] == workspace["id"])
        assert int(workspace["balance_micro_usd"]) * 10**6 == 100 * 10**12 - spent


@contextlib.contextmanager
def a_cluster(place: Place) -> Generator[Cluster]:
    with faulty_upstream(SLOW) as upstream:
        (place.folder / "providers.yaml").write_text(
            slow_catalogue(upstream.url, "endless", "lasting", "plain", grace=GRACE)
        )
        replicas = Replica(place, 0), Replica(place, 1)
        try:
            for replica in replicas:
                replica.begin()
            for replica in replicas:
                replica.until_ready()
            ports = [str(replica.port) for replica in replicas]
            with running([sys.executable, "-m", "tests.support.balancer", *ports]) as balancer:
                yield Cluster(
                    place.postgres, place.valkey, place.database, Path(place.folder), balancer.url, replicas, upstream
                )
        finally:
            for replica in replicas:
                if replica.process is not None and replica.process.poll() is None:
                    replica.kill()


class Unanswered(Exception):
    """The connection ended before a byte of an answer came."""


def asked(url: str, path: str, body: bytes) -> Answer:
    """One request on a connection of its own. Raises Unanswered, and what `Connection.answer` raises."""
    with connected(url) as connection:
        connection.send(head("POST", path, {"content-length": str(len(body)), **AUTHORIZED}) + body)
        try:
            begun = connection.socket.recv(1, socket.MSG_PEEK)
        except ConnectionError as error:
            raise Unanswered from error
        if not begun:
            raise Unanswered
        return connection.answer()


class Clients:
    """Clients that ask one request after the other, whole and streamed, in every format, until they are told to stop.

    As the SDKs do, they ask again where the connection ended before an answer began, and where they are told to (529 with
    `Retry-After`): `again` has who did, and why. `seen`: ids of whole answers. `broken`: answers that ended too soon;
    `refused`: those of another status."""

    def __init__(self, url: str, clients: int = 6) -> None:
        self._url, self.count = url, clients
        self._stop = threading.Event()
        self.seen: dict[str, str] = {}
        self.broken: list[tuple[int, BaseException]] = []
        self.refused: list[Answer] = []
        self.again: list[tuple[int, object]] = []

    def _client(self, number: int) -> None:
        route, protocol = ROUTES[number % 3], list(PROTOCOLS)[(number + 1) % 3]
        turn = 0
        while not self._stop.is_set():
            turn += 1
            model, stream = f"slow/{'lasting' if turn % 3 == 0 else 'plain'}-{protocol}", turn % 2 == 0
            body = json.dumps(route.body(model, f"request c{number}t{turn} please", stream=stream)).encode()
            try:
                answer = asked(self._url, route.path, body)
            except Unanswered as error:
                self.again.append((number, error))
                continue
            except (OSError, HTTPException, ValueError) as error:
                self.broken.append((number, error))
                continue
            if answer.status == 529 and "retry-after" in answer.headers:
                self.again.append((number, answer))
            elif answer.status != 200:
                self.refused.append(answer)
            elif stream and breaches_if_judged(route.dialect, answer.body):
                self.broken.append((number, EOFError(answer.body)))
            else:
                self.seen[answer.headers["x-request-id"]] = self._url

    @contextlib.contextmanager
    def asking(self) -> Generator[None]:
        with ThreadPoolExecutor(self.count) as pool:
            futures = [pool.submit(self._client, number) for number in range(self.count)]
            try:
                yield
            finally:
                self._stop.set()
        for future in futures:
            future.result()

    def until_seen(self, more: int) -> None:
        goal = len(self.seen) + more
        until(lambda: len(self.seen) >= goal)
