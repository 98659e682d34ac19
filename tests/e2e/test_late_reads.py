"""A loop that lags reads together what came meanwhile, and sends it on together; one that does not holds nothing back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.faults import CHUNKED, chunk
from tests.e2e.load import PATIENCE, wire, workers_of
from tests.e2e.slow import PROTOCOLS, slow_catalogue
from tests.support.faulty_upstream import Call, End, faulty_upstream
from tests.support.formats import ROUTES, Route
from tests.support.rawclient import Connection, connected
from tests.support.served import gateway

PIECES = 60
"""Deltas, of at most 300 bytes each: fewer than one read takes."""

WORD = b"Hello"


@dataclass
class Upstream:
    """Sends a delta each time that it is told to, by a write of its own."""

    told: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    written: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def play(self, call: Call) -> Iterator[bytes | End]:
        yield CHUNKED + b"".join(map(chunk, call.reply.opening))
        yield chunk(call.reply.output[0])
        for _ in range(PIECES):
            assert self.told.acquire(timeout=PATIENCE)
            yield chunk(call.reply.output[0])
            self.written.release()
        yield End.HOLD

    def send(self, count: int) -> None:
        """So many deltas, until they are written."""
        self.told.release(count)
        for _ in range(count):
            assert self.written.acquire(timeout=PATIENCE)


def until_arrived(port: int) -> None:
    """Until what was sent from this port lies where it is to be read."""
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        if not any(int(row[4].split(":")[0], 16) for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"):
            return
        assert time.monotonic() < deadline
        time.sleep(0.001)


@dataclass(frozen=True)
class Setting:
    url: str
    worker: int
    upstream: Upstream
    port: int
    """Of the upstream."""


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    upstream = Upstream()
    folder = tmp_path_factory.mktemp("late")
    with (
        faulty_upstream({"late": upstream.play}) as server,
        gateway(folder, slow_catalogue(server.url, "late")) as running,
    ):
        yield Setting(running.url, workers_of(running)[0], upstream, int(server.url.rpartition(":")[2]))


def stop(process: int) -> None:
    """It runs no more when this returns."""
    os.kill(process, signal.SIGSTOP)
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline
        time.sleep(0.001)


def chunks(connection: Connection, words: int) -> list[bytes]:
    """Chunks of the response's body, whole, until so many deltas have come."""
    found: list[bytes] = []
    data = b""
    while sum(each.count(WORD) for each in found) < words:
        data += connection.until(b"\n")
        while True:
            size, mark, rest = data.partition(b"\r\n")
            if not mark or len(rest) < (length := int(size, 16)) + 2:
                break
            found.append(rest[:length])
            data = rest[length + 2 :]
    assert data == b""
    return found


@pytest.mark.parametrize("upstream", PROTOCOLS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_what_came_while_the_loop_lagged_is_one_write(route: Route, upstream: str, setting: Setting) -> None:
    with connected(setting.url) as connection:
        connection.send(wire(route, f"slow/late-{upstream}", f"{route.name}-{upstream}"))
        connection.until(WORD)
        for _ in range(4):
            setting.upstream.send(1)
            assert [each.count(WORD) for each in chunks(connection, 1)] == [1]
        stop(setting.worker)
        try:
            setting.upstream.send(PIECES - 4)
            until_arrived(setting.port)
        finally:
            os.kill(setting.worker, signal.SIGCONT)
        assert [each.count(WORD) for each in chunks(connection, PIECES - 4)] == [PIECES - 4]
