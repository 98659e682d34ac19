"""A gateway of the shared mode whose stores go wrong under load, and the laws that hold after whatever it was."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.slow import slow_catalogue
from tests.support.faulty_upstream import FaultyUpstream, faulty_upstream
from tests.support.served import KEY, Running, command_line, gateway
from tests.system.fault_traffic import Heard, Produced, Readiness, Traffic

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

USD = 10**12
CREDITS = 1_000_000 * USD
PRICE = {"prompt": 100 * 10**6, "completion": 1000 * 10**6}
"""Pico-USD for each token."""
DEADLINE_SECONDS = 12.0
"""No request takes longer, whatever is away: 3 s to know the key, 3 s to be let in, half a second upstream, a second until
the journal is used instead of the database; the rest is for a busy machine."""
NOTICED_SECONDS = 4.5
"""So long `/readyz` may be wrong."""
RECOVERED_SECONDS = 10.0
"""So long after a fault 30 requests have ended well, and `/readyz` says so."""
SETTLED_SECONDS = 5.0
"""So long after a fault requests may still be refused."""
DROPPED_SECONDS = 10.0
"""So long after the last request something may be held, or owed to the database."""


@dataclass(frozen=True)
class Fault:
    """A stretch of time in which something was wrong. Times are of the steady clock."""

    began: float
    ended: float


@dataclass
class FaultyStores:
    """`url`: of a gateway of two workers. `heard`: of all tests so far."""

    postgres: PostgresServer
    valkey: ValkeyServer
    database: str
    folder: Path
    environ: dict[str, str]
    server: Running
    upstream: FaultyUpstream
    produced: Produced
    keys: list[str] = field(default_factory=list[str])
    heard: list[Heard] = field(default_factory=list[Heard])

    def cli(self, *words: str) -> Any:
        """What a verb prints as JSON, on a machine that serves nothing."""
        return command_line(self.folder / "elsewhere", *words, environ=self.environ)

    def rows(self) -> dict[str, dict[str, Any]]:
        """All generations by their id."""
        text = self.postgres.run("SELECT coalesce(json_agg(g), '[]') FROM generation g", self.database)
        return {row["id"]: row for row in json.loads(text)}

    def held(self) -> list[bytes]:
        """The requests that hold something."""
        keys: list[bytes] = self.valkey.run("KEYS", "hi:*:holds")
        return [request for key in keys for request in self.valkey.run("HKEYS", key)]

    @contextlib.contextmanager
    def under_load(self) -> Generator[Traffic]:
        """The gateway is well at first, and all laws are looked at at the end."""
        if not self.keys:  # the other has a limit, which it does not reach
            self.keys += [KEY, self.cli("keys", "create", "--workspace", "default", "--daily", "100000")["key"]]
        traffic = Traffic(self.server.url, f"load{len(self.heard)}", self.keys)
        with traffic.running():
            traffic.until_well(time.monotonic(), 20, RECOVERED_SECONDS)
            yield traffic
        self.heard += traffic.heard
        assert traffic.breaches() == []
        slowest = max(each.ended - each.began for each in traffic.heard)
        assert slowest < DEADLINE_SECONDS
        self.check_books()

    def check_books(self) -> None:
        """Nothing is held, nobody's row is missing or double, and all sums are right."""
        ends = {each.request_id: each.tokens for each in self.heard if each.well}
        until(lambda: self.rows().keys() >= ends.keys(), "rows are missing", DROPPED_SECONDS)
        until(lambda: not self.held(), "something is still held", DROPPED_SECONDS)
        rows = self.rows()
        completed = {request: row["tokens_completion"] for request, row in rows.items() if row["status"] == "completed"}
        assert {request: completed.get(request) for request in ends} == ends
        assert Counter(completed.values()) == Counter(self.produced.whole)
        assert {row["status"] for row in rows.values()} == {"completed"}
        assert {*self.upstream.calls.values()} == {1}, "something was answered twice"
        costs = [10 * PRICE["prompt"] + tokens * PRICE["completion"] for tokens in self.produced.whole]
        assert sum(row["cost"] for row in rows.values()) == sum(costs)
        entries = self.postgres.run(
            "SELECT count(*), count(DISTINCT request), -sum(amount) FROM ledger WHERE kind = 'usage'", self.database
        )
        assert entries == f"{len(rows)}|{len(rows)}|{sum(costs)}"
        assert int(self.postgres.run("SELECT balance FROM workspace", self.database)) == CREDITS - sum(costs)
        assert int(self.valkey.run("GET", self.valkey.run("KEYS", "hi:*:balance")[0])) == CREDITS - sum(costs)
        report = self.cli("ledger", "verify")
        assert report["ok"], report

    @staticmethod
    def check_readiness(looks: list[Readiness], fault: Fault, *down: str, flickering: Collection[str] = ()) -> None:
        """It said what was down, all the time, and that nothing else was; and that all was well before and after.
        `flickering`: what may have been down at times."""
        for look in looks:
            wrong = {name for name, state in look.checks.items() if state != "ok"}
            assert look.status == (503 if wrong else 200), look
            assert wrong <= {*down, *flickering}, (look, fault)
            if fault.began + NOTICED_SECONDS < look.at < fault.ended:
                assert wrong >= {*down}, (look, fault)
            if look.at < fault.began or look.at > fault.ended + RECOVERED_SECONDS:
                assert not wrong, (look, fault)
        assert looks[-1].at > fault.ended
        assert looks[-1].status == 200


