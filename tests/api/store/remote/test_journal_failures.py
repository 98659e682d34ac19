"""The shared store when its journal cannot be written, or dead processes have left theirs: on real servers and files."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.settlement.effects import Admitted, Balance, Entry, Hold, Record, Settled
from hyperinfer.api.store.generations import generation_row, packed_row
from hyperinfer.api.store.journal import JournalFile, JournalFolder
from hyperinfer.api.store.remote.settling import settle_rows
from hyperinfer.nodes.ports import NotRecorded, Principal
from tests.api.store.remote.opened import Place, a_place, opened
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from hyperinfer.api.store.messages import GenerationRow
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.api.store.remote.store import RemoteStore
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

PRINCIPAL = Principal(workspace="ws", workspace_name="lab", key_id="key_1")


@pytest.fixture
async def place(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> Place:
    place = a_place(postgres, valkey, tmp_path)
    async with opened(place):
        place.sql(f"INSERT INTO workspace (id, name, balance, version, created_at) VALUES ('ws', 'lab', {USD}, 1, 0)")
    return place


async def until(true: Callable[[], bool]) -> None:
    with trio.fail_after(20):
        while not true():  # noqa: ASYNC110 - nothing tells
            await trio.sleep(0.05)


async def admit(store: RemoteStore, request: str) -> None:
    assert await store.admit(an_admission(request, PRINCIPAL, 100)) is None


def statuses(place: Place) -> dict[str, str]:
    return dict(line.split("|") for line in place.sql("SELECT id, status FROM generation").splitlines())


def suffixes(place: Place) -> list[str]:
    return sorted(path.suffix for path in place.journals.iterdir())


async def test_what_goes_on_together_is_in_the_journal_before_by_one_write(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    append = JournalFile.append

    def counted(journal: JournalFile, *entries: Entry) -> None:
        writes.append(len(entries))
        append(journal, *entries)

    def noted() -> tuple[set[str], set[str]]:
        entries = JournalFolder(place.journals).all_entries()
        admitted = {entry.hold.request for entry in entries if isinstance(entry, Admitted)}
        return admitted, {entry.record.request for entry in entries if isinstance(entry, Settled)}

    async def settled(connection: Connection, group: Sequence[GenerationRow]) -> Mapping[str, Balance]:
        assert {row.id for row in group} <= noted()[1], "before the database is asked"
        return await settle_rows(connection, group)

    async def one(request: str) -> None:
        await admit(store, request)
        assert request in noted()[0], "before it goes upstream"
        await store.settle(a_generation(request, "ws", 7))

    async with opened(place) as store:
        await admit(store, "first")
        monkeypatch.setattr(JournalFile, "append", counted)
        monkeypatch.setattr("hyperinfer.api.store.remote.rows.settle_rows", settled)
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(one, f"r{number}")
        assert len(writes) < sum(writes) / 4


async def test_what_no_group_comes_after_is_in_the_journal_in_time(place: Place) -> None:
    def settled() -> list[Entry]:
        return [entry for entry in JournalFolder(place.journals).all_entries() if isinstance(entry, Settled)]

    async with opened(place) as store:
        place.postgres.signal(signal.SIGSTOP)
        try:
            async with trio.open_nursery() as nursery:
                for number in range(2):  # the second waits for the first
                    nursery.start_soon(store.settle, a_generation(f"r{number}", "ws", 7))
                    await trio.sleep(0.01)
                with trio.fail_after(0.9):
                    await until(lambda: len(settled()) == 2)
                place.postgres.signal(signal.SIGCONT)
        finally:
            place.postgres.signal(signal.SIGCONT)


@contextmanager
def no_room() -> Generator[None]:
    """No file of this process can become longer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


async def test_a_full_disk_is_recovered_from_when_there_is_room(place: Place) -> None:
    async with opened(place) as store:
        await admit(store, "before")
        with no_room():
            for request in ("r1", "r2"):
                refusal = await store.admit(an_admission(request, PRINCIPAL, 100))
                assert refusal is not None
                assert refusal.code == "internal_error"
            assert store.checks == {"redis": True, "postgres": True, "store": False}
            await store.settle(a_generation("before", "ws", 70))  # the database takes it
            await trio.sleep(2.5)  # it is tried in vain
            assert not store.ledger.recording
        await until(lambda: store.ledger.recording)
        await admit(store, "after")
        assert store.checks == {"redis": True, "postgres": True}
        await store.settle(a_generation("after", "ws", 70))
    assert statuses(place) == {"before": "completed", "after": "completed"}
    assert set(suffixes(place)) == {".done"}
    assert place.valkey.run("HLEN", "hi:{ws}:holds") == 0


def kill_syncers() -> int:
    killed = 0
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            if b"hyperinfer.api.store.syncer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)
                killed += 1
    return killed


async def test_a_sync_that_fails_is_not_tried_again_but_with_a_new_journal(place: Place) -> None:
    async with opened(place) as store:
        for number in range(3):
            await admit(store, f"r{number}")
        place.postgres.stop()
        try:
            with trio.fail_after(30):
                await store.settle(a_generation("r0", "ws", 70))
                assert kill_syncers() == 1
                with pytest.raises(NotRecorded):
                    await store.settle(a_generation("r1", "ws", 70))
                await until(lambda: store.ledger.recording)
                await store.settle(a_generation("r2", "ws", 70))
        finally:
            place.postgres.start()
        await until(lambda: store.ledger.owner.idle)
    assert statuses(place) == dict.fromkeys(["r0", "r1", "r2"], "completed")
    assert set(suffixes(place)) == {".done"}


async def test_what_a_dead_process_left_is_taken_over_by_one_that_lives(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hyperinfer.api.store.remote.store.SWEEP_SECONDS", 0.1)
    async with opened(place) as store:
        settled = generation_row(a_generation("settled", "ws", 70))
        hold = Hold("admitted", "ws", 100, packed_row(generation_row(an_admission("admitted", PRINCIPAL, 100).interrupted)))
        record = Record("settled", "ws", 70, packed_row(settled))
        head = JournalFolder(place.journals).all_entries()[0]
        left = JournalFolder(place.journals).begin(NOW, head, Admitted(hold), Settled(record))
        await trio.sleep(0.3)
        assert statuses(place) == {}, "its owner lives"
        left.close()
        await until(lambda: suffixes(place) == [".done", ".done", ".journal"] and store.ledger.owner.idle)
        assert statuses(place) == {"settled": "completed", "admitted": "interrupted"}
    assert place.sql("SELECT balance FROM workspace") == str(USD - 70)
