"""`kill -9` of the writer's process, and of the process that uses it, in the middle of work."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.store.writer_client import GOODBYE_SECONDS, PENDING_LIMIT, child_environment
from hyperinfer.nodes.ports import Principal
from hyperinfer.nodes.settlement import SETTLE_SECONDS
from tests.api.store.samples import USD, a_generation, a_store, an_admission

if TYPE_CHECKING:
    from hyperinfer.api.store.embedded import EmbeddedStore


def kill_writer(store: EmbeddedStore, number: signal.Signals = signal.SIGKILL) -> None:
    assert store.writer.process is not None
    os.kill(store.writer.process.pid, number)


async def test_killed_in_mid_load_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        acknowledged: list[str] = []

        async def caller(name: int) -> None:
            for number in range(40):
                id_ = f"r{number:03}-{name}"
                await store.settle(a_generation(id_, workspace, 7))
                acknowledged.append(id_)
                # Durable on return: another connection sees it, whatever happens to the writer now.
                assert await store.generation(workspace, id_) is not None
                if len(acknowledged) % 97 == 0:
                    kill_writer(store)

        async with trio.open_nursery() as nursery:
            for name in range(16):
                nursery.start_soon(caller, name)
            for _ in range(10):
                nursery.start_soon(store.topup, "lab", 10)
        assert len(acknowledged) == 16 * 40
        assert (await store.workspace("lab")).balance == USD + 100 - 7 * 640
        report = await store.verify_ledger()
        assert (report.generations, report.ledger_rows, report.differences) == (640, 640 + 11, ())


async def test_a_settlement_waits_while_the_writer_is_away_and_follows(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        kill_writer(store, signal.SIGSTOP)
        with trio.move_on_after(0.05) as scope:
            await store.settle(a_generation("r1", workspace, 7))
        assert scope.cancelled_caught
        assert await store.generation(workspace, "r1") is None
        kill_writer(store)
        await store.settle(a_generation("r2", workspace, 7))
        assert store.healthy
        assert await store.generation(workspace, "r1") is not None
        assert (await store.workspace("lab")).balance == USD - 14


async def test_health_is_told_truly(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        assert store.healthy
        process = store.writer.process
        assert process is not None
        kill_writer(store)
        with trio.fail_after(10):
            while store.healthy:
                await trio.lowlevel.checkpoint()
            while not store.healthy:
                await trio.lowlevel.checkpoint()
        assert store.writer.process is not process


async def test_a_disk_that_refuses_is_waited_for(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        process = store.writer.process
        assert process is not None
        # As on a full disk, for this process alone: its successor finds room again.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        await store.settle(a_generation("r1", workspace, 7))
        assert store.writer.process is not process
        assert (await store.workspace("lab")).balance == USD - 7


async def test_leaving_waits_for_what_was_sent(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.settle(a_generation("r1", workspace, 7))
    async with a_store(tmp_path) as store:
        assert await store.generation(workspace, "r1") is not None


async def test_the_writer_ends_with_its_server(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        process = store.writer.process
        assert process is not None
        # Signals that reach a whole group are not its end.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(process.pid, number)
        await store.create_workspace("lab")
        assert store.writer.process is process
    assert process.returncode == 0


def serve_and_kill(folder: Path, life: int) -> list[str]:
    """The ids that a server told as acknowledged before it was killed."""
    command = [sys.executable, os.fspath(Path(__file__).with_name("settling_server.py")), os.fspath(folder), str(life)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=child_environment()) as server:
        assert server.stdout is not None
        told = [server.stdout.readline() for _ in range(50 + 37 * life)]
        server.kill()
        # What it had told until it was dead counts too; a line cut in two does not.
        told += [line for line in server.stdout.readlines() if line.endswith(b"\n")]
    return [line.decode().strip() for line in told]


async def test_killed_with_its_server_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    acknowledged = {id_ for life in range(5) for id_ in serve_and_kill(tmp_path, life)}
    async with a_store(tmp_path) as store:
        workspace = await store.workspace("lab")
        for id_ in acknowledged:
            assert await store.generation(workspace.id, id_) is not None
        report = await store.verify_ledger()
        assert report.differences == ()
        assert report.generations >= len(acknowledged) >= 50
        assert workspace.balance == USD - 7 * report.generations


@pytest.mark.parametrize("instant", [0, 1, 5, 20])
async def test_cancelled_around_it_the_store_still_finishes(tmp_path: Path, instant: int) -> None:
    begun: list[str] = []
    start = trio.current_time()
    with trio.CancelScope() as scope:
        async with a_store(tmp_path) as store:
            workspace = (await store.create_workspace("lab", USD)).id

            async def settle(id_: str) -> None:
                begun.append(id_)
                await store.settle(a_generation(id_, workspace, 7))

            async with trio.open_nursery() as nursery:
                for number in range(30):
                    nursery.start_soon(settle, f"r{number}")
                for _ in range(instant):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
    # Closing did not have to give up on anything.
    assert trio.current_time() - start < GOODBYE_SECONDS
    async with a_store(tmp_path) as store:
        report = await store.verify_ledger()
        assert report.differences == ()
        assert report.generations == len(begun)
        assert (await store.workspace("lab")).balance == USD - 7 * report.generations


async def test_while_thousands_wait_nothing_more_is_begun(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        kill_writer(store, signal.SIGSTOP)
        with trio.CancelScope() as scope:
            scope.cancel()
            async with trio.open_nursery() as nursery:
                for number in range(PENDING_LIMIT):
                    nursery.start_soon(store.settle, a_generation(f"r{number:06}", workspace, 7))
        failure = await store.admit(an_admission("next", principal, 1))
        assert failure is not None
        assert failure.code == "internal_error"
        # What was produced is still taken, and all of it is written once there is a writer.
        kill_writer(store)
        await store.settle(a_generation("last", workspace, 7))
        assert await store.admit(an_admission("next", principal, 1)) is None
        assert (await store.verify_ledger()).generations == PENDING_LIMIT + 1


async def test_a_writer_that_hangs_is_noticed_before_its_settlements_are_too_late(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        assert await store.admit(an_admission("r1", principal, 1)) is None
        kill_writer(store, signal.SIGSTOP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.settle, a_generation("r1", workspace, 7))
            with trio.fail_after(SETTLE_SECONDS - 2):
                while store.healthy:  # noqa: ASYNC110 - nobody has to ask
                    await trio.sleep(0.05)
            failure = await store.admit(an_admission("r2", principal, 1))
            assert failure is not None
            assert failure.code == "internal_error"
            kill_writer(store, signal.SIGCONT)
        assert store.healthy
        assert await store.admit(an_admission("r2", principal, 1)) is None
