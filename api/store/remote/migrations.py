"""The schema of the database, brought up to date under a lock: any number of replicas may start at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hyperinfer.api.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from hyperinfer.api.store.remote.driver import Connection

_FOLDER = Path(__file__).with_name("postgres")
_LOCK: Final = 0x6869_6D69_6772
"""Of PostgreSQL's advisory locks: any number, the same in every version of this program."""


def migrations() -> list[tuple[int, str]]:
    """(version, SQL) of every migration that ships, in order."""
    found: list[tuple[int, str]] = []
    for path in sorted(_FOLDER.glob("*.sql")):
        number = re.match(r"\d+", path.name)
        if number is not None:
            found.append((int(number.group()), path.read_text(encoding="utf-8")))
    return found


async def migrate(connection: Connection, steps: list[tuple[int, str]]) -> None:
    """Apply the steps that the database has not had, each whole or not at all. asyncio.

    Raises StoreUnavailable for a database that is newer than the steps.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version bigint PRIMARY KEY, applied_at timestamptz DEFAULT now())"
        )
        current: int = await connection.fetchval("SELECT coalesce(max(version), 0) FROM schema_version")
        newest = steps[-1][0] if steps else 0
        if current > newest:
            raise StoreUnavailable(
                f"the database has schema version {current}, this program knows {newest}: it was used by a newer HyperInfer"
            )
        for version, sql in steps:
            if version > current:
                async with connection.transaction():
                    await connection.execute(sql)
                    await connection.execute("INSERT INTO schema_version (version) VALUES ($1)", version)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
