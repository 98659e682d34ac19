"""What no kill can show: a client sees the end of a reply only when its record is on the disk. `strace` watches."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.load import PATIENCE, children, post, workers_of
from tests.e2e.slow import SLOW, slow_catalogue
from tests.e2e.test_shared import a_place, a_setting
from tests.support.faulty_upstream import faulty_upstream
from tests.support.formats import CHAT
from tests.support.served import gateway

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


@dataclass(frozen=True)
class Called:
    """A system call when it has returned: its name, and its arguments with the paths of files."""

    name: str
    arguments: str


@contextlib.contextmanager
def watched(pids: Sequence[int], folder: Path) -> Generator[list[Called]]:
    """The calls of these processes, and of those that they start, that write or bring to the disk: known after the block."""
    calls: list[Called] = []
    log = folder / "calls"
    names = "trace=write,pwrite64,writev,sendto,sendmsg,fsync,fdatasync"
    command = ["strace", "-f", "-y", "-s", "4000", "-e", names, "-o", str(log), *(f"--attach={pid}" for pid in pids)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        try:
            attached = 0
            while attached < len(pids):
                line = strace.stderr.readline()
                assert line, "strace cannot watch"
                if "ptrace" in line:
                    pytest.skip(f"this machine lets nobody watch processes: {line.strip()}")
                attached += "attached" in line
            yield calls
        finally:
            strace.terminate()
            strace.communicate()
    calls += returned(log.read_text(errors="replace").splitlines())


def returned(lines: Sequence[str]) -> list[Called]:
    """In the order in which they returned well."""
    found: list[Called] = []
    begun: dict[str, str] = {}
    for line in lines:
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest):
            rest = begun.pop(pid, "") + resumed[1]
        if call := re.match(r"(\w+)\((.*)\)\s+= \d+$", rest):
            found.append(Called(call[1], call[2]))
    return found


def first(calls: Sequence[Called], names: Sequence[str], *within: str, after: int = -1) -> int:
    """The place of the first of these calls with all of that in its arguments."""
    for index, call in enumerate(calls):
        if index > after and call.name in names and all(each in call.arguments for each in within):
            return index
    raise AssertionError(f"no {names} with {within} after {after}")


def check_order(calls: Sequence[Called], file: str, mark: str) -> None:
    """The record was written, then brought to the disk, and only then did the client see the end."""
    written = first(calls, ("write", "pwrite64"), file, mark)
    synced = first(calls, ("fsync", "fdatasync"), file, after=written)
    seen = first(calls, ("sendto", "sendmsg", "write", "writev"), "[DONE]")
    assert written < synced < seen


def test_the_embedded_store_commits_to_the_disk_before_a_client_sees_the_end(tmp_path: Path) -> None:
    assert shutil.which("strace"), "strace is not installed: run tests/system/install.sh"
    with faulty_upstream(SLOW) as upstream, gateway(tmp_path, slow_catalogue(upstream.url, "plain", grace=1)) as server:
        post(server.url, CHAT, "slow/plain-chat", "before")
        (worker,) = workers_of(server)
        with watched([worker, *children(worker)], tmp_path) as calls:
            answer = post(server.url, CHAT, "slow/plain-chat", "watched", stream=True)
        assert b"[DONE]" in answer.body
        check_order(calls, "hyperinfer.db-wal", answer.headers["x-request-id"])


def test_the_shared_store_brings_its_journal_to_the_disk_where_the_database_is_late(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    assert shutil.which("strace"), "strace is not installed: run tests/system/install.sh"
    with a_setting(a_place(postgres, valkey, tmp_path)) as setting:
        setting.on_each(lambda: post(setting.url, CHAT, "slow/plain-chat", "before"))
        with watched(workers_of(setting.server, 2), tmp_path) as calls:
            postgres.signal(signal.SIGSTOP)
            try:
                answer = post(setting.url, CHAT, "slow/plain-chat", "watched", stream=True)
            finally:
                postgres.signal(signal.SIGCONT)
        assert b"[DONE]" in answer.body
        request = answer.headers["x-request-id"]
        record = first(calls, ("write",), ".journal", request, "settled")
        check_order(calls[record:], ".journal", request)
        deadline = time.monotonic() + PATIENCE
        while request not in setting.rows():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        setting.check_books({request: answer})
