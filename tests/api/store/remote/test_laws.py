"""The shared store keeps every law of a store, on a real PostgreSQL and a real Valkey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.store.console_access import kept_of, proof_of
from tests.api.store.clock_laws import CLOCK_LAWS, WallClock
from tests.api.store.console_laws import CONSOLE_LAWS
from tests.api.store.ledger_laws import LAWS
from tests.api.store.remote.opened import a_place, opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hyperinfer.api.store.remote.store import RemoteStore
    from hyperinfer.api.store.store import FullAdmin
    from hyperinfer.providers.secret import Secret
    from tests.api.store.admission_laws import Store
    from tests.api.store.clock_laws import TimedStore
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
async def test_law(
    law: Callable[[Store], Awaitable[None]], postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    async with opened(a_place(postgres, valkey, tmp_path)) as store:
        await law(store)


@pytest.mark.parametrize("law", CONSOLE_LAWS, ids=lambda law: law.__name__)
async def test_console_law(
    law: Callable[[FullAdmin], Awaitable[None]], postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    async with opened(a_place(postgres, valkey, tmp_path)) as store:
        await law(store)


async def test_of_several_that_make_a_first_token_one_has_it(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    place = a_place(postgres, valkey, tmp_path)
    made: list[Secret | None] = []
    async with opened(place) as one, opened(place) as other, trio.open_nursery() as nursery:

        async def make(store: RemoteStore) -> None:
            made.append(await store.console.first_token())

        for store in (one, other) * 5:
            nursery.start_soon(make, store)
    (token,) = [each for each in made if each is not None]
    async with opened(place) as store:
        assert await store.console.kept() == kept_of(proof_of(token))


@pytest.mark.parametrize("law", CLOCK_LAWS, ids=lambda law: law.__name__)
async def test_clock_law(
    law: Callable[[TimedStore, WallClock], Awaitable[None]],
    postgres: PostgresServer,
    valkey: ValkeyServer,
    tmp_path: Path,
) -> None:
    clock = WallClock()
    async with opened(a_place(postgres, valkey, tmp_path), clock) as store:
        await law(store, clock)
