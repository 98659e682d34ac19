"""How the file is opened: durable, append-only, migrated whole or not at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.store.database import migrate, migrations, open_reader, open_writer
from hyperinfer.api.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path


def test_commits_are_on_the_disk(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "x.db")) as connection:
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "wal_autocheckpoint", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "wal_autocheckpoint": 0, "foreign_keys": 1}


@pytest.mark.parametrize("statement", ["UPDATE ledger SET amount = 2", "DELETE FROM ledger"])
def test_the_ledger_only_grows(tmp_path: Path, statement: str) -> None:
    with closing(open_writer(tmp_path / "x.db")) as connection:
        connection.execute("INSERT INTO workspace (id, name, created_at) VALUES ('w', 'w', 1)")
        connection.execute(
            "INSERT INTO ledger (workspace, kind, amount, request, created_at) VALUES ('w', 'topup', 1, 'o', 1)"
        )
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        assert connection.execute("SELECT amount FROM ledger").fetchall() == [(1,)]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_beyond_64_bits_fails_and_is_not_rounded(tmp_path: Path, sign: int) -> None:
    with closing(open_writer(tmp_path / "x.db")) as connection:
        connection.execute("INSERT INTO workspace (id, name, created_at) VALUES ('w', 'w', 1)")
        connection.execute("UPDATE workspace SET balance = balance + ?", (sign * 9 * 10**18,))
        for more in (1, 9 * 10**18):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute("UPDATE workspace SET balance = balance + ?", (sign * more,))
        assert connection.execute("SELECT balance, typeof(balance) FROM workspace").fetchone() == (
            sign * 9 * 10**18,
            "integer",
        )


def test_the_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "a folder? with #signs%20" / "x.db"
    path.parent.mkdir()
    with closing(open_writer(path)), closing(open_reader(path)) as reader:
        assert reader.execute("SELECT count(*) FROM ledger").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM generation")


def test_opening_twice_migrates_once(tmp_path: Path) -> None:
    newest = migrations()[-1][0]
    for _ in range(2):
        with closing(open_writer(tmp_path / "x.db")) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (newest,)


def test_versions_are_numbered_without_gaps() -> None:
    assert [version for version, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    newest = migrations()[-1][0]
    with closing(open_writer(tmp_path / "x.db")) as connection:
        good = (newest + 1, "CREATE TABLE one (a);")
        bad = (newest + 2, "CREATE TABLE two (a); CREATE TABLE one (a);")
        with pytest.raises(sqlite3.Error):
            migrate(connection, [good, bad])
        assert connection.execute("PRAGMA user_version").fetchone() == (newest + 1,)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        assert "one" in tables
        assert "two" not in tables


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "x.db")) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreUnavailable, match="newer"):
        open_writer(tmp_path / "x.db")
