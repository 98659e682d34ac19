"""The supervisor with real processes and sockets: killed workers, stops under load, failing starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from hyperinfer.api.backoff import Backoff
from hyperinfer.api.supervisor import worker_argv
from tests.api.edge.clients import Answer, H1Client
from tests.api.edge.kit import until
from tests.api.edge.service import EDGE, ROOT, command_of, service

LINUX = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")


async def test_a_killed_worker_is_back_soon_on_the_same_port(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        first = await running.pid()
        assert first != running.process.pid
        for _ in range(2):
            killed = await running.pid()
            os.kill(killed, signal.SIGKILL)
            # A connection that comes meanwhile waits in the backlog of the socket, which never closed. A worker takes a
            # second to start where the processors are free; the tests share theirs.
            with trio.fail_after(30):
                assert await running.pid() != killed
        pauses = [line.partition("ended (SIGKILL); the next starts in ")[2] for line in running.err if "SIGKILL" in line]
        assert pauses == ["0 s", "0.1 s"]
        running.process.send_signal(signal.SIGTERM)
        assert await running.process.wait() == 0


async def test_a_worker_that_ends_by_itself_is_replaced(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        first = await running.pid()
        assert not (await running.ask("/exit")).complete
        assert await running.pid() != first
        assert any("exit code 7" in line for line in running.err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_under_load(tmp_path: Path, number: signal.Signals) -> None:
    """All streams end well-formed and settled, idle clients are let go, new ones refused, exit code 0."""
    answers: dict[int, Answer] = {}
    async with service(tmp_path, edge={"grace": 1.0}) as running:

        async def stream(index: int) -> None:
            async with await running.connect() as connection:
                client = H1Client(connection)
                await client.send("GET", f"/stream?{index}")
                assert (await client.receive(until=b"begin\n")).status == 200
                begun[index].set()
                answers[index] = await client.receive()

        begun = [trio.Event() for _ in range(20)]
        async with trio.open_nursery() as nursery:
            for index in range(20):
                nursery.start_soon(stream, index)
            for event in begun:
                await event.wait()
            idle = await running.connect()
            idle_client = H1Client(idle)
            assert (await idle_client.ask("GET", "/pid")).complete
            began = trio.current_time()
            running.process.send_signal(number)
            assert await idle.receive_some() == b""
            assert trio.current_time() - began < 0.9
            with pytest.raises(OSError, match="all attempts to connect"):
                await running.connect()
            await idle.aclose()
        assert await running.process.wait() == 0
        assert trio.current_time() - began < 4
        assert all(answer.complete and answer.body == b"draining\nend\n" for answer in answers.values())
        assert len(answers) == 20
        assert {line for line in running.settled() if line.startswith("settled")} == {f"settled {i}" for i in range(20)}
        assert any(line.startswith("closed") for line in running.settled())
        hint = "; Ctrl-C again ends at once" if number == signal.SIGINT else ""
        assert running.err[-2:] == [f"draining 20 requests, up to 1 s{hint}", "stopped"]


async def test_what_an_idle_stop_says(tmp_path: Path) -> None:
    async with service(tmp_path, app={"greeting": "good morning"}) as running:
        os.kill(await running.pid(), signal.SIGKILL)
        assert (await running.ask("/pid")).complete
        running.process.send_signal(signal.SIGINT)
        assert await running.process.wait() == 0
        await running.until_said("stopped")
        greeting, killed, stopped = running.err
    assert (greeting, stopped) == ("good morning", "stopped"), "a worker that takes over greets nobody"
    assert "SIGKILL" in killed


async def test_clients_that_never_read_do_not_hold_a_stop(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        clients = [await running.connect() for _ in range(3)]
        for index, client in enumerate(clients):
            await H1Client(client).send("GET", f"/forever?{index}")
        # A client that is connected is not a stream yet: what a stop holds for is what runs.
        await until(lambda: {"sending 0", "sending 1", "sending 2"} <= set(running.settled()))
        began = trio.current_time()
        running.process.send_signal(signal.SIGTERM)
        assert await running.process.wait() == 0, "it ended by itself, within the grace and what it gives to settle"
        assert trio.current_time() - began < float(str(EDGE["write_deadline"])) / 2
        assert {"settled 0", "settled 1", "settled 2"} <= set(running.settled())
        for client in clients:
            await client.aclose()


async def test_a_client_that_never_reads_is_dropped_while_serving(tmp_path: Path) -> None:
    async with service(tmp_path, edge={"write_deadline": 0.3}) as running, await running.connect() as client:
        await H1Client(client).send("GET", "/forever?slow")
        await until(lambda: "settled slow" in running.settled())
        assert (await running.ask("/pid")).complete


async def test_several_workers_share_the_port(tmp_path: Path) -> None:
    async with service(tmp_path, workers=2) as running:
        assert len(running.out) == 1
        seen: set[int] = set()
        with trio.fail_after(30):
            while len(seen) < 2:
                seen.add(await running.pid())
        os.kill(seen.pop(), signal.SIGKILL)
        assert (await running.ask("/pid")).complete
        await running.until_said("the next starts")
        running.process.send_signal(signal.SIGTERM)
        assert await running.process.wait() == 0


@pytest.mark.parametrize(
    ("fail", "code", "message"),
    [
        ("refused", 1, "the catalogue has 3 errors"),
        ("lifespan", 1, "the data folder is in use"),
        ("bug", 1, "ValueError: boom"),
        ("exit", 9, "exit code 9"),
    ],
)
async def test_a_worker_that_cannot_start_ends_the_service(tmp_path: Path, fail: str, code: int, message: str) -> None:
    async with service(tmp_path, app={"fail": fail}) as running:
        assert await running.process.wait() == code
        assert running.out == []
        await running.until_said(message)
        if fail in {"refused", "lifespan"}:
            assert not any("Traceback" in line for line in running.err)


async def test_a_crash_loop_is_slowed_down_and_can_be_stopped(tmp_path: Path) -> None:
    async with service(tmp_path, app={"first": str(tmp_path / "first")}) as running:
        os.kill(await running.pid(), signal.SIGKILL)
        await running.until_said("only once); the next starts in 0.1 s")
        await running.until_said("only once); the next starts in 0.2 s")
        running.process.send_signal(signal.SIGTERM)
        assert await running.process.wait() == 0


async def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    async with service(tmp_path) as running, service(tmp_path, bind=f"127.0.0.1:{running.port}") as second:
        assert await second.process.wait() == 1
        assert second.err == [
            f"cannot listen on 127.0.0.1:{running.port}: Address already in use; choose another with --port"
        ]


@LINUX
async def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        worker = await running.pid()
        running.process.kill()
        await running.process.wait()
        await until(lambda: not _runs(worker))
        # It drained and closed what it held.
        assert f"closed {worker}" in running.settled()


@LINUX
async def test_a_stop_during_the_start_is_a_clean_one(tmp_path: Path) -> None:
    command = command_of({"notes": str(tmp_path / "notes")}, EDGE, "127.0.0.1:0", 1)
    with trio.fail_after(20):
        process = await trio.lowlevel.open_process(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        async with process.stderr:
            await until(lambda: _has_worker(process.pid))
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0


def _runs(pid: int) -> bool:
    """Not for one that has ended and that nobody has waited for."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


