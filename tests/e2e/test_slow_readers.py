"""Clients that read 4 kB a second, of a served gateway: what each holds of its memory and of the kernel's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.gateway.leaving import catalogue
from benchmarks.gateway.processes import resident_mb, tree
from benchmarks.gateway.serving import KEY
from benchmarks.gateway.slow_readers import FLOOD, Loop
from benchmarks.gateway.sockets import held
from hyperinfer.api.edge import EdgeSettings
from hyperinfer.providers.upstreams import RECEIVE_BUFFER
from tests.support.served import gateway

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
