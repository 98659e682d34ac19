"""Clients that read 4 kB a second, of a served gateway: what each holds of its memory and of the kernel's."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.gateway.leaving import catalogue
from benchmarks.gateway.processes import resident_mb, tree
from benchmarks.gateway.serving import KEY
from benchmarks.gateway.slow_readers import FLOOD, Loop
from benchmarks.gateway.sockets import held
from hyperinfer.api.edge import EdgeSettings
from hyperinfer.providers.upstreams import RECEIVE_BUFFER
from tests.e2e.slow import flood, slow_catalogue
from tests.support.faulty_upstream import faulty_upstream
from tests.support.formats import AUTHORIZED, CHAT
from tests.support.rawclient import Connection, connected, head
from tests.support.served import gateway, generations

if TYPE_CHECKING:
    from pathlib import Path

CLIENTS = 150
MOST = 256_000
"""Bytes of one client: our buffers, and all that its socket's may grow to."""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a socket holds")
def test_what_a_slow_reader_holds(tmp_path: Path) -> None:
    send_buffer = EdgeSettings().send_buffer
    assert send_buffer is not None
    loop = Loop()
    with gateway(tmp_path, catalogue(loop.port), {"HYPERINFER_BOOTSTRAP_KEY": KEY}) as server:
        port = int(server.url.rpartition(":")[2])
        pids = tree(server.process.pid)
        for _ in range(20):
            loop.open(port, FLOOD.request(b"mark-0"), 1)
        before = max(map(resident_mb, pids))
        for _ in range(3):
            loop.open(port, FLOOD.request(b"mark-0"), CLIENTS // 3)
        loop.go_on(2.5)
        own = (max(map(resident_mb, pids)) - before) * 1024 * 1024 / CLIENTS
        ends = list(held())
        clients = [each for each in ends if each.local == port]
        ours = [each for each in ends if each.remote == loop.port]
        theirs = [each for each in ends if each.local == loop.port]
        assert len(clients) == len(ours) == len(theirs) == len(loop.readers) == CLIENTS + 20
        # The kernel doubles what it is asked for.
        assert {each.send_buffer for each in clients} == {2 * send_buffer}
        assert own + 2 * send_buffer <= MOST
        assert {each.receive_buffer for each in ours} == {2 * RECEIVE_BUFFER}
        # All of them have closed their windows, and go on in time.
        assert all(each.window_closed for each in theirs)
        assert all(reader.received > 0 for reader in loop.readers)
        loop.close()


def is_reset(connection: Connection) -> bool:
    try:
        while connection.socket.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    return False


def test_one_that_takes_nothing_is_dropped_after_the_write_deadline_and_settled(tmp_path: Path) -> None:
    with (
        faulty_upstream({"flood": flood}) as upstream,
        gateway(tmp_path, slow_catalogue(upstream.url, "flood", write=1)) as server,
        connected(server.url) as connection,
    ):
        body = json.dumps(CHAT.body("slow/flood-chat", "request it please", stream=True)).encode()
        began = time.monotonic()
        connection.send(head("POST", CHAT.path, {**AUTHORIZED, "content-length": str(len(body))}) + body)
        assert upstream.gone("flood", "it").wait(20)
        assert time.monotonic() - began >= 1
        until = time.monotonic() + 5
        while not (rows := generations(tmp_path)):
            assert time.monotonic() < until, "it was not settled"
            time.sleep(0.05)
        (row,) = rows
        assert row["status"] == "cancelled"
        assert row["cost"] > 0
        assert is_reset(connection)
