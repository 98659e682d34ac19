"""Postgres and Redis that stop, freeze and forget under a served gateway: nobody's money is lost, nothing needs a hand."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.system.faulty_stores import RECOVERED_SECONDS, Fault, FaultyStores, fault, faulty_stores

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer
    from tests.system.fault_traffic import Traffic

AWAY_SECONDS = 10.0


@pytest.fixture(scope="module")
def stores(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyStores]:
    """Requests are journaled while Postgres is away."""
    with faulty_stores(postgres, valkey, tmp_path_factory.mktemp("stores")) as made:
        yield made


def go_through(
    stores: FaultyStores, begin: Callable[[], object], end: Callable[[], object], *down: str, seconds: float = AWAY_SECONDS
) -> tuple[Traffic, Fault]:
    """A fault under load; what is down by it. What was refused, and when, is for the caller to judge until all is well."""
    with stores.under_load() as traffic:
        with fault(begin, end) as faults:
            time.sleep(seconds)
        (was,) = faults
        back = time.monotonic()
        traffic.until_well(back, 30, RECOVERED_SECONDS)
        time.sleep(max(0.0, back + 5 - time.monotonic()))
        late = time.monotonic()
        traffic.until_well(late, 10, RECOVERED_SECONDS)
    assert all(each.well for each in traffic.heard if each.began < was.began - 1 or each.began >= late)
    stores.check_readiness(traffic.ready, was, *down)
    return traffic, was


def refused(traffic: Traffic) -> int:
    return sum(not each.well for each in traffic.heard)


def test_postgres_stopped(stores: FaultyStores) -> None:
    traffic, _ = go_through(stores, stores.postgres.stop, stores.postgres.start, "postgres")
    assert refused(traffic) == 0


def test_postgres_frozen(stores: FaultyStores) -> None:
    traffic, _ = go_through(
        stores,
        lambda: stores.postgres.signal(signal.SIGSTOP),
        lambda: stores.postgres.signal(signal.SIGCONT),
        "postgres",
    )
    assert refused(traffic) == 0
