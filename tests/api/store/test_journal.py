"""Journals on a real disk: what a killed process wrote is there, its owner alone writes, the next start takes it over."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.settlement.effects import Admitted, Done, Entry, Hold, Record, Settled
from hyperinfer.api.settlement.owed import owed
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.journal import KEEP_SECONDS, JournalFile, JournalFolder, adopt, own
from hyperinfer.api.store.syncer import Syncer, SyncFailed
from hyperinfer.api.store.writer_client import child_environment

if TYPE_CHECKING:
    from pathlib import Path

ONE: Entry = Admitted(Hold("r1", "ws", 5, b"about"))
TWO: Entry = Settled(Record("r1", "ws", 3, b"row"))
THREE: Entry = Done("r1")

WRITES_AND_WAITS = """
import sys
from pathlib import Path
from hyperinfer.api.settlement.effects import Done
from hyperinfer.api.store.journal import JournalFile
journal = JournalFile.begin(Path(sys.argv[1]) / "theirs.journal")
journal.append(*[Done(f"r{n}") for n in range(100)])
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    folder = JournalFolder(tmp_path / "journals")
    folder.create()
    return folder


def test_what_is_appended_is_read(folder: JournalFolder) -> None:
    journal = JournalFile.begin(folder.path / "a.journal")
    journal.append(ONE)
    journal.append(TWO, THREE)
    assert journal.entries() == [ONE, TWO, THREE]
    assert folder.all_entries() == [ONE, TWO, THREE]
    journal.close()


def test_journals_begun_at_once_are_several(folder: JournalFolder) -> None:
    journals = [folder.begin(1000.0) for _ in range(3)]
    assert len({journal.path for journal in journals}) == 3
    for journal in journals:
        journal.remove()
    assert list(folder.path.iterdir()) == []


def test_only_its_owner_has_it(folder: JournalFolder) -> None:
    journal = JournalFile.begin(folder.path / "a.journal")
    assert folder.orphans() == []
    journal.close()
    (orphan,) = folder.orphans()
    assert folder.orphans() == []
    orphan.close()


