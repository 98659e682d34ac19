"""Postgres and Redis that stop, freeze and forget under a served gateway: nobody's money is lost, nothing needs a hand."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.system.faulty_stores import FaultyStores, faulty_stores, go_through, refused

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


@pytest.fixture(scope="module")
def stores(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyStores]:
    """Requests are journaled while Postgres is away."""
    with faulty_stores(postgres, valkey, tmp_path_factory.mktemp("stores")) as made:
        yield made


def test_postgres_stopped(stores: FaultyStores) -> None:
    traffic, _ = go_through(stores, stores.postgres.stop, stores.postgres.start, "postgres")
    assert refused(traffic) == []


def test_postgres_frozen(stores: FaultyStores) -> None:
    traffic, _ = go_through(
        stores,
        lambda: stores.postgres.signal(signal.SIGSTOP),
        lambda: stores.postgres.signal(signal.SIGCONT),
        "postgres",
    )
    assert refused(traffic) == []


def test_redis_stopped(stores: FaultyStores) -> None:
    traffic, was = go_through(stores, stores.valkey.stop, stores.valkey.start, "redis")
    assert not any(each.well for each in traffic.heard if was.began + 1 < each.began < was.ended)


def test_redis_frozen(stores: FaultyStores) -> None:
    go_through(stores, lambda: stores.valkey.signal(signal.SIGSTOP), lambda: stores.valkey.signal(signal.SIGCONT), "redis")


def test_both_restarted(stores: FaultyStores) -> None:
    def stop() -> None:
        stores.valkey.stop()
        stores.postgres.stop()

    def start() -> None:
        stores.postgres.start()
        stores.valkey.start()

    go_through(stores, stop, start, "redis", "postgres", seconds=6)


def test_redis_emptied(stores: FaultyStores) -> None:
    go_through(stores, lambda: stores.valkey.run("FLUSHALL"), lambda: None, "redis", seconds=1)


def test_redis_restarted_empty(stores: FaultyStores) -> None:
    go_through(stores, stores.valkey.stop, stores.valkey.start, "redis", seconds=0)
