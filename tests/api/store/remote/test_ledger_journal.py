"""The journal of the shared store begins anew when it is large; at every moment of that, all that is owed is in a file."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.settlement.effects import Admitted, Done, Entry, Hold, Record, Settled
from hyperinfer.api.settlement.owed import owed
from hyperinfer.api.store.journal import JournalFile, JournalFolder
from hyperinfer.api.store.remote.ledger_journal import DONE_AT_ONCE, LedgerJournal
from hyperinfer.api.store.syncer import SyncFailed

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_795_600_000.25


def _settled(number: int) -> list[Entry]:
    request = f"r{number}"
    return [Admitted(Hold(request, "ws", 5, b"about")), Settled(Record(request, "ws", 3, b"row"))]


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    folder = JournalFolder(tmp_path / "journals")
    folder.create()
    return folder


def _suffixes(folder: JournalFolder) -> list[str]:
    return [path.suffix for path in sorted(folder.path.iterdir())]


async def test_it_begins_anew_with_what_is_owed(folder: JournalFolder) -> None:
    journal = LedgerJournal(folder, lambda: NOW, large=1000)
    assert not journal.large
    for number in range(20):
        for entry in (*_settled(number), Done(f"r{number}")):
            journal.append(entry)
    assert journal.large
    assert journal.begin_anew(_settled(100))
    assert not journal.begin_anew(_settled(100)), "one after the other"
    await journal.trust()
    assert not journal.large
    assert _suffixes(folder) == [".done", ".journal"]
    assert journal.file.entries() == _settled(100)
    journal.append(Done("r100"))
    for entry in _settled(101):
        journal.append(entry)
    assert [hold.request for hold, _ in owed(folder.all_entries())] == ["r101"], "what is done is written with the next"
    await journal.close()
    journal.let_go(owing=False)
    assert _suffixes(folder) == [".done", ".done"]


async def test_what_is_owed_may_be_more_than_large(folder: JournalFolder) -> None:
    journal = LedgerJournal(folder, lambda: NOW, large=10)
    assert journal.begin_anew([entry for number in range(100) for entry in _settled(number)])
    await journal.trust()
    assert not journal.large, "it would begin anew for ever"
    for entry in _settled(100):
        journal.append(entry)
    assert journal.large
    await journal.close()
    journal.let_go(owing=True)


async def test_a_crash_in_between_leaves_both_and_the_new_one_is_read_last(folder: JournalFolder) -> None:
    journal = LedgerJournal(folder, lambda: NOW)
    for entry in (*_settled(1), *_settled(2)):
        journal.append(entry)
    assert journal.begin_anew([*_settled(1), *_settled(2)])
    with trio.CancelScope() as scope:
        scope.cancel()  # the new one is written, and nobody knows whether it is on the disk
        await journal.trust()
    assert scope.cancelled_caught
    journal.append(Done("r1"))
    assert _suffixes(folder) == [".journal", ".journal"]
    assert folder.orphans() == [], "both are ours until the end"
    await journal.close()
    journal.let_go(owing=True)
    orphans = folder.orphans()
    entries = [entry for orphan in orphans for entry in orphan.entries()]
    assert [hold.request for hold, _ in owed(entries)] == ["r2"]
    for orphan in orphans:
        orphan.close()


async def test_who_waits_for_the_old_one_is_told_and_who_asks_meanwhile_waits_for_the_new(folder: JournalFolder) -> None:
    journal = LedgerJournal(folder, lambda: NOW)
    synced: list[int] = []

    async def sync(number: int) -> None:
        for entry in _settled(number):
            journal.append(entry)
        await journal.sync()
        synced.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(sync, number)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        assert journal.begin_anew([entry for number in range(10) for entry in _settled(number)])
        nursery.start_soon(journal.trust)
        for number in range(10, 20):
            nursery.start_soon(sync, number)
    assert sorted(synced) == list(range(20))
    assert _suffixes(folder) == [".done", ".journal"]
    await journal.close()
    journal.let_go(owing=True)


async def test_a_new_one_that_cannot_be_begun_leaves_the_old_one_in_use(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = LedgerJournal(folder, lambda: NOW, large=50)
    for entry in _settled(1):
        journal.append(entry)
    assert journal.large

    def full(self: JournalFile, *entries: Entry) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(JournalFile, "append", full)
        assert not journal.begin_anew(_settled(1))
    assert _suffixes(folder) == [".journal"]
    assert not journal.large, "it is tried again when it has grown as much again"
    for number in range(DONE_AT_ONCE + 1):
        journal.append(Done(f"r{number}"))
    assert journal.file.entries() == [*_settled(1), *(Done(f"r{number}") for number in range(DONE_AT_ONCE + 1))]
    await journal.close()
    journal.let_go(owing=False)


async def test_a_new_one_that_does_not_get_to_the_disk_costs_the_old_one_nothing(folder: JournalFolder) -> None:
    journal = LedgerJournal(folder, lambda: NOW)
    for entry in _settled(1):
        journal.append(entry)
    await journal.sync()
    async with trio.open_nursery() as nursery:

        async def fail() -> None:
            with pytest.raises(SyncFailed):
                await journal.trust()

        assert journal.begin_anew(_settled(1))
        nursery.start_soon(fail)
        await trio.lowlevel.checkpoint()
        await journal.close()  # takes the new one's help away
    assert not journal.begin_anew(_settled(1)), "too late"
    journal.let_go(owing=True)
    assert _suffixes(folder) == [".journal", ".journal"]
