"""The audit finds what was tampered with, each kind of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.api.store.samples import USD, a_generation, a_store

if TYPE_CHECKING:
    from pathlib import Path

TAMPERED = {
    "balance": ("UPDATE workspace SET balance = balance + 1", "the balance is"),
    "cost": ("UPDATE generation SET cost = cost + 1", "the ledger says"),
    "lines": ("""UPDATE generation SET details = replace(details, '"tokens":5', '"tokens":6')""", "is not 35"),
    "details": ("UPDATE generation SET details = '[]'", "cannot be read"),
    "row gone": ("DELETE FROM generation", "without a generation"),
    "entry gone": (
        "DROP TRIGGER ledger_no_delete; DELETE FROM ledger WHERE kind = 'usage'",
        "a generation without a ledger row",
    ),
    "moved": ("INSERT INTO workspace VALUES ('w2', 'w2', 0, 0, 0, 1); UPDATE generation SET workspace = 'w2'", "of w2"),
}


@pytest.mark.parametrize("kind", TAMPERED)
async def test_the_audit_tells(kind: str, tmp_path: Path) -> None:
    statements, words = TAMPERED[kind]
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        await store.settle(a_generation("r1", workspace, 35))
        assert (await store.verify_ledger()).differences == ()
        with closing(sqlite3.connect(tmp_path / "hyperinfer.db")) as connection:
            connection.executescript(statements)
        assert any(words in difference for difference in (await store.verify_ledger()).differences)
