"""Real servers for the shared store: one PostgreSQL and one Valkey for all of these tests."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.postgres import PostgresServer, postgres_server
from tests.support.valkey import ValkeyServer, valkey_server


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Generator[ValkeyServer]:
    with valkey_server() as server:
        yield server