def _nothing(database: str) -> dict[str, str]:
    return {}


@contextlib.contextmanager
def faulty_stores(
    postgres: PostgresServer, valkey: ValkeyServer, folder: Path, seen_by_gateway: Callable[[str], dict[str, str]] = _nothing
) -> Generator[FaultyStores]:
    """A new database, an emptied Valkey and a gateway of two workers. `seen_by_gateway`: the variables of its own, given the
    name of the database."""
    valkey.run("FLUSHALL")
    database, produced = postgres.new_database(), Produced()
    direct = {"HYPERINFER_POSTGRES_URL": postgres.url(database), "HYPERINFER_REDIS_URL": valkey.url}
    plays = {"plain": produced.play(0), "lasting": produced.play(0.5)}
    credits = {"HYPERINFER_BOOTSTRAP_CREDITS": str(CREDITS // USD), "HYPERINFER_WORKERS": "2"}
    with faulty_upstream(plays) as upstream:
        config = slow_catalogue(upstream.url, *plays, grace=1)
        with gateway(folder, config, {**direct, **credits, **seen_by_gateway(database)}) as server:
            yield FaultyStores(postgres, valkey, database, folder, direct, server, upstream, produced)
    assert not [*(folder / "data" / "journal").glob("*.journal")], "something is still owed"


@contextlib.contextmanager
def fault(begin: Callable[[], object], end: Callable[[], object]) -> Generator[list[Fault]]:
    """Something is wrong for as long as the block runs; `end` is called in any case. The list then has the fault."""
    faults: list[Fault] = []
    began = time.monotonic()
    begin()
    try:
        yield faults
    finally:
        until_ended = time.monotonic()
        end()
        faults.append(Fault(began, until_ended))


def go_through(
    stores: FaultyStores,
    begin: Callable[[], object],
    end: Callable[[], object],
    *down: str,
    seconds: float = 10,
    flickering: Collection[str] = (),
) -> tuple[Traffic, Fault]:
    """A fault under load; what is down by it, or may be. What was refused, and when, is for the caller to judge, but for the
    time in which all is well. `seconds`: how long it is left alone between `begin` and `end`."""
    with stores.under_load() as traffic:
        with fault(begin, end) as faults:
            time.sleep(seconds)
        (was,) = faults
        back = time.monotonic()
        traffic.until_well(back, 30, RECOVERED_SECONDS)
        time.sleep(max(0.0, back + SETTLED_SECONDS - time.monotonic()))
        late = time.monotonic()
        traffic.until_well(late, 10, RECOVERED_SECONDS)
    # A key whose first request may have been let in by a process that then could not say so is free a little later.
    at_ease = [each for each in traffic.heard if each.ended < was.began or (each.began >= late and not each.idempotent)]
    assert [each for each in at_ease if not each.well] == []
    stores.check_readiness(traffic.ready, was, *down, flickering=flickering)
    return traffic, was


def refused(traffic: Traffic) -> list[Heard]:
    """Those who did not get what they asked for, but for those whose idempotency keys could not be looked up."""
    return [each for each in traffic.heard if not each.well and not each.idempotent]


def until(true: Callable[[], bool], says: str, patience: float) -> None:
    """Waits for it."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, says
        time.sleep(0.1)
