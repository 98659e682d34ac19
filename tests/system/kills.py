"""Gateways that are killed under load, at moments and in ways that a seed chooses, and what then has to be true."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.e2e.load import children, workers_of
from tests.e2e.slow import slow_catalogue
from tests.support.faulty_upstream import faulty_upstream
from tests.support.served import Running, gateway
from tests.system.fault_traffic import Heard, Produced
from tests.system.faulty_stores import PRICE, USD
from tests.system.kill_traffic import Clients

if TYPE_CHECKING:
    from tests.system.kill_stores import Books

CREDITS = 1_000_000 * USD
BACK_SECONDS = 30.0
"""So long after a kill it serves again at the latest: a folder whose last requests drain is waited for, and a worker that
dies young is replaced after up to 5 s."""
WELL_AGAIN = 8
"""Requests that end well between two kills."""


@dataclass
class Served:
    """A gateway that is started again when all of it is gone."""

    start: Callable[[], contextlib.AbstractContextManager[Running]]
    workers: int
    running: Running
    stack: contextlib.ExitStack

    def restart(self, traffic: Clients) -> None:
        """Somebody starts it again, at another address."""
        self.stack.close()
        self.running = self.stack.enter_context(self.start())
        traffic.url = self.running.url

    def workers_now(self) -> list[int]:
        return workers_of(self.running, self.workers)

    def everything(self) -> list[int]:
        """All processes, from the supervisor down."""
        workers = self.workers_now()
        below: list[int] = []
        for worker in workers:
            with contextlib.suppress(OSError):
                below += children(worker)
        return [self.running.process.pid, *workers, *below]


@dataclass
class Story:
    """What was done, for whoever has to find out why it failed."""

    seed: int
    kills: list[str] = field(default_factory=list[str])
    slowest: float = 0.0
    drained: float = 0.0


def kill(*pids: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def one_kill(choose: Random, served: Served, books: Books, traffic: Clients) -> str:
    """At any moment, one of the ways in which a gateway can be killed; which it was."""
    kind = choose.choice(["worker", "worker", "supervisor", "everything", *books.own_kinds])
    time.sleep(choose.uniform(0, 0.7))
    with books.disturbed(choose) as disturbance:
        if kind == "worker":
            kill(choose.choice(served.workers_now()))
        elif kind == "supervisor":
            served.running.process.kill()
        elif kind == "everything":
            kill(*served.everything())
        else:
            kill(*children(choose.choice(served.workers_now())))
    if kind in ("supervisor", "everything"):
        served.running.process.wait()
        served.restart(traffic)
    return f"{kind}{disturbance}"


def rounds_of_kills(
    books: Books, folder: Path, count: int, seed: int, workers: int = 1
) -> tuple[Story, Sequence[Heard], Produced]:
    """So many kills under load; then the gateway ends in order. All laws have been looked at when this returns."""
    story, choose, produced = Story(seed), Random(seed), Produced()
    plays = {"plain": produced.play(0), "lasting": produced.play(0.5)}
    credits = {"HYPERINFER_BOOTSTRAP_CREDITS": str(CREDITS // USD), "HYPERINFER_WORKERS": str(workers)}
    with faulty_upstream(plays) as upstream, contextlib.ExitStack() as stack:
        config = slow_catalogue(upstream.url, *plays, grace=1)

        def start() -> contextlib.AbstractContextManager[Running]:
            return gateway(folder, config, {**books.environ, **credits})

        inner = stack.enter_context(contextlib.ExitStack())
        served = Served(start, workers, inner.enter_context(start()), inner)
        traffic = Clients(served.running.url)
        with traffic.running():
            for _ in range(count):
                traffic.until_well(time.monotonic(), WELL_AGAIN, BACK_SECONDS)
                story.kills.append(one_kill(choose, served, books, traffic))
                killed = time.monotonic()
                story.slowest = max(story.slowest, traffic.until_well(killed, WELL_AGAIN, BACK_SECONDS) - killed)
                books.check_leases()
        ended = time.monotonic()
        books.until_nothing_is_held()
        story.drained = time.monotonic() - ended
        check(traffic.heard, produced, books)
    assert not [*(folder / "data" / "journal").glob("*.journal")], "something is still owed"
    assert not [*(folder / "data" / "admitted").glob("*.journal")], "something is still under way"
    return story, traffic.heard, produced


def check(heard: Sequence[Heard], produced: Produced, books: Books) -> None:
    """Whoever saw an end has its row, once, with what was produced for it; and nothing else was paid."""
    rows: dict[str, dict[str, Any]] = {row["id"]: row for row in books.rows()}
    assert len(rows) == len(books.rows())
    ends = {each.request_id: each.tokens for each in heard if each.well}
    completed = {id_: row["tokens_completion"] for id_, row in rows.items() if row["status"] == "completed"}
    assert {id_: completed.get(id_) for id_ in ends} == ends
    begun = {each.answer.headers["x-request-id"] for each in heard if each.answer is not None and each.answer.status == 200}
    assert begun <= rows.keys(), "an admitted request has no row"
    assert Counter(completed.values()) <= Counter(produced.begun), "more is paid than was produced"
    assert {row["status"] for row in rows.values()} <= {"completed", "interrupted", "failed", "cancelled"}
    for row in rows.values():
        if row["status"] == "completed":
            assert row["cost"] == 10 * PRICE["prompt"] + row["tokens_completion"] * PRICE["completion"]
        elif row["status"] == "interrupted":
            assert row["cost"] == 0
    paid = {id_: row["cost"] for id_, row in rows.items() if row["status"] != "interrupted"}
    assert books.usage() == {id_: -cost for id_, cost in paid.items()}
    assert books.balance() == CREDITS - sum(paid.values())
    report = books.cli("ledger", "verify")
    assert report["ok"], report


def told(story: Story, heard: Sequence[Heard], produced: Produced, rows: Sequence[dict[str, Any]]) -> str:
    """The figures, in a line."""
    statuses = Counter(row["status"] for row in rows)
    kinds = Counter(story.kills)
    return (
        f"seed {story.seed}: {len(story.kills)} kills {dict(kinds)}; {len(heard)} requests,"
        f" {sum(each.well for each in heard)} ends seen, {len(produced.begun)} replies begun, rows {dict(statuses)};"
        f" serving again after {story.slowest:.1f} s at most, nothing held {story.drained:.1f} s after the last"
    )
