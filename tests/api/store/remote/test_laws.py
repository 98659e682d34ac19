"""The shared store keeps every law of a store, on a real PostgreSQL and a real Valkey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.store.clock_laws import CLOCK_LAWS, WallClock
from tests.api.store.ledger_laws import LAWS
from tests.api.store.remote.opened import a_place, opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

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
