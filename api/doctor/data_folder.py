"""The folders that a gateway writes to: rights, room, how fast the disk is, and what is in them."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import statistics
import time
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.api.settlement.owed import owed
from hyperinfer.api.store.database import migrations, open_reader
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.folder import DataFolder
from hyperinfer.api.store.journal import JournalFolder

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings

FREE_MB_LEAST: Final = 64
FREE_MB_LITTLE: Final = 1024
FREE_NAMES: Final = 1000
SLOW_MS: Final = 20.0
SYNCS: Final = 8
_PROBE = ".doctor"
_ROUGHLY = 1000
"""Instructions of SQLite between two looks at the clock."""


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """The data folder, and the embedded store in it."""
    data = surroundings.data
    folder = DataFolder(data)
    full = "nothing is admitted (500 internal_error)"
    examine = partial(_examine_folder, data, "data folder", "--data", full, findings)
    if not await trio.to_thread.run_sync(examine, abandon_on_cancel=True):
        return
    held = await trio.to_thread.run_sync(is_held, folder)
    if surroundings.settings.postgres_url is None:
        look_through = partial(_examine_database, folder, surroundings.seconds * 0.6, findings)
        await trio.to_thread.run_sync(look_through, abandon_on_cancel=True)
    if held:
        findings.ok("lock", "a gateway, or a command, has it now")
    else:
        await trio.to_thread.run_sync(partial(_examine_journals, folder, findings), abandon_on_cancel=True)


async def look_at_recordings(surroundings: Surroundings, findings: Findings) -> None:
    """The folder of recordings, where there is one."""
    record = surroundings.settings.record
    if record is None:
        return
    full = "nothing is recorded, and requests are served all the same"
    examine = partial(_examine_folder, record.folder.absolute(), "folder of recordings", "--record", full, findings)
    await trio.to_thread.run_sync(examine, abandon_on_cancel=True)


def is_held(folder: DataFolder) -> bool:
    """Whether a process has the data folder, of either mode."""
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # for a moment, as any command takes it
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _examine_folder(path: Path, what: str, flag: str, full: str, findings: Findings) -> bool:
    """Whether it is there and can be used. `full`: what happens when its disk is."""
    if path.exists() and not path.is_dir():
        findings.problem("folder", f"the {what} {path} is no folder", f"name another with {flag}, or move that file away")
        return False
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    # As whom we are now, where the system can say that: a program may have given up being root.
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        fix = f"give it to whom the gateway runs as: chown {_user()} {there}; or name another folder with {flag}"
        findings.problem("folder", f"this user ({_user()}) may not write to {there}", fix)
        return False
    if there != path:
        findings.ok("folder", f"{path} is not there yet: `hyperinfer serve` makes it", path=str(path))
        _examine_room(there, full, findings)
        return False
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        fix = f"chmod 700 {path}: what is in it is for the gateway alone"
        findings.warning("folder", f"others on this machine may look into {path} (mode {mode:03o})", fix, path=str(path))
    else:
        findings.ok("folder", f"{path}, for its owner alone", path=str(path))
    _examine_room(path, full, findings)
    _examine_disk(path, findings)
    return True


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _examine_room(path: Path, full: str, findings: Findings) -> None:
    status = os.statvfs(path)
    free_mb = status.f_bavail * status.f_frsize // (1 << 20)
    text = f"{free_mb:,} MB free"
    facts = {"free_mb": free_mb, "free_names": status.f_favail if status.f_files else None}
    if status.f_files and status.f_favail < FREE_NAMES:
        findings.problem("room", f"{text}, but only {status.f_favail} more files", "delete files on this disk", **facts)
    elif free_mb < FREE_MB_LEAST:
        findings.problem("room", text, f"make room: when it is full {full}", **facts)
    elif free_mb < FREE_MB_LITTLE:
        findings.warning("room", text, f"make room before it is full: then {full}", **facts)
    else:
        findings.ok("room", text, **facts)


def _examine_disk(path: Path, findings: Findings) -> None:
    """How long it takes until a write is on the disk: every answer waits for that, once."""
    probe = path / _PROBE
    took: list[float] = []
    try:
        descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(SYNCS):
                os.write(descriptor, bytes(4096))
                began = time.perf_counter()
                os.fsync(descriptor)
                took.append((time.perf_counter() - began) * 1000)
        finally:
            os.close(descriptor)
            with suppress(OSError):
                probe.unlink()
    except OSError as error:
        fix = "look at this disk (`dmesg`, quotas, read-only mounts): while it is so, nothing is admitted"
        findings.problem("disk", f"cannot write to {path}: {error.strerror}", fix)
        return
    usual = statistics.median(took)
    kind = _file_system(path)
    text = f"{usual:.1f} ms until a write is on the disk" + (f" ({kind})" if kind else "")
    facts = {"fsync_ms": round(usual, 2), "file_system": kind}
    if usual > SLOW_MS:
        findings.warning("disk", text, "every answer waits so long before its end: use a faster disk", **facts)
    elif kind in ("tmpfs", "ramfs", "overlay"):
        fix = "accounts and the ledger are gone with it: let --data name a folder on a disk or a volume that stays"
        findings.note("disk", f"{text}, which does not outlive this machine or container", fix, **facts)
    elif kind.startswith(("nfs", "cifs", "fuse")):
        fix = "put --data on a disk of this machine: SQLite and locks are not safe over a network"
        findings.warning("disk", text, fix, **facts)
    else:
        findings.ok("disk", text, **facts)


def _file_system(path: Path) -> str:
    """As Linux calls it; "" where it does not say."""
    found = ("", "")
    absolute = os.path.realpath(path)
    try:
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            for line in mounts:
                _, place, kind, *_ = line.split()
                inside = absolute == place or absolute.startswith(place.rstrip("/") + "/")
                if inside and len(place) >= len(found[0]):
                    found = (place, kind)
    except (OSError, ValueError):
        return ""
    return found[1]


def _examine_database(folder: DataFolder, seconds: float, findings: Findings) -> None:
    """Whether SQLite finds the file whole, as far as it comes in its time."""
    if not folder.database.exists():
        findings.ok("store", "none yet: the first `hyperinfer serve` makes it, and prints an API key")
        return
    restore = f"stop the gateway and put a backup of {folder.database} in its place"
    ends = time.monotonic() + seconds
    try:
        with closing(open_reader(folder.database)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            newest = migrations()[-1][0]
            connection.set_progress_handler(lambda: time.monotonic() > ends, _ROUGHLY)
            answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except (sqlite3.Error, StoreUnavailable) as error:
        if "interrupted" in str(error):
            size = folder.database.stat().st_size // (1 << 20)
            findings.note(
                "store", f"too large ({size:,} MB) to be looked through in {seconds:.0f} s", "give it --patience 600"
            )
        else:
            findings.problem("store", f"SQLite cannot read it: {error}", restore)
        return
    if answer != "ok":
        findings.problem("store", f"SQLite finds it damaged: {answer}", restore)
    elif version > newest:
        fix = "run that newer HyperInfer, or name another folder with --data"
        findings.problem("store", f"it was used by a newer HyperInfer (version {version}; this one knows {newest})", fix)
    else:
        older = f"; the next start brings it to version {newest}" if version < newest else ""
        findings.ok("store", f"whole, version {version}{older}", version=version)


def _examine_journals(folder: DataFolder, findings: Findings) -> None:
    """What a gateway that is gone has left to do."""
    for path, who in ((folder.admitted, "the embedded store"), (folder.journals, "Postgres")):
        if not path.is_dir():
            continue
        try:
            left = owed(JournalFolder(path).all_entries())
        except OSError as error:
            fix = "give it back to whom the gateway runs as"
            findings.problem("journals", f"cannot read {path}: {error.strerror}", fix)
            continue
        settled = sum(record is not None for _, record in left)
        if left:
            text = f"{len(left)} requests of a gateway that is gone are owed to {who} ({settled} of them with their bill)"
            findings.warning("journals", text, "start the gateway: it settles them", owed=len(left), settled=settled)
        else:
            findings.ok("journals", f"nothing is owed to {who}", owed=0)
