"""kill -9 of one of two workers under streams: those of the other go on to their end, and what the dead one had admitted is
closed by its successor."""

from __future__ import annotations

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.e2e.load import PATIENCE, until_served, wire, workers_of
from tests.e2e.slow import PROTOCOLS, slow_catalogue
from tests.support.faulty_upstream import faulty_upstream
from tests.support.formats import AUTHORIZED, ROUTES
from tests.support.judge import breaches_if_judged
from tests.support.rawclient import Answer, Connection, ask, connected
from tests.support.served import gateway
from tests.system.fault_traffic import Produced
from tests.system.kill_stores import SharedBooks

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

STREAMS = 24
SECONDS = 4.0


def owners(port: int, workers: list[int]) -> dict[int, int]:
    """Which worker has the connection from which port of a client."""
    inodes: dict[str, int] = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].partition(":")[2], 16) == port:
            inodes[fields[9]] = int(fields[2].partition(":")[2], 16)
    found: dict[int, int] = {}
    for worker in workers:
        for each in Path(f"/proc/{worker}/fd").iterdir():
            if (link := re.fullmatch(r"socket:\[(\d+)\]", str(each.readlink()))) and link[1] in inodes:
                found[inodes[link[1]]] = worker
    return found


def rest(connection: Connection) -> Answer | None:
    """The whole answer; None when it broke off."""
    try:
        return connection.answer()
    except (OSError, HTTPException):
        return None


def test_the_streams_of_the_others_do_not_notice(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    valkey.run("FLUSHALL")
    books, produced = SharedBooks(postgres, valkey, postgres.new_database(), tmp_path), Produced()
    with (
        faulty_upstream({"lasting": produced.play(SECONDS)}) as upstream,
        gateway(tmp_path, slow_catalogue(upstream.url, "lasting"), {**books.environ, "HYPERINFER_WORKERS": "2"}) as server,
        ThreadPoolExecutor(STREAMS) as pool,
    ):
        workers = workers_of(server, 2)
        opened = [connected(server.url) for _ in range(STREAMS)]
        connections = [each.__enter__() for each in opened]
        for number, connection in enumerate(connections):
            protocol = list(PROTOCOLS)[number % 3]
            connection.send(wire(ROUTES[number // 3 % 3], f"slow/lasting-{protocol}", f"dying-{number}"))
        deadline = time.monotonic() + PATIENCE
        while len(produced.begun) < STREAMS:
            assert time.monotonic() < deadline, f"only {len(produced.begun)} streams began"
            time.sleep(0.02)
        of = owners(urlsplit(server.url).port or 0, workers)
        mine = [of[connection.socket.getsockname()[1]] for connection in connections]
        assert set(mine) == set(workers), "both have some"
        os.kill(workers[0], signal.SIGKILL)
        answers = list(pool.map(rest, connections))
        for number, (worker, answer) in enumerate(zip(mine, answers, strict=True)):
            assert (answer is None) == (worker == workers[0]), f"stream {number}"
            if answer is not None:
                route = ROUTES[number // 3 % 3]
                assert answer.status == 200
                assert breaches_if_judged(route.dialect, answer.body) == []
        for each in opened:
            each.__exit__(None, None, None)
        until_served(server.url)
        workers_of(server, 2)
        books.until_nothing_is_held()
        assert ask(server.url, "GET", "/api/v1/key", AUTHORIZED).document["data"]["held"] == 0
        rows = {row["id"]: row["status"] for row in books.rows()}
        whole = {answer.headers["x-request-id"] for answer in answers if answer is not None}
        assert {rows[request_id] for request_id in whole} == {"completed"}
        assert len(rows) == STREAMS
        assert {status for request_id, status in rows.items() if request_id not in whole} == {"interrupted"}
        assert books.cli("ledger", "verify")["ok"]
