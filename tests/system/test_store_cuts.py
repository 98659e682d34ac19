"""Connections to Postgres and Redis that are cut in the middle of a command, and servers that take their time."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.served import KEY
from tests.system.faulty_stores import FaultyStores, faulty_stores, go_through, refused, until

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

SETTLEMENT = b"completed"
ANY_STATEMENT = b"__asyncpg_stmt_"
KEY_LOOKUP = hashlib.sha256(KEY.encode()).digest()
"""What was known of a key is in doubt when there is a new connection."""
DISCONNECT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hyperinfer'"
SLOW_SECONDS = 7.0
BEHIND = (0, 1, 40)
"""Bytes: before anything, in a head, somewhere inside."""


@dataclass(frozen=True)
class Proxied:
    """A gateway that reaches its servers through proxies."""

    stores: FaultyStores
    postgres: CuttingProxy
    redis: CuttingProxy


@pytest.fixture(scope="module")
def proxied(postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with cutting_proxy(postgres.socket) as to_postgres, cutting_proxy(valkey.socket) as to_redis:

        def urls(database: str) -> dict[str, str]:
            return {
                "HYPERINFER_POSTGRES_URL": f"postgresql://postgres@127.0.0.1:{to_postgres.port}/{database}",
                "HYPERINFER_REDIS_URL": f"redis://127.0.0.1:{to_redis.port}",
            }

        with faulty_stores(postgres, valkey, tmp_path_factory.mktemp("proxied"), urls) as stores:
            yield Proxied(stores, to_postgres, to_redis)


def cut_often(proxy: CuttingProxy, *marks: bytes, begin: Callable[[], object] = lambda: None) -> None:
    """Every one of these commands and answers, at every place. `begin`: what makes the command be sent."""
    for behind, mark in itertools.product(BEHIND, marks):
        for part in ("command", "answer"):
            proxy.cut(mark, part, behind)
            begin()
            until(lambda: not proxy.cut_is_due, f"nothing said {mark!r}", 10)


def test_postgres_cut_in_the_middle_of_commands(proxied: Proxied) -> None:
    def cut() -> None:
        cut_often(proxied.postgres, SETTLEMENT, ANY_STATEMENT)
        cut_often(proxied.postgres, KEY_LOOKUP, begin=lambda: proxied.stores.postgres.run(DISCONNECT))

    traffic, _ = go_through(proxied.stores, cut, lambda: None, seconds=0, flickering=["postgres"])
    assert refused(traffic) == []


def test_redis_cut_in_the_middle_of_commands(proxied: Proxied) -> None:
    go_through(
        proxied.stores,
        lambda: cut_often(proxied.redis, b"take", b"drop", b"hi:epoch"),
        lambda: None,
        seconds=0,
        flickering=["redis"],
    )


def slow(proxy: CuttingProxy, seconds: float) -> None:
    proxy.delay = seconds


def test_a_slow_postgres(proxied: Proxied) -> None:
    traffic, _ = go_through(
        proxied.stores,
        lambda: slow(proxied.postgres, 2),
        lambda: slow(proxied.postgres, 0),
        seconds=SLOW_SECONDS,
        flickering=["postgres"],
    )
    assert refused(traffic) == []


def test_a_slow_redis(proxied: Proxied) -> None:
    go_through(
        proxied.stores,
        lambda: slow(proxied.redis, 2),
        lambda: slow(proxied.redis, 0),
        seconds=SLOW_SECONDS,
        flickering=["redis"],
    )
