"""A served gateway with a real store, and a client of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from hyperinfer.api.app import Application
from hyperinfer.api.gateway import GatewaySettings
from hyperinfer.nodes.ports import Attempt, CostLine, Generation, LossRecord
from tests.api.edge.kit import edge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from hyperinfer.api.gateway import Gateway

KEY = "hi-test-key-of-the-default-workspace"
TOKEN = "token-of-the-platform"


@dataclass(frozen=True)
class Served:
    """A gateway that answers on a port."""

    application: Application
    client: httpx2.AsyncClient
    url: str
    port: int

    @property
    def gateway(self) -> Gateway:
        return self.application.gateway

    async def workspace(self) -> str:
        """The id of the default workspace."""
        return (await self.gateway.store.workspace("default")).id

    async def settled(self, id: str = "abc123", **changes: object) -> Generation:
        """Writes a generation of the default workspace into the ledger."""
        generation = sample(id, await self.workspace(), **changes)
        await self.gateway.store.settle(generation)
        return generation


@asynccontextmanager
async def served(data: Path, *, token: str | None = TOKEN, config: Path | None = None) -> AsyncGenerator[Served]:
    """Serves a gateway on a data folder, with the packaged catalogue unless there is a `config`."""
    environ = {"HYPERINFER_BOOTSTRAP_KEY": KEY, **({"HYPERINFER_INTERNAL_TOKEN": token} if token else {})}
    application = Application(GatewaySettings(config=config, data=data, environ=environ))
    async with edge(application) as running:
        url = f"http://127.0.0.1:{running.port}"
        async with httpx2.AsyncClient(base_url=url, timeout=10) as client:
            yield Served(application, client, url, running.port)


def sample(id: str, workspace: str, **changes: object) -> Generation:
    """A generation of a request that used every bucket, a server tool and two upstreams."""
    lines = (
        CostLine("prompt", 700, 250_000, 175_000_000),
        CostLine("cached_prompt", 200, 25_000, 5_000_000),
        CostLine("cache_write", 100, 312_500, 31_250_000),
        CostLine("completion", 50, 1_000_001, 50_000_050),
        CostLine("web_search", 2, 5_000_000_000, 10_000_000_000),
    )
    fields: dict[str, object] = {
        "id": id,
        "workspace": workspace,
        "key_id": "key_1",
        "created_at": 1_760_000_000.5,
        "model": "maker/model",
        "provider": "second",
        "upstream_model": "model-2026",
        "route": 1,
        "ingress_format": "responses",
        "source": "api",
        "streamed": True,
        "tokens_prompt": 1000,
        "tokens_completion": 50,
        "tokens_reasoning": 20,
        "tokens_cached_prompt": 200,
        "tokens_cache_write": 100,
        "tokens_cache_write_1h": 0,
        "cost": sum(line.cost for line in lines),
        "lines": lines,
        "status": "completed",
        "finish_reason": "stop",
        "latency_ms": 1234,
        "first_token_ms": 321,
        "losses": (LossRecord("seed", "Messages has no seed"),),
        "attempts": (
            Attempt("first", "model-a", 503, "provider_overloaded", 12),
            Attempt("second", "model-2026", 200, None, 309),
        ),
    }
    return Generation(**{**fields, **changes})  # type: ignore[arg-type]
