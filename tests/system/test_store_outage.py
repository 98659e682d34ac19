"""`serve --outage refuse`: while Postgres is away nothing is let in, and nothing that was let in is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.system.faulty_stores import NOTICED_SECONDS, FaultyStores, faulty_stores, go_through

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


@pytest.fixture(scope="module")
def refusing(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyStores]:
    """Requests are refused while Postgres is away."""
    with faulty_stores(
        postgres, valkey, tmp_path_factory.mktemp("refusing"), lambda _: {"HYPERINFER_OUTAGE": "refuse"}
    ) as made:
        yield made


def go_through_refusing(stores: FaultyStores, begin: Callable[[], object], end: Callable[[], object]) -> None:
    """What was admitted before Postgres is known to be away is served and journaled; then nothing is."""
    traffic, was = go_through(stores, begin, end, "postgres", seconds=7)
    known = was.began + NOTICED_SECONDS
    assert [each for each in traffic.heard if each.well and known < each.began < was.ended] == []


def test_refused_while_postgres_is_stopped(refusing: FaultyStores) -> None:
    go_through_refusing(refusing, refusing.postgres.stop, refusing.postgres.start)


def test_refused_while_postgres_is_frozen(refusing: FaultyStores) -> None:
    freeze, thaw = (partial(refusing.postgres.signal, number) for number in (signal.SIGSTOP, signal.SIGCONT))
    go_through_refusing(refusing, freeze, thaw)
