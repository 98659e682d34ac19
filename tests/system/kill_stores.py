"""The books of either store, read past the gateway."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hyperinfer.api.settlement.owner import LEASE_SECONDS
from hyperinfer.api.store.remote.store import SWEEP_SECONDS
from tests.support.served import command_line, generations

if TYPE_CHECKING:
    from random import Random

    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

MARGIN_SECONDS = 5.0
"""For a busy machine, and for a sweep to do its work."""


class Books(Protocol):
    """What a store says. Money is pico-USD."""

    @property
    def environ(self) -> Mapping[str, str]:
        """Which tells a gateway where it is."""
        ...

    @property
    def own_kinds(self) -> Sequence[str]:
        """Ways to kill a part of a worker that this store alone has."""
        ...

    def cli(self, *words: str) -> Any:
        """What a verb prints as JSON."""
        ...

    def rows(self) -> Sequence[dict[str, Any]]:
        """All generations."""
        ...

    def usage(self) -> Mapping[str, int]:
        """The ledger's entries by request."""
        ...

    def balance(self) -> int:
        """Of the one workspace."""
        ...

    def disturbed(self, choose: Random) -> contextlib.AbstractContextManager[str]:
        """The store may be away for a moment in which something is killed; what was wrong."""
        ...

    def check_leases(self) -> None:
        """No hold has outlived its lease by more than a sweep."""
        ...

    def until_nothing_is_held(self) -> None:
        """Waits for it, as long as a lease and a sweep."""
        ...


@dataclass(frozen=True)
class EmbeddedBooks:
    """`folder`: of the gateway. Its store's process may be killed alone."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    own_kinds: Sequence[str] = ("writer",)

    def cli(self, *words: str) -> Any:
        return command_line(self.folder, *words)

    def rows(self) -> Sequence[dict[str, Any]]:
        return generations(self.folder)

    def usage(self) -> Mapping[str, int]:
        return dict(self._sql("SELECT request, amount FROM ledger WHERE kind = 'usage'"))

    def balance(self) -> int:
        ((balance,),) = self._sql("SELECT balance FROM workspace")
        return int(balance)

    @contextlib.contextmanager
    def disturbed(self, choose: Random) -> Generator[str]:
        yield ""

    def check_leases(self) -> None:
        """Holds die with their process."""

    def until_nothing_is_held(self) -> None:
        """They are in memory."""

    def _sql(self, sql: str) -> list[Any]:
        file = self.folder / "data" / "hyperinfer.db"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()


@dataclass(frozen=True)
class SharedBooks:
    """`folder`: of the gateway, and of a machine beside it that serves nothing."""

    postgres: PostgresServer
    valkey: ValkeyServer
    database: str
    folder: Path
    own_kinds: Sequence[str] = ()

    @property
    def environ(self) -> Mapping[str, str]:
        return {"HYPERINFER_POSTGRES_URL": self.postgres.url(self.database), "HYPERINFER_REDIS_URL": self.valkey.url}

    def cli(self, *words: str) -> Any:
        return command_line(self.folder / "elsewhere", *words, environ=self.environ)

    def rows(self) -> Sequence[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self._sql("SELECT coalesce(json_agg(g), '[]') FROM generation g"))
        return rows

    def usage(self) -> Mapping[str, int]:
        found = self._sql("SELECT request, amount FROM ledger WHERE kind = 'usage'")
        return {request: int(amount) for request, amount in (line.split("|") for line in found.splitlines())}

    def balance(self) -> int:
        return int(self._sql("SELECT balance FROM workspace"))

    @contextlib.contextmanager
    def disturbed(self, choose: Random) -> Generator[str]:
        """In every third case the database is frozen, so that ends are seen which only a journal knows."""
        if choose.random() > 1 / 3:
            yield ""
            return
        self.postgres.signal(signal.SIGSTOP)
        try:
            time.sleep(choose.uniform(1.1, 2.0))
            yield " while Postgres was frozen"
        finally:
            self.postgres.signal(signal.SIGCONT)

    def check_leases(self) -> None:
        seconds, _ = self.valkey.run("TIME")
        for leases in self.valkey.run("KEYS", "hi:*:leases"):
            latest = int(seconds) - SWEEP_SECONDS - MARGIN_SECONDS
            assert self.valkey.run("ZRANGEBYSCORE", leases, "-inf", latest) == []

    def until_nothing_is_held(self) -> None:
        deadline = time.monotonic() + LEASE_SECONDS + SWEEP_SECONDS + MARGIN_SECONDS
        while keys := self.valkey.run("KEYS", "hi:*:holds"):
            assert time.monotonic() < deadline, f"still held: {[self.valkey.run('HKEYS', key) for key in keys]}"
            time.sleep(0.1)

    def _sql(self, sql: str) -> str:
        return self.postgres.run(sql, self.database)
