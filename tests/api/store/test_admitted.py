"""What was under way when the gateway was killed has a row after the next start."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.store.admitted import MOST_BYTES, AdmittedJournal
from hyperinfer.api.store.folder import DataFolder
from hyperinfer.api.store.generations import generation_row, packed_generation, packed_row, unpacked_generation
from hyperinfer.api.store.journal import JournalFolder
from hyperinfer.api.store.writer_client import child_environment
from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import NOW, USD, a_generation, a_store, an_admission

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

DIES = """
import sys, trio
from pathlib import Path
from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import USD, a_generation, a_store, an_admission

async def main():
    async with a_store(Path(sys.argv[1])) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        for number in range(6):
            assert await store.admit(an_admission(f"r{number}", principal, 1)) is None
        await store.settle(a_generation("r0", workspace, 7))
        await store.settle(a_generation("r1", workspace, 7))
        await store.release("r2")
        assert await store.admit(an_admission("r6", principal, 1)) is None
        print(workspace, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


def test_a_generation_that_was_packed_as_its_row_is_read_too() -> None:
    """As journals of earlier versions have it."""
    generation = a_generation("r1", "ws", 7)
    assert unpacked_generation(packed_generation(generation)) == generation
    assert unpacked_generation(packed_row(generation_row(generation))) == generation


async def test_what_a_killed_gateway_had_admitted_is_interrupted(tmp_path: Path) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", DIES, str(tmp_path)], stdout=subprocess.PIPE, env=child_environment()
    )
    assert process.stdout is not None
    workspace = (await process.stdout.receive_some()).decode().strip()
    process.kill()
    await process.wait()
    await process.stdout.aclose()
    for _ in range(2):  # the second start finds nothing left
        async with a_store(tmp_path) as store:
            rows = {f"r{n}": await store.generation(workspace, f"r{n}") for n in range(7)}
            statuses = {id_: None if row is None else (row.status, row.cost) for id_, row in rows.items()}
            interrupted = dict.fromkeys(["r3", "r4", "r5", "r6"], ("interrupted", 0))
            assert statuses == {"r0": ("completed", 7), "r1": ("completed", 7), "r2": None, **interrupted}
            assert (await store.workspace("lab")).balance == USD - 14
            report = await store.verify_ledger()
            assert (report.generations, report.ledger_rows, report.differences) == (6, 3, ())
    assert [*DataFolder(tmp_path).admitted.glob("*.journal")] == []


async def test_a_real_row_is_never_interrupted(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        await store.settle(a_generation("r1", workspace, 7))
        # As a kill between the commit and the note of it leaves it.
        async with AdmittedJournal.open(DataFolder(tmp_path).admitted, lambda: NOW + 1) as left:
            assert left.admit(an_admission("r1", principal, 1))
    async with a_store(tmp_path) as store:
        row = await store.generation(workspace, "r1")
        assert row is not None
        assert row.status == "completed"


async def test_a_long_life_keeps_a_short_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperinfer.api.store.admitted.MOST_BYTES", 20_000)
    assert MOST_BYTES > 20_000
    principal = Principal(workspace="ws", workspace_name="lab", key_id="key_1")
    async with AdmittedJournal.open(tmp_path, lambda: NOW) as admitted:
        assert admitted.admit(an_admission("long", principal, 1))
        for number in range(1000):
            assert admitted.admit(an_admission(f"r{number}", principal, 1))
            admitted.over(f"r{number}")
        (path,) = JournalFolder(tmp_path).path.glob("*.journal")
        assert path.stat().st_size < 25_000
        assert b"long" in path.read_bytes()
    (left,) = JournalFolder(tmp_path).orphans()
    assert b"long" in os.pread(left.descriptor, left.size, 0)
    left.close()


async def test_nothing_is_admitted_that_cannot_be_written(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        principal = Principal(workspace=workspace, workspace_name="lab", key_id="key_1")
        assert await store.admit(an_admission("r0", principal, 1)) is None
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        try:
            refusal = await store.admit(an_admission("r1", principal, 1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        assert refusal is not None
        assert refusal.code == "internal_error"
        assert store.checks == {"store": False}
        with trio.fail_after(5):
            await store.settle(a_generation("r0", workspace, 7))
            while not store.healthy:  # noqa: ASYNC110 - nobody has to ask
                await trio.sleep(0.01)
            assert await store.admit(an_admission("r2", principal, 1)) is None
            await store.settle(a_generation("r2", workspace, 7))
