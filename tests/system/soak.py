"""A soak: a gateway under 200 streams at once, one in a hundred with something wrong, for as long as one likes.

    make soak                            20 minutes
    make soak ARGS="--minutes 1"

What has to be true: memory does not grow, nothing is left unsettled, and the ledger's sums are what was served.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING

import trio

from tests.e2e.load import children, workers_of
from tests.support.formats import AUTHORIZED
from tests.support.rawclient import ask
from tests.support.served import gateway
from tests.system.faulty_stores import USD
from tests.system.kill_stores import EmbeddedBooks
from tests.system.soak_traffic import NOTHING, RETRIED, SECONDS, Clients, Outcome, Upstream, soak_catalogue

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

STREAMS = 200
SHARE = 0.01
CREDITS = 1_000
PROMPT, COMPLETION, INPUT = 1_000_000, 2_000_000, 10
"""Pico-USD a token, and how many tokens each prompt has."""
GROWTH_MB = 6.0
"""The most by which the last quarter of a soak may be above the second, in megabytes: more than any minute has by chance."""
SLOPE_MB = 1.0
"""The most that memory may grow in a minute, over the last three quarters of a soak of several minutes."""


@dataclass
class Soaked:
    """What came of it. `memory`: seconds since the start and megabytes of all processes of the gateway, each second."""

    seconds: float
    seed: int
    clients: Clients
    upstream: Upstream
    memory: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    held: float = -1.0
    sockets: tuple[int, int] = (0, 0)

    def part(self, begin: float, end: float) -> list[tuple[float, float]]:
        """Of the memory, between these shares of the time."""
        return [(at, size) for at, size in self.memory if begin * self.seconds <= at < end * self.seconds]

    @property
    def growth(self) -> float:
        """Megabytes from the second quarter to the last."""
        second, last = ([size for _, size in self.part(*span)] for span in ((0.25, 0.5), (0.75, 1.0)))
        return median(last) - median(second)

    @property
    def slope(self) -> float:
        """Megabytes a minute, the line of least squares over the last three quarters."""
        points = self.part(0.25, 1.0)
        x, y = (sum(each) / len(points) for each in zip(*points, strict=True))
        slope: float = 60 * sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)
        return slope


async def soaked(folder: Path, minutes: float, seed: int, streams: int = STREAMS, share: float = SHARE) -> Soaked:
    """Runs it, in an empty folder. The gateway has ended when this returns."""
    choose = Random(seed)
    upstream = Upstream(Random(seed))
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=2048)
        nursery.start_soon(trio.serve_listeners, upstream.serve, [listener])
        config = soak_catalogue(f"http://127.0.0.1:{listener.socket.getsockname()[1]}")
        with gateway(folder, config, {"HYPERINFER_BOOTSTRAP_CREDITS": str(CREDITS)}) as running:
            clients = Clients(int(running.url.rpartition(":")[2]), choose, share)
            result = Soaked(minutes * 60, seed, clients, upstream)
            (worker,) = workers_of(running)
            before = _sockets(worker)
            began = time.monotonic()
            async with trio.open_nursery() as asking:
                for _ in range(streams):
                    asking.start_soon(clients.one, choose.uniform(0, SECONDS[1]))
                while (passed := time.monotonic() - began) < result.seconds:
                    result.memory.append((passed, _megabytes([worker, *children(worker)])))
                    await trio.sleep(1)
                clients.stopped = True
            await trio.sleep(1)  # clients that left are noticed at once, and their settlements are on their way
            result.sockets = before, _sockets(worker)
            told = await trio.to_thread.run_sync(ask, running.url, "GET", "/api/v1/key", AUTHORIZED)
            assert told.status == 200, told
            result.held = told.document["data"]["held"]
            nursery.cancel_scope.cancel()
    return result


def _megabytes(pids: Sequence[int]) -> float:
    """What is theirs alone, without what the file system keeps for them."""
    total = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    return total / 1024


def _sockets(pid: int) -> int:
    return sum(1 for each in Path(f"/proc/{pid}/fd").iterdir() if "socket" in _target(each))


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def check_books(books: EmbeddedBooks, result: Soaked) -> None:
    """Every request that began has one row, and every row is what was served for it, to the token and the pico-USD."""
    rows = {row["id"]: row for row in books.rows()}
    outcomes = result.clients.outcomes
    began = {each.request_id for each in outcomes if each.request_id}
    assert began <= rows.keys(), "an admitted request has no row"
    assert len(rows) == len(books.rows())
    assert len(outcomes) == len(rows), "and no row is of nobody"
    for each in outcomes:
        check_outcome(each, rows[each.request_id], result.upstream)
    paid = {id_: row["cost"] for id_, row in rows.items()}
    assert books.usage() == {id_: -cost for id_, cost in paid.items()}
    assert books.balance() == CREDITS * USD - sum(paid.values())
    completed = Counter(row["tokens_completion"] for row in rows.values() if row["status"] == "completed")
    assert completed <= result.upstream.begun, "more is paid than was produced"
    well = [each for each in outcomes if each.tokens is not None]
    served = sum(INPUT * PROMPT + result.upstream.served[each.mark] * COMPLETION for each in well)
    assert sum(paid[each.request_id] for each in well) == served, "the ledger's sum is what was served"
    report = books.cli("ledger", "verify")
    assert report["ok"], report
    folder = books.folder / "data"
    assert not [*folder.glob("journal/*.journal"), *folder.glob("admitted/*.journal")], "something is left unsettled"


def check_outcome(each: Outcome, row: Mapping[str, object], upstream: Upstream) -> None:
    """What its client saw, its row says."""
    expected = each.fault == "none" or each.fault in RETRIED
    assert (each.tokens is not None) == expected, f"{each}, {row}"
    if each.tokens is not None:
        assert row["status"] == "completed", f"{each}, {row}"
        assert row["tokens_completion"] == each.tokens == upstream.served[each.mark]
        assert row["cost"] == INPUT * PROMPT + each.tokens * COMPLETION
    elif each.fault == "leaves":
        assert row["status"] == "cancelled", f"{each}, {row}"
    else:
        assert row["status"] == "failed", f"{each}, {row}"
        assert (row["cost"] == 0) == (each.fault in NOTHING), "what came before the break is paid"


def check(folder: Path, result: Soaked) -> None:
    """All that has to be true. The gateway has ended in order."""
    assert result.clients.breaches == []
    assert result.held == 0, "a hold is left"
    before, after = result.sockets
    assert after <= before + result.clients.most_open, "connections are left"
    check_books(EmbeddedBooks(folder), result)
    assert result.growth < GROWTH_MB, told(result)
    assert result.seconds < 180 or result.slope < SLOPE_MB, told(result)


def told(result: Soaked) -> str:
    """The figures."""
    outcomes, sizes = result.clients.outcomes, [size for _, size in result.memory]
    wrong = Counter(each.fault for each in outcomes if each.fault != "none")
    return (
        f"seed {result.seed}: {result.seconds / 60:g} min, {len(outcomes)} streams,"
        f" up to {result.clients.most_open} at once,"
        f" {sum(wrong.values())} with something wrong {dict(sorted(wrong.items()))}; memory {sizes[0]:.1f} MB at first,"
        f" {max(sizes):.1f} at most, {sizes[-1]:.1f} at last: {result.growth:+.1f} MB from the second quarter to the last,"
        f" {result.slope:+.2f} MB a minute; held {result.held:g} USD"
    )


def main() -> int:
    """Says what came of it; 1 when something is not as it should be. What the gateway logs goes into a file."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--share", type=float, default=SHARE)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Path(name, "log").open("wb") as log, redirected(log.fileno()):
        result = trio.run(soaked, Path(name), given.minutes, given.seed, given.streams, given.share)
        print(told(result), flush=True)
        try:
            check(Path(name), result)
        except AssertionError as error:
            print(f"not as it should be: {error}")
            return 1
    return 0


@contextmanager
def redirected(file: int) -> Generator[None]:
    """Standard error, of this process and of those that it starts, goes there."""
    before = os.dup(2)
    os.dup2(file, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


if __name__ == "__main__":
    sys.exit(main())
