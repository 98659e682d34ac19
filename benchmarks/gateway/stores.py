"""What a request costs Postgres and Redis: transactions, bytes of the log of Postgres, rows, commands, CPU time; and the
gateway's journal. And what a gateway costs them by being there. What docs/capacity.md reckons with.

    python -m benchmarks.gateway.stores [--seconds 3] [--rounds 3] [--connections 1,4,16,64] [--json FILE]

Whole requests, chat → chat, of one workspace. The gateway has one core; Postgres, Valkey, the mock upstream and the load
generator share the other; each is measured by its own CPU time, the least of the rounds, as others only add to it. Postgres
does not wait for its disk here (`fsync=off`): what a disk adds is time, and no work.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.gateway.idle import opened
from benchmarks.gateway.load import Job
from benchmarks.gateway.machine import machine
from benchmarks.gateway.measure import Run, load
from benchmarks.gateway.processes import cores, cpu_seconds, program, raise_file_limit, tree
from benchmarks.gateway.serving import Gateway, gateway

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer

Figures = dict[str, float]


class Stores:
    """Real servers, and what they say of themselves."""

    def __init__(self, postgres: PostgresServer, valkey: ValkeyServer) -> None:
        self._postgres, self._valkey = postgres, valkey
        self.database = postgres.new_database()

    @property
    def environ(self) -> dict[str, str]:
        return {
            "HYPERINFER_POSTGRES_URL": self._postgres.url(self.database),
            "HYPERINFER_REDIS_URL": self._valkey.url,
        }

    def connections(self) -> tuple[int, int]:
        """Those to this database and to Redis, but for those that ask."""
        count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}' AND pid <> pg_backend_pid()"
        return int(self._postgres.run(count)), int(self._valkey.run("INFO", "clients")["connected_clients"]) - 1

    def figures(self) -> Figures:
        """Counts that only grow, in a database that is not looked into."""
        found: Figures = {
            "pg commits": float(self._sql(f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{self.database}'")),
            "pg log bytes": float(self._sql("SELECT pg_current_wal_insert_lsn() - '0/0'")),
            "pg bytes on disk": float(self._sql(f"SELECT pg_database_size('{self.database}')")),
            "pg CPU µs": cpu_seconds(tree(self._postgres.pid)) * 1e6,
        }
        about: dict[str, Any] = self._valkey.run("INFO", "all")
        for name in ("total_net_input_bytes", "total_net_output_bytes"):
            found[f"redis {name.split('_')[2]} bytes"] = float(about[name])
        found["redis CPU µs"] = 1e6 * sum(float(about[f"used_cpu_{kind}"]) for kind in ("user", "sys"))
        for name, each in about.items():
            if name.startswith("cmdstat_") and each["calls"]:
                found[f"redis calls {name.removeprefix('cmdstat_')}"] = float(each["calls"])
        return found

    def _sql(self, query: str) -> str:
        return self._postgres.run(query)

    def settled(self) -> int:
        """Rows of requests."""
        return int(self._postgres.run("SELECT count(*) FROM generation", self.database))


@contextlib.contextmanager
def stores(core: int) -> Generator[Stores]:
    """Both, on a core."""
    from tests.support.postgres import postgres_server
    from tests.support.valkey import valkey_server

    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # which they inherit
    with contextlib.ExitStack() as stack:
        try:
            found = Stores(stack.enter_context(postgres_server()), stack.enter_context(valkey_server()))
        finally:
            os.sched_setaffinity(0, before)
        yield found


def journal_bytes(target: Gateway) -> int:
    """What lies in the journals of a gateway."""
    command = Path(f"/proc/{target.pids[0]}/cmdline").read_bytes().split(b"\0")
    data = Path(command[command.index(b"--data") + 1].decode())
    return sum(file.stat().st_size for file in (data / "journal").glob("*"))


def difference(after: Figures, before: Figures) -> Figures:
    """What came to it."""
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


def measured(target: Gateway, servers: Stores, ask: Callable[[], dict[str, Any]]) -> Figures:
    """What each request took, of everybody."""
    before, rows, journal, own = servers.figures(), servers.settled(), journal_bytes(target), cpu_seconds(tree(*target.pids))
    run = ask()
    own = cpu_seconds(tree(*target.pids)) - own
    count = servers.settled() - rows
    each = difference(servers.figures(), before)
    each["journal bytes"] = float(journal_bytes(target) - journal)
    each["gateway CPU µs"] = own * 1e6
    found = {name: value / count for name, value in each.items()}
    found |= {"requests": float(count), "a second": run["completed"] / run["seconds"]}
    return found


SILENT = 500
"""Streams that are open and silent, for what their holds cost."""


def waited(servers: Stores, seconds: float) -> Figures:
    """What a second costs in which nothing is asked."""
    before, began = servers.figures(), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return {name: value / took for name, value in difference(servers.figures(), before).items()}


def still(target: Gateway, servers: Stores) -> dict[str, Figures]:
    """A second of a gateway that waits: with nothing to do, and with silent streams, over some renewals of their leases."""
    seconds = 21.0
    found = {"idle": waited(servers, seconds)}
    question = target.ask("openai_chat", "openai_chat", "idle", streamed=True)
    request = Job(
        port=target.port,
        path=question.path,
        headers=dict(question.headers),
        body=question.body.decode(),
        connections=1,
        seconds=1,
    ).request()
    streams = opened(target.port, request, SILENT)
    found[f"{SILENT} streams"] = waited(servers, seconds)
    for stream in streams:
        stream.close()
    return found


def table(head: str, columns: Mapping[str, Figures]) -> None:
    """A line for each figure that is not nothing."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    print(f"{head:<36}" + "".join(f"{name:>14}" for name in columns))
    for name in names:
        values = [column.get(name, 0.0) for column in columns.values()]
        if any(abs(value) >= 0.05 for value in values):
            print(f"{name:<36}" + "".join(f"{value:>14,.3f}" for value in values))


def least(one: Figures, other: Figures) -> Figures:
    """Of two rounds, whatever is less; of the rate, what is more."""
    least = {name: min(one[name], other[name]) for name in one.keys() & other.keys()}
    return {name: least[name] for name in one if name in least} | {
        name: max(one[name], other[name]) for name in ("requests", "a second")
    }


def main() -> None:
    """Run, and print a column for each number of connections."""
    parser = argparse.ArgumentParser(description="What a request costs Postgres and Redis.")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,4,16,64")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    raise_file_limit()
    ours, other = cores()
    columns: dict[str, Figures] = {}
    with program("upstream", core=other) as upstream, program("load", core=other) as tool, stores(other) as servers:
        port = int(upstream.line())
        with gateway("Postgres + Redis", "lean", port, ours, servers.environ) as target:
            question = target.ask("openai_chat", "openai_chat", "burst-100", streamed=False)
            load(tool, target, question, Run(seconds=1))
            for count in arguments.connections.split(",") * arguments.rounds:
                run = Run(seconds=arguments.seconds, warm=0, connections=int(count))
                seen = measured(target, servers, lambda run=run: load(tool, target, question, run))  # type: ignore[misc]
                columns[count] = least(seen, columns.get(count, seen))
            waiting = still(target, servers)
            connections = servers.connections()
    table("each request, at connections:", columns)
    table("\neach second of one worker:", waiting)
    print("\nconnections of the one worker: {} to Postgres, {} to Redis".format(*connections))
    if arguments.json:
        about = {"machine": machine(), "requests": columns, "waiting": waiting, "connections": connections}
        arguments.json.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
