"""The writer's loop, with everything it is to read already on its socket: groups are as the test says."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest

from hyperinfer.api.store.database import open_writer
from hyperinfer.api.store.frames import FrameReader, frame
from hyperinfer.api.store.generations import generation_row
from hyperinfer.api.store.messages import (
    CreateWorkspace,
    Done,
    Hello,
    Rejected,
    Reply,
    Request,
    SetLocked,
    Settle,
    Settled,
    TopUp,
)
from hyperinfer.api.store.writer import Writer
from hyperinfer.api.store.writer_client import child_environment
from tests.api.store.samples import a_generation

if TYPE_CHECKING:
    from pathlib import Path

A_PAGE = 4096


def settle(sequence: int, id_: str, cost: int = 7, workspace: str = "w") -> Settle:
    return Settle(sequence, generation_row(a_generation(id_, workspace, cost)))


def a_workspace(sequence: int) -> CreateWorkspace:
    return CreateWorkspace(sequence, "w", "lab", 1000, "op_1", 1.0)


def converse(connection: sqlite3.Connection, requests: list[Request], log_pages: int = 10_000) -> list[Reply]:
    """All requests at once, then the end; gives the replies."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"".join(frame(msgspec.msgpack.encode(request)) for request in requests))
        ours.shutdown(socket.SHUT_WR)
        Writer(connection, theirs, log_pages).run()
        theirs.close()
        return receive(ours)


def receive(ours: socket.socket) -> list[Reply]:
    inbox = FrameReader()
    while data := ours.recv(1 << 16):
        inbox.feed(data)
    return [msgspec.msgpack.decode(payload, type=Reply) for payload in inbox.take(10_000)]


def by_sequence(replies: list[Reply]) -> dict[int, Reply]:
    found: dict[int, Reply] = {}
    for reply in replies:
        if isinstance(reply, Settled):
            found.update(dict.fromkeys(reply.seqs, reply))
        elif isinstance(reply, (Done, Rejected)):
            found[reply.seq] = reply
    return found


def commits(connection: sqlite3.Connection) -> list[str]:
    seen: list[str] = []
    connection.set_trace_callback(lambda statement: seen.append(statement) if statement == "COMMIT" else None)
    return seen


def test_all_that_waits_is_one_transaction_and_one_answer(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "x.db")) as connection:
        converse(connection, [a_workspace(1)])
        seen = commits(connection)
        hello, *replies = converse(connection, [settle(number, f"r{number:03}") for number in range(130)])
        assert isinstance(hello, Hello)
        assert (hello.journal_mode, hello.synchronous) == ("wal", 2)
        assert [len(reply.seqs) for reply in replies if isinstance(reply, Settled)] == [64, 64, 2]
        assert len(seen) == 3
        last = replies[-1]
        assert isinstance(last, Settled)
        assert [(b.workspace, b.balance, b.version) for b in last.balances] == [("w", 1000 - 130 * 7, 4)]


def test_a_group_survives_its_bad_requests(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "x.db")) as connection:
        requests: list[Request] = [
            a_workspace(1),
            settle(2, "r2"),
            settle(3, "r3", cost=-7),
            settle(4, "r4", workspace="nowhere"),
            CreateWorkspace(5, "w5", "lab", 0, "op_5", 1.0),
            settle(6, "r6"),
            TopUp(7, "w", 9 * 10**18, "op_7", 1.0),
            SetLocked(8, "w", True),
        ]
        _, *replies = converse(connection, requests)
        kinds = {sequence: type(reply) for sequence, reply in by_sequence(replies).items()}
        assert kinds == {1: Done, 2: Settled, 3: Rejected, 4: Rejected, 5: Rejected, 6: Settled, 7: Rejected, 8: Done}
        assert connection.execute("SELECT balance, locked FROM workspace").fetchall() == [(1000 - 14, 1)]
        assert connection.execute("SELECT count(*) FROM ledger").fetchall() == [(3,)]


def test_the_same_id_twice_in_a_group_is_one_row(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "x.db")) as connection:
        replies = converse(connection, [a_workspace(1), settle(2, "r", 7), settle(3, "r", 14), settle(4, "s", 7)])
        assert isinstance(replies[-1], Settled)
        assert replies[-1].seqs == (2, 3, 4)
        assert connection.execute("SELECT balance FROM workspace").fetchall() == [(1000 - 14,)]


def test_repeats_change_nothing(tmp_path: Path) -> None:
    requests: list[Request] = [a_workspace(1), TopUp(2, "w", 5, "op_2", 1.0), settle(3, "r")]
    with closing(open_writer(tmp_path / "x.db")) as connection:
        _, *first = converse(connection, requests)
        _, *second = converse(connection, requests)
        assert [type(reply) for reply in second] == [type(reply) for reply in first]
        assert connection.execute("SELECT balance, version FROM workspace").fetchall() == [(998, 3)]
        assert connection.execute("SELECT count(*) FROM ledger").fetchall() == [(3,)]


def test_a_full_disk_is_not_blamed_on_a_request(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "x.db")) as connection:
        converse(connection, [a_workspace(1)])
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            converse(connection, [settle(number, f"r{number:03}") for number in range(64)])
        assert connection.execute("SELECT count(*) FROM generation").fetchone() == (0,)


def test_the_log_is_bounded_under_load(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "x.db")) as connection:
        converse(connection, [a_workspace(1)])
        for start in range(0, 1280, 128):
            group: list[Request] = [settle(number, f"r{number:06}") for number in range(start, start + 128)]
            converse(connection, group, log_pages=100)
        log = os.stat(tmp_path / "x.db-wal").st_size
    # The bound, and at most one group beyond it.
    assert log <= (100 + 4 + 2 * 64) * (A_PAGE + 24) + 32


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_disk_has_it_before_the_answer_goes_out(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command: list[str | Path] = ["strace", "-o", trace, "-e", "trace=fdatasync,fsync,recvfrom,sendto"]
            command += [sys.executable, "-P", "-m", "hyperinfer.api.store.writer", tmp_path]
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=child_environment(),
            )
        rounds: list[Request] = [a_workspace(1), *[settle(number, f"r{number}") for number in range(2, 6)]]
        if not ours.recv(1 << 16):
            pytest.skip(f"strace cannot trace here: {process.communicate()[1].decode()}")
        for request in rounds:
            ours.sendall(frame(msgspec.msgpack.encode(request)))
            assert ours.recv(1 << 16)
        ours.shutdown(socket.SHUT_WR)
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    calls = [line.split("(")[0] for line in trace.read_text().splitlines() if "(" in line]
    after_hello = calls[calls.index("sendto") + 1 :]
    answers = 0
    synced = False
    for call in after_hello:
        if call == "recvfrom":
            synced = False
        elif call in ("fdatasync", "fsync"):
            synced = True
        elif call == "sendto":
            assert synced, after_hello
            answers += 1
    assert answers == len(rounds)


@pytest.mark.parametrize("module", ["writer", "reports"])
def test_the_child_processes_stay_small(module: str) -> None:
    # They start with the packages around them: none of those may pull in what only the server needs.
    program = f"import hyperinfer.api.store.{module}, sys; print(*sys.modules)"
    command = [sys.executable, "-P", "-c", program]
    loaded = subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=True).stdout.split()
    heavy = {"trio", "asyncio", "hypercorn", "httpx2", "hyperinfer.nodes", "hyperinfer.formats", "hyperinfer.providers"}
    assert not heavy & set(loaded)
