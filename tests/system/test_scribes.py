"""The process that writes: whole files, and no harm to anybody where it is slow, fails or dies."""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.recording import scribe_client
from hyperinfer.api.recording.orders import Order, order_bytes
from hyperinfer.api.recording.scribe_client import open_scribe_client
from hyperinfer.api.store.frames import frame

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from hyperinfer.api.recording.scribe_client import ScribeClient

NAMES = ["20251126T094000.000Z-a", "20251126T094000.000Z-b"]


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name != ".lock"}


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - of another process
            await trio.sleep(0.005)


def process_of(client: ScribeClient) -> int:
    process = client.process
    assert process is not None
    return process.pid


async def test_a_worker_that_dies_leaves_what_came(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "hyperinfer.api.recording.scribe", str(tmp_path), "1000000"]
    scribe = await trio.lowlevel.open_process(command, stdin=theirs)
    with ours:
        theirs.close()
        ours.sendall(frame(order_bytes(Order(1, b"one\n", NAMES[0]))))
        await until(lambda: files(tmp_path).get(f"{NAMES[0]}.part") == b"one\n")
        ours.close()
    assert (await scribe.wait(), files(tmp_path)) == (0, {f"{NAMES[0]}.jsonl": b"one\n"})


async def test_a_slow_disk_makes_nobody_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scribe_client, "WAITING", 1_000_000)
    async with open_scribe_client(tmp_path, 10**9) as client:
        assert client.put(Order(1, b"", NAMES[0]))
        os.kill(process_of(client), signal.SIGSTOP)
        taken = 0
        try:
            while client.put(Order(1, b"x" * 10_000)):
                taken += 1
                await trio.lowlevel.checkpoint()
            assert taken < 300, "a megabyte, and what the socket holds"
            assert client.put(Order(1, b"end\n", last=True), needed=True)
        finally:
            os.kill(process_of(client), signal.SIGCONT)
    assert len(files(tmp_path)[f"{NAMES[0]}.jsonl"]) == taken * 10_000 + 4


async def test_a_folder_that_fails_is_told_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scribe_client, "RETRY_SECONDS", 0.05)
    caplog.set_level(logging.INFO, "hyperinfer.recording")
    folder = tmp_path / "r"
    folder.write_bytes(b"a file")
    async with open_scribe_client(folder, 10**9) as client:
        assert not client.ready
        assert client.put(Order(1, b"lost\n", NAMES[0]))
        await trio.sleep(0.5)
        folder.unlink()
        await until(lambda: client.ready)
        assert client.put(Order(1, b"more of what was lost\n", last=True))
        assert client.put(Order(2, b"kept\n", NAMES[1], last=True))
    assert files(folder) == {f"{NAMES[1]}.jsonl": b"kept\n"}
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith(f"nothing is recorded for now: {folder}: File exists")
    assert said.count(said[0]) == 1, "once, however often it is tried"
    assert said[-1] == f"recording into {folder}"


async def test_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No file may grow any more: every write fails, as on a disk that is full."""
    async with open_scribe_client(tmp_path, 10**9) as client:
        client.put(Order(1, b"one\n", NAMES[0]))
        await until(lambda: files(tmp_path).get(f"{NAMES[0]}.part") == b"one\n")
        _no_more_space(process_of(client))
        client.put(Order(1, b"two\n", last=True))
        await until(lambda: "nothing is recorded for now" in caplog.text)
        assert not client.ready
        assert client.put(Order(3, b"nobody\n", NAMES[1], last=True)), "who records goes on"
    assert "File too large" in caplog.text
    assert files(tmp_path) == {f"{NAMES[0]}.jsonl": b"one\n"}


def _no_more_space(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4, 4))


async def test_without_room_there_is_no_beginning(tmp_path: Path) -> None:
    """Else it would fail again with the first file, and say so every time."""
    ours, theirs = socket.socketpair()
    command = f"ulimit -f 8; exec {sys.executable} -m hyperinfer.api.recording.scribe {tmp_path} 1000000"
    scribe = await trio.lowlevel.open_process(["sh", "-c", command], stdin=theirs)
    theirs.close()
    with ours:
        said = await trio.SocketStream(trio.socket.from_stdlib_socket(ours)).receive_some()
    assert (await scribe.wait(), bytes(said)) == (1, frame(f"failed: {tmp_path}: File too large".encode()))
    assert files(tmp_path) == {}


async def test_several_scribes_keep_to_one_limit(tmp_path: Path) -> None:
    """As of several workers, at once."""
    limit, size = 1_000_000, 20_000

    async def scribe(letter: str) -> None:
        async with open_scribe_client(tmp_path, limit) as client:
            for number in range(100):
                name = f"20251126T0940{number // 60:02d}.{number:03d}Z-{letter}"
                assert client.put(Order(number, b"x" * size, name, last=True))
                if number % 10 == 0:
                    await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for letter in "abc":
            nursery.start_soon(scribe, letter)
    left = files(tmp_path)
    assert limit / 2 < sum(map(len, left.values())) <= limit
    assert {len(data) for data in left.values()} == {size}
    assert all(name.endswith(".jsonl") for name in left)


async def test_a_scribe_that_is_killed_has_a_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scribe_client, "RETRY_SECONDS", 0.0)
    async with open_scribe_client(tmp_path, 10**9) as client:
        client.put(Order(1, b"one\n", NAMES[0]))
        await until(lambda: files(tmp_path).get(f"{NAMES[0]}.part") == b"one\n")
        before = process_of(client)
        os.kill(before, signal.SIGKILL)
        await until(lambda: client.ready and process_of(client) != before)
        client.put(Order(1, b"of a file that its scribe took along\n"))
        client.put(Order(2, b"two\n", NAMES[1], last=True))
    assert files(tmp_path) == {f"{NAMES[0]}.jsonl": b"one\n", f"{NAMES[1]}.jsonl": b"two\n"}
    assert caplog.text.count("the process that writes ended") == 1
