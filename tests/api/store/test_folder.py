"""One process serves a data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.store.errors import FolderInUse, StoreUnavailable
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.api.store.writer_client import child_environment

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from hyperinfer.api.store.folder import DataFolder, FolderLock
with FolderLock.acquire(DataFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""
HEIR = """
import sys
from hyperinfer.api.store.folder import FolderLock
with FolderLock.adopt(int(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "deep" / "data")
    command = [sys.executable, "-c", HOLDER, os.fspath(folder.path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=child_environment()) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUse, match=rf"in use by process {holder.pid};.*--data"):
            FolderLock.acquire(folder)
        holder.send_signal(signal.SIGKILL)
    with FolderLock.acquire(folder):
        assert folder.lock.read_text() == f"{os.getpid()}\n"
    with FolderLock.acquire(folder):
        pass


def test_a_child_may_hold_the_same_lock(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    lock = FolderLock.acquire(folder)
    command = [sys.executable, "-c", HEIR, str(lock.descriptor)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=child_environment(), pass_fds=[lock.descriptor]) as heir:
        assert heir.stdout is not None
        assert heir.stdout.readline() == b"held\n"
        lock.release()
        with pytest.raises(FolderInUse):
            FolderLock.acquire(folder)
        heir.communicate()
    with FolderLock.acquire(folder):
        pass


def test_a_holder_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    """Its workers have the lock still, while they drain."""
    folder = DataFolder(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    with FolderLock.acquire(folder):
        for holder, message in (
            (str(ended.pid), f"in use by process {ended.pid}, which is gone from here"),
            ("", r"in use by process \(unknown\); stop that one"),
            ("9" * 30, "in use by process 9+; stop that one"),
        ):
            folder.lock.write_text(holder)
            with pytest.raises(FolderInUse, match=message):
                FolderLock.acquire(folder)


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with FolderLock.acquire(folder):
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert folder.lock.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot make the data folder"):
        FolderLock.acquire(DataFolder(tmp_path / "file" / "data"))


def test_gateways_of_the_shared_store_share_it_and_no_embedded_store_comes_between(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    words = "in use by gateways of the shared mode; set HYPERINFER_POSTGRES_URL"
    with FolderLock.share(folder), FolderLock.share(folder), pytest.raises(FolderInUse, match=words):
        FolderLock.acquire(folder)
    with FolderLock.acquire(folder), pytest.raises(FolderInUse, match=rf"in use by process {os.getpid()};"):
        FolderLock.share(folder)


def test_the_journals_of_the_two_stores_lie_apart(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.admitted != folder.journals


def test_a_folder_of_the_other_mode_is_told(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert [folder.of_the_other_mode(shared=shared) for shared in (True, False)] == [None, None]
    folder.journals.mkdir()
    assert folder.of_the_other_mode(shared=True) is None
    assert "HYPERINFER_POSTGRES_URL and HYPERINFER_REDIS_URL missing" in str(folder.of_the_other_mode(shared=False))
    folder.database.touch()
    assert folder.of_the_other_mode(shared=False) is None  # of both modes once, and its own accounts are there
    assert "not those of Postgres" in str(folder.of_the_other_mode(shared=True))
