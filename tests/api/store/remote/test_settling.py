"""Settlements in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest
import trio

from hyperinfer.api.settlement.effects import Balance
from hyperinfer.api.store.generations import generation_row
from hyperinfer.api.store.messages import GenerationRow
from hyperinfer.api.store.remote.driver import Connection, connect
from hyperinfer.api.store.remote.guest_loop import in_asyncio, open_loop
from hyperinfer.api.store.remote.migrations import migrate, migrations
from hyperinfer.api.store.remote.settling import settle_rows
from tests.api.store.samples import NOW, USD, a_generation

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer

T = TypeVar("T")


async def _in_database(server: PostgresServer, work: Callable[[Connection], Awaitable[T]]) -> T:
    """The work on a connection to a new database with the schema and one workspace, ws, of 1 USD."""
    url = server.url(server.new_database())

    async def all_of_it() -> T:
        connection = await connect(url, seconds=5)
        await migrate(connection, migrations())
        await connection.execute(
            "INSERT INTO workspace (id, name, balance, version, created_at) VALUES ('ws', 'lab', $1, 1, $2)", USD, NOW
        )
        try:
            return await work(connection)
        finally:
            await connection.close()

    async with open_loop():
        return await in_asyncio(all_of_it)


def _row(id_: str, cost: int, **changes: object) -> GenerationRow:
    return generation_row(msgspec.structs.replace(a_generation(id_, "ws", cost), **changes))


async def test_a_group_is_settled_once(postgres: PostgresServer) -> None:
    async def work(connection: Connection) -> None:
        rows = [_row(f"r{n}", 7 * n) for n in range(10)]
        assert await settle_rows(connection, rows) == {"ws": Balance("ws", USD - 315, 2)}
        assert await settle_rows(connection, rows) == {"ws": Balance("ws", USD - 315, 2)}
        assert await settle_rows(connection, [*rows, _row("r10", 70), _row("r10", 70)]) == {
            "ws": Balance("ws", USD - 385, 3)
        }
        stored = await connection.fetch(f"SELECT {', '.join(GenerationRow._fields)} FROM generation ORDER BY created_at, id")
        assert sorted(map(tuple, stored)) == sorted([*rows, _row("r10", 70)])
        sums = await connection.fetchrow("SELECT sum(requests), sum(cost), min(day), max(day) FROM rollup")
        assert sums is not None
        assert [*map(int, sums)] == [11, 385, int(NOW // 86400), int(NOW // 86400)]
        assert await connection.fetchval("SELECT sum(amount) FROM ledger") == -385

    await _in_database(postgres, work)


async def test_a_real_row_takes_the_place_of_an_interrupted_one_and_never_the_other_way(postgres: PostgresServer) -> None:
    async def work(connection: Connection) -> None:
        interrupted = _row("r1", 0, status="interrupted")
        assert await settle_rows(connection, [interrupted]) == {"ws": Balance("ws", USD, 1)}
        assert await connection.fetchval("SELECT count(*) FROM ledger") == 0
        assert await settle_rows(connection, [_row("r1", 70)]) == {"ws": Balance("ws", USD - 70, 2)}
        assert await settle_rows(connection, [interrupted]) == {"ws": Balance("ws", USD - 70, 2)}
        assert await settle_rows(connection, [interrupted, _row("r2", 7)]) == {"ws": Balance("ws", USD - 77, 3)}
        assert await connection.fetchval("SELECT status FROM generation WHERE id = 'r1'") == "completed"
        assert await connection.fetchval("SELECT sum(requests) FROM rollup") == 2

    await _in_database(postgres, work)


async def test_of_two_records_of_one_group_the_real_one_counts(postgres: PostgresServer) -> None:
    async def work(connection: Connection) -> None:
        interrupted = _row("r1", 0, status="interrupted")
        assert await settle_rows(connection, [interrupted, _row("r1", 70)]) == {"ws": Balance("ws", USD - 70, 2)}

    await _in_database(postgres, work)


async def test_one_bad_row_fails_its_group_whole(postgres: PostgresServer) -> None:
    async def work(connection: Connection) -> None:
        with pytest.raises(Exception, match='null value in column "workspace"'):
            await settle_rows(connection, [_row("r1", 7), _row("r2", 7)._replace(workspace="nobody")])
        assert await connection.fetchval("SELECT count(*) FROM generation") == 0
        assert await connection.fetchval("SELECT balance FROM workspace") == USD

    await _in_database(postgres, work)


async def test_a_group_comes_to_what_its_rows_come_to_one_by_one(postgres: PostgresServer) -> None:
    """Whichever statement settles them: rows that are new, repeated, interrupted, doubled, of several workspaces."""
    random = Random(7)

    def some_row(interrupted: float) -> GenerationRow:
        number = random.randrange(25)
        changes = {"workspace": ("ws", "w2")[number % 2], "model": ("a", "b")[number % 3 == 0]}
        if random.random() < interrupted:
            return _row(f"r{number}", 0, status="interrupted", **changes)
        return _row(f"r{number}", 7 * number, **changes)

    groups = [[some_row(chance) for _ in range(random.randint(1, 6))] for chance in (0, 0.3, 0, 0.5, 0, 0) * 4]

    async def state(connection: Connection) -> list[list[tuple[object, ...]]]:
        tables = ("generation", "rollup", "ledger", "workspace")
        columns = ("*", "*", "workspace, kind, amount, request, created_at", "id, balance, spent, version > 1")
        return [
            [tuple(row) for row in await connection.fetch(f"SELECT {what} FROM {table} ORDER BY 1, 2, 3, 4")]
            for table, what in zip(tables, columns, strict=True)
        ]

    async def settled(connection: Connection, groups: Sequence[Sequence[GenerationRow]]) -> list[list[tuple[object, ...]]]:
        await connection.execute(
            "INSERT INTO workspace (id, name, balance, version, created_at) VALUES ('w2', 'w2', 5, 1, 1)"
        )
        for group in groups:
            balances = await settle_rows(connection, group)
            stored = await connection.fetch("SELECT id, balance, version FROM workspace")
            assert balances == {
                id_: Balance(id_, balance, version)
                for id_, balance, version in stored
                if id_ in {row.workspace for row in group}
            }
        return await state(connection)

    together = await _in_database(postgres, lambda connection: settled(connection, groups))
    # Of an interrupted row and a real one of the same group, the real one counts: it is settled first here.
    alone = [[row] for group in groups for row in sorted(group, key=lambda row: row.status == "interrupted")]
    assert await _in_database(postgres, lambda connection: settled(connection, alone)) == together


async def test_a_workspace_stays(postgres: PostgresServer) -> None:
    async def work(connection: Connection) -> None:
        for sql in ("DELETE FROM workspace", "UPDATE workspace SET id = 'other'", "TRUNCATE workspace CASCADE"):
            with pytest.raises(Exception, match="stays as long as its ledger"):
                await connection.execute(sql)

    await _in_database(postgres, work)


async def test_the_ledger_cannot_be_changed(postgres: PostgresServer) -> None:
    async def work(connection: Connection) -> None:
        await settle_rows(connection, [_row("r1", 7)])
        for sql in ("UPDATE ledger SET amount = 0", "DELETE FROM ledger", "TRUNCATE ledger"):
            with pytest.raises(Exception, match="append-only"):
                await connection.execute(sql)

    await _in_database(postgres, work)


async def test_replicas_that_start_at_once_make_the_schema_once(postgres: PostgresServer) -> None:
    url = postgres.url(postgres.new_database())

    async def start() -> None:
        async def all_of_it() -> None:
            connection = await connect(url, seconds=5)
            await migrate(connection, migrations())
            await connection.close()

        await in_asyncio(all_of_it)

    async with open_loop(), trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(start)
    assert postgres.run("SELECT count(*) FROM schema_version", url.split("/")[3].split("?")[0]) == str(len(migrations()))
