"""How the SQLite file is opened: one writer, any number of readers, and its schema brought up to date."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Final, Literal

from hyperinfer.api.store.errors import StoreUnavailable

OLDEST_SQLITE: Final = (3, 37, 0)
"""STRICT tables; without them a sum beyond 64 bits would turn into floating point unseen."""

_MIGRATIONS = Path(__file__).with_name("sqlite")
_WRITER_PRAGMAS = (
    # FULL: every COMMIT is on the disk before it returns. NORMAL loses the last ones at a power cut.
    "PRAGMA synchronous = FULL",
    # Checkpoints are the slow commits; the writer makes them itself when it is idle.
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    # After a burst the log file is cut back to this when it starts over.
    "PRAGMA journal_size_limit = 67108864",
)


def open_writer(path: Path, mode: Literal["rwc", "rw"] = "rwc") -> sqlite3.Connection:
    """The one connection that writes, in autocommit mode, its schema current. `mode` "rw": of a file that is there already.

    Raises StoreUnavailable when the file is no database, comes from a newer version, or cannot be made durable.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise StoreUnavailable(f"SQLite {needed} or newer is needed; this Python has {sqlite3.sqlite_version}")
    try:
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        for pragma in _WRITER_PRAGMAS:
            connection.execute(pragma)
        if (mode, connection.execute("PRAGMA synchronous").fetchone()[0]) != ("wal", 2):
            raise StoreUnavailable(f"{path}: this file system does not allow a write-ahead log")
        migrate(connection, migrations())
    except sqlite3.Error as error:
        connection.close()
        raise StoreUnavailable(f"{path}: {error}") from error
    except StoreUnavailable:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; each statement sees the last COMMIT. Raises StoreUnavailable."""
    try:
        # A reader only ever waits while a log is being recovered, after a crash: milliseconds.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=2)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    return connection


def migrations() -> list[tuple[int, str]]:
    """(version, SQL) of every migration that ships, in order."""
    found: list[tuple[int, str]] = []
    for path in sorted(_MIGRATIONS.glob("*.sql")):
        number = re.match(r"\d+", path.name)
        if number is not None:
            found.append((int(number.group()), path.read_text(encoding="utf-8")))
    return found


def migrate(connection: sqlite3.Connection, steps: list[tuple[int, str]]) -> None:
    """Apply the steps above the file's `user_version`, each whole or not at all.

    The caller holds the writer's lock. Raises StoreUnavailable for a file that is newer than the steps.
    """
    current = connection.execute("PRAGMA user_version").fetchone()[0]
    newest = steps[-1][0] if steps else 0
    if current > newest:
        raise StoreUnavailable(
            f"the store has schema version {current}, this program knows {newest}: it was used by a newer HyperInfer"
        )
    for version, sql in steps:
        if version <= current:
            continue
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {version};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
