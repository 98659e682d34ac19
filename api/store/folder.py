"""The data folder: which files are where, and the lock that says who serves from it: one gateway that keeps its store
there, or any number of gateways of the shared store that keep nothing there but a journal each."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self, final

from hyperinfer.api.store.errors import FolderInUse, StoreUnavailable

if TYPE_CHECKING:
    from types import TracebackType


@final
class DataFolder:
    """The paths inside a data folder. Making one touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / "hyperinfer.db"
        self.lock = path / "lock"
        self.control_socket = path / "control.sock"
        self.admitted = path / "admitted"
        """Journals of the embedded store: which requests are under way."""
        self.journals = path / "journal"
        """Journals of the shared store. Apart from the others: neither may adopt what the other owes."""

    def of_the_other_mode(self, *, shared: bool) -> str | None:
        """What to tell an operator whose environment is not the one that this folder was served with; None: it is, as far
        as its files say. `shared`: the mode of now."""
        if shared and self.database.exists():
            return (
                f"{self.path} has an embedded store, {self.database.name}: its accounts, keys and requests are not those of"
                " Postgres, which serves now. Is HYPERINFER_POSTGRES_URL meant for this folder?"
            )
        if not shared and self.journals.is_dir() and not self.database.exists():
            return (
                f"{self.path} was served with Postgres and Redis, which are not set now: accounts and keys are others."
                " Are HYPERINFER_POSTGRES_URL and HYPERINFER_REDIS_URL missing?"
            )
        return None

    def create(self) -> None:
        """Make the folder, for its owner alone, unless it is there. Raises StoreUnavailable."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"cannot make the data folder {self.path}: {error.strerror}") from error


_SHARED = "shared"
"""In the place of a pid."""


def _who(holder: str, *, gone: bool) -> str:
    if holder == _SHARED:
        return (
            "gateways of the shared mode; set HYPERINFER_POSTGRES_URL and HYPERINFER_REDIS_URL as they have them, or choose"
            " another folder with --data"
        )
    if not holder.isdigit() or int(holder) == 0:
        return "process (unknown); stop that one or choose another folder with --data"
    if gone:
        return f"process {holder}, which is gone from here, and whose last requests may still be running; try again soon"
    return f"process {holder}; stop that one or choose another folder with --data"


def _is_gone(holder: str) -> bool:
    """Whether it handed the lock to its workers, which drain now; or is invisible, in another container."""
    if not holder.isdigit() or int(holder) == 0:
        return False
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    return False


@final
class FolderLock:
    """A claim to a data folder; a context manager. The kernel frees it with the process.

    The descriptor may be handed to a child (`pass_fds`), which then holds the same lock through `adopt`: it is free when
    all of them have let go.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def acquire(cls, folder: DataFolder) -> Self:
        """For the one process that keeps its store there. Leaves our pid in it. Raises FolderInUse, naming who has it, or
        StoreUnavailable."""
        return cls._take(folder, fcntl.LOCK_EX, f"{os.getpid()}\n")

    @classmethod
    def share(cls, folder: DataFolder) -> Self:
        """For a gateway of the shared store: with others of its kind, never beside an embedded store. Raises FolderInUse or
        StoreUnavailable."""
        return cls._take(folder, fcntl.LOCK_SH, f"{_SHARED}\n")

    @classmethod
    def _take(cls, folder: DataFolder, kind: int, words: str) -> Self:
        folder.create()
        try:
            descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"cannot open {folder.lock}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise StoreUnavailable(f"cannot lock {folder.lock}: {error.strerror}") from error
            gone = _is_gone(holder)
            message = f"the data folder {folder.path} is in use by {_who(holder, gone=gone)}"
            raise FolderInUse(message, ending=gone) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, words.encode(), 0)
        return cls(descriptor)

    @classmethod
    def adopt(cls, descriptor: int) -> Self:
        """The lock that a parent holds and has handed down."""
        os.set_inheritable(descriptor, False)
        return cls(descriptor)

    def release(self) -> None:
        """Let go; the file stays, since removing it would let two processes lock two files of one name."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()
