"""kill -9 of workers, supervisors and everything at once, at random moments under load, on either store.

HYPERINFER_KILLS=50 HYPERINFER_KILL_SEED=7 python -m pytest -s tests/system/test_kills.py
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.system.kill_stores import EmbeddedBooks, SharedBooks
from tests.system.kills import rounds_of_kills, told

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

KILLS = int(os.environ.get("HYPERINFER_KILLS", "5"))
SEED = int(os.environ.get("HYPERINFER_KILL_SEED", "20261126"))


def test_the_shared_store(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    valkey.run("FLUSHALL")
    books = SharedBooks(postgres, valkey, postgres.new_database(), tmp_path)
    story, heard, produced = rounds_of_kills(books, tmp_path, KILLS, SEED, workers=2)
    with capsys.disabled():
        print(f"\nshared: {told(story, heard, produced, books.rows())}")


def test_the_embedded_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    books = EmbeddedBooks(tmp_path)
    story, heard, produced = rounds_of_kills(books, tmp_path, KILLS, SEED)
    with capsys.disabled():
        print(f"\nembedded: {told(story, heard, produced, books.rows())}")
