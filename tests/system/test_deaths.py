"""Workers of the shared mode that die, and disks that are full: what was under way is settled at once, by nobody's hand."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.settlement.owner import LEASE_SECONDS
from tests.e2e.load import post, wire, workers_of
from tests.e2e.test_shared import Setting, a_place, a_setting, until
from tests.support.formats import CHAT
from tests.support.rawclient import ask, connected

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")


@pytest.fixture(scope="module")
def setting(postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with a_setting(a_place(postgres, valkey, tmp_path_factory.mktemp("deaths"))) as made:
        yield made


def held(setting: Setting) -> set[bytes]:
    return {request for holds in setting.valkey.run("KEYS", "hi:*:holds") for request in setting.valkey.run("HKEYS", holds)}


def test_what_a_killed_worker_had_admitted_is_interrupted_by_its_successor(setting: Setting) -> None:
    with contextlib.ExitStack() as open_connections:
        with setting.only(0):
            complete = post(setting.url, CHAT, "slow/plain-chat", "complete").headers["x-request-id"]
            for number in range(6):
                connection = open_connections.enter_context(connected(setting.url))
                connection.send(wire(CHAT, "slow/endless-chat", f"killed-{number}"))
                connection.until(b"Hello")
            under_way = {request.decode() for request in held(setting)}
            assert len(under_way) == 6
            killed = time.monotonic()
            os.kill(min(workers_of(setting.server, 2)), signal.SIGKILL)
        until(lambda: not held(setting), LEASE_SECONDS)
        assert time.monotonic() - killed < LEASE_SECONDS, "their leases ran out"
    rows = setting.rows()
    assert {request: (rows[request]["status"], rows[request]["cost"]) for request in under_way} == dict.fromkeys(
        under_way, ("interrupted", 0)
    )
    setting.check_books({complete: None})


@contextlib.contextmanager
def no_room(pids: list[int]) -> Generator[None]:
    """No file of these processes can become longer."""
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


def test_a_full_disk_stops_admission_until_there_is_room(setting: Setting) -> None:
    until(lambda: ask(setting.url, "GET", "/readyz", {}).status == 200)
    workers = workers_of(setting.server, 2)
    before = [
        each.headers["x-request-id"] for each in setting.on_each(lambda: post(setting.url, CHAT, "slow/plain-chat", "a"))
    ]
    with connected(setting.url) as connection:
        connection.send(wire(CHAT, "slow/lasting-chat", "meanwhile"))
        connection.until(b"200")
        with no_room(workers):
            for refused in setting.on_each(lambda: post(setting.url, CHAT, "slow/plain-chat", "full")):
                assert (CHAT.told(refused).code, refused.headers["retry-after"]) == ("internal_error", "1")
            for look in setting.on_each(lambda: ask(setting.url, "GET", "/readyz", {})):
                checks = {"redis": "ok", "postgres": "ok", "store": "down"}
                assert (look.status, look.document) == (503, {"status": "degraded", "checks": checks})
            connection.until(b"[DONE]")  # what was admitted before is served to its end
    for number in range(2):
        with setting.only(number):
            until(lambda: ask(setting.url, "GET", "/readyz", {}).status == 200)
    after = [
        each.headers["x-request-id"] for each in setting.on_each(lambda: post(setting.url, CHAT, "slow/plain-chat", "b"))
    ]
    assert sorted(workers_of(setting.server, 2)) == sorted(workers), "nobody had to be replaced"
    setting.check_books(dict.fromkeys([*before, *after]))
