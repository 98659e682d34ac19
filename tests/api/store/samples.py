"""Records that the store's tests share, and a store of their own for each."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import trio

from hyperinfer.api.store.embedded import EmbeddedStore, open_embedded
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.nodes.ports import Admission, Attempt, CostLine, Generation, LossRecord, Principal, Rate, ToolTime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

USD = 10**12
NOW = 1_795_600_000.25


def a_generation(id_: str, workspace: str, cost: int = 35, created_at: float = NOW, model: str = "a/b") -> Generation:
    """A completed one; `cost` must be a multiple of 7."""
    tokens, rest = divmod(cost, 7)
    assert rest == 0
    return Generation(
        id=id_,
        workspace=workspace,
        key_id="key_1",
        created_at=created_at,
        model=model,
        provider="provider",
        upstream_model="b-2026",
        route=1,
        ingress_format="anthropic_messages",
        source="api",
        streamed=True,
        tokens_prompt=11,
        tokens_completion=22,
        tokens_reasoning=3,
        tokens_cached_prompt=4,
        tokens_cache_write=5,
        tokens_cache_write_1h=6,
        cost=cost,
        lines=(CostLine("prompt", tokens, 7, cost), CostLine("completion", 0, 9, 0)),
        status="completed",
        finish_reason="stop",
        latency_ms=1234,
        first_token_ms=12,
        losses=(LossRecord("messages[0].name", "not expressible: «ü» 🙂"),),
        estimated=True,
        attempts=(Attempt("other", "b", 503, "provider_overloaded", 5), Attempt("provider", "b-2026", 200, None, 7, at=6)),
        admitted_ms=1,
        tools=(ToolTime("web_search", 8, 3, failed=True),),
    )


@asynccontextmanager
async def a_store(path: Path, now: Callable[[], float] = lambda: NOW) -> AsyncGenerator[EmbeddedStore]:
    """The embedded store on that folder, its time standing still, if it is not said otherwise."""
    folder = DataFolder(path)
    with FolderLock.acquire(folder):
        async with (
            trio.open_nursery() as nursery,
            open_embedded(nursery, folder, now=now, entropy=os.urandom) as store,
        ):
            yield store


def an_admission(id_: str, principal: Principal, hold: int, rate: Rate | None = None) -> Admission:
    """A request of the caller that asks to be let in."""
    row = msgspec.structs.replace(
        a_generation(id_, principal.workspace, 0), key_id=principal.key_id, status="interrupted", lines=(), cost=0
    )
    return Admission(principal, hold, rate or Rate(60_000, 10_000), row)
