"""A shared store on real servers, fresh and ready to admit."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.store.remote.store import RemoteSettings, RemoteStore, open_remote
from hyperinfer.providers.secret import Secret
from tests.api.store.samples import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


@dataclass
class Place:
    """A new database, an empty Valkey, and a folder of journals."""

    postgres: PostgresServer
    valkey: ValkeyServer
    database: str
    journals: Path

    @property
    def settings(self) -> RemoteSettings:
        return RemoteSettings(
            postgres=Secret(self.postgres.url(self.database)), redis=Secret(self.valkey.url), journals=self.journals
        )

    def sql(self, sql: str) -> str:
        return self.postgres.run(sql, self.database)

    def trust_redis(self) -> None:
        """Nobody was there before: no holds have to be put back, for which admission would wait some seconds."""
        epoch: bytes = self.valkey.run("GET", "hi:epoch")
        self.valkey.run("SET", "hi:epoch", epoch.rpartition(b" ")[0] + b" 1.0")


def a_place(postgres: PostgresServer, valkey: ValkeyServer, folder: Path) -> Place:
    valkey.run("FLUSHALL")
    return Place(postgres, valkey, postgres.new_database(), folder / "journals")


@asynccontextmanager
async def opened(place: Place, now: Callable[[], float] = lambda: NOW) -> AsyncGenerator[RemoteStore]:
    """The store, its time standing still, if it is not said otherwise."""
    async with open_remote(place.settings, now=now, clock=trio.current_time, entropy=os.urandom) as store:
        place.trust_redis()
        yield store