def _has_worker(supervisor: int) -> bool:
    for children in Path(f"/proc/{supervisor}/task").glob("*/children"):
        with suppress(FileNotFoundError):
            for child in children.read_text().split():
                if b"hyperinfer.api.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return True
    return False


async def test_a_second_interrupt_ends_it_now(tmp_path: Path) -> None:
    async with service(tmp_path, edge={"grace": 30.0}) as running, await running.connect() as connection:
        client = H1Client(connection)
        await client.send("GET", "/stream")
        await client.receive(until=b"begin\n")
        running.process.send_signal(signal.SIGINT)
        # The stop has begun.
        await running.until_refused()
        running.process.send_signal(signal.SIGINT)
        assert await running.process.wait() == 1


def test_the_working_folder_is_on_the_path_of_a_worker_only_if_it_is_on_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT)])
    monkeypatch.chdir(tmp_path)
    assert worker_argv() == (sys.executable, "-P", "-m", "hyperinfer.api.worker")
    monkeypatch.chdir(ROOT)
    assert worker_argv() == (sys.executable, "-m", "hyperinfer.api.worker")


def test_back_off() -> None:
    backoff = Backoff()
    assert [backoff.after(0.5) for _ in range(9)] == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]
    assert backoff.after(60) == 0
    assert backoff.after(0.5) == 0.1