def test_a_killed_process_leaves_all_that_it_wrote(folder: JournalFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_AND_WAITS, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        assert folder.orphans() == []
        process.send_signal(signal.SIGKILL)
        process.wait()
    (orphan,) = folder.orphans()
    assert orphan.entries() == [Done(f"r{n}") for n in range(100)]
    orphan.close()


def test_adopting_takes_everything_over_once(folder: JournalFolder) -> None:
    for name, entry in (("a", ONE), ("b", TWO)):
        left = JournalFile.begin(folder.path / f"{name}.journal")
        left.append(entry)
        left.close()
    ours = JournalFile.begin(folder.path / "c.journal")
    assert adopt(folder.orphans(), ours) == [ONE, TWO]
    assert ours.entries() == [ONE, TWO]
    assert adopt(folder.orphans(), ours) == []
    assert sorted(path.name for path in folder.path.iterdir()) == ["a.done", "b.done", "c.journal"]
    ours.close()


def test_a_torn_entry_is_left_out(folder: JournalFolder) -> None:
    journal = JournalFile.begin(folder.path / "a.journal")
    journal.append(ONE)
    os.write(journal.descriptor, b"\0\0\0\x20\1\2")
    journal.close()
    (orphan,) = folder.orphans()
    assert orphan.entries() == [ONE]
    orphan.close()


def test_journals_that_are_done_are_kept_for_a_day(folder: JournalFolder) -> None:
    journal = JournalFile.begin(folder.path / "a.journal")
    journal.done()
    written = (folder.path / "a.done").stat().st_mtime
    folder.forget(written + KEEP_SECONDS - 1)
    assert [path.name for path in folder.path.iterdir()] == ["a.done"]
    folder.forget(written + KEEP_SECONDS + 1)
    assert list(folder.path.iterdir()) == []


def test_of_what_is_done_with_only_so_much_is_kept(folder: JournalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperinfer.api.store.journal.KEEP_BYTES", 100)
    for name in ("a", "b", "c"):
        journal = JournalFile.begin(folder.path / f"{name}.journal")
        os.write(journal.descriptor, bytes(50))
        journal.done()
    folder.forget((folder.path / "a.done").stat().st_mtime)
    assert sorted(path.name for path in folder.path.iterdir()) == ["b.done", "c.done"]


async def test_a_syncer_that_is_closed_lets_nobody_wait(folder: JournalFolder) -> None:
    journal = JournalFile.begin(folder.path / "a.journal")
    syncer = Syncer(journal)
    await syncer.sync()
    failed = 0

    async def ask() -> None:
        nonlocal failed
        try:
            await syncer.sync()
        except SyncFailed:
            failed += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(syncer.close)
        for _ in range(3):
            nursery.start_soon(ask)
    await ask()
    assert failed >= 1
    journal.close()


async def test_a_sync_is_done_by_another_process_and_shared(folder: JournalFolder) -> None:
    journal = JournalFile.begin(folder.path / "a.journal")
    syncer = Syncer(journal)
    journal.append(ONE)
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(syncer.sync)
    with trio.move_on_after(0):
        await syncer.sync()
    await syncer.sync()
    await syncer.close()
    journal.close()


async def test_a_sync_that_fails_is_never_tried_again(folder: JournalFolder) -> None:
    # A descriptor that cannot be synced, as a broken disk's.
    reading, writing = os.pipe()
    syncer = Syncer(JournalFile(folder.path / "pipe", writing))
    for _ in range(2):
        with pytest.raises(SyncFailed):
            await syncer.sync()
    await syncer.close()
    os.close(reading)
    os.close(writing)


async def test_a_syncer_that_dies_is_a_failed_sync(folder: JournalFolder) -> None:
    journal = JournalFile.begin(folder.path / "a.journal")
    syncer = Syncer(journal)
    await syncer.sync()
    process = syncer._process  # pyright: ignore[reportPrivateUsage] # to kill it
    assert process is not None
    process.kill()
    with pytest.raises(SyncFailed):
        await syncer.sync()
    await syncer.close()
    journal.close()


def test_a_full_disk_is_an_error_and_not_a_short_entry_unnoticed(folder: JournalFolder) -> None:
    journal = JournalFile.begin(folder.path / "a.journal")
    journal.append(ONE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.size + 3, hard))
    try:
        with pytest.raises(OSError, match="3 of"):
            journal.append(TWO)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert journal.entries() == [ONE]
    journal.close()


def test_a_journal_comes_after_those_before_it_whatever_the_clock_says(folder: JournalFolder) -> None:
    """Of two that a crash leaves, the later one tells what became of what is in the earlier one."""
    first, second, third = folder.begin(1000.0), folder.begin(-500.0), folder.begin(1000.0)
    first.append(Admitted(Hold("r1", "ws", 5)))
    second.append(Done("r1"))
    assert sorted([third.path, second.path, first.path]) == [first.path, second.path, third.path]
    assert owed(folder.all_entries()) == []
    third.done()
    fourth = folder.begin(1000.0)
    fourth.done()
    assert fourth.path > third.path, "and does not take the place of one that is kept"
    assert len(list(folder.path.glob("*.done"))) == 2


def test_a_journal_of_another_ledger_is_not_taken_over(folder: JournalFolder) -> None:
    theirs = JournalFolder(folder.path, "ledger of theirs")
    for number, entries in enumerate(([ONE], [ONE, THREE], [])):
        journal = theirs.begin(1000.0 + number)
        journal.append(*entries)
        journal.close()
    ours = folder.begin(999.0)  # which does not say whose it is
    ours.close()
    for _ in range(2):  # a refusal leaves everything as it was
        with pytest.raises(StoreUnavailable, match=r"ledger \(ledger of theirs; .* is ours\).*--data.*: 0000001000000-\S+$"):
            own(folder.orphans(), "ours")
    kept = own(theirs.orphans(), "ledger of theirs")
    assert len(kept) == 4
    for journal in kept:
        journal.close()
    (path,) = sorted(folder.path.glob("0000001000000-*"))
    path.unlink()  # as it says
    (kept_one,) = own(folder.orphans(), "ours")
    assert kept_one.path == ours.path
    kept_one.close()
    assert len(list(folder.path.glob("*.done"))) == 2, "those owed nothing"
