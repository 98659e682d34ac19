"""The end of a request on the embedded store: nothing cuts its record short but its time, and that alone."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.nodes.settlement import recorded
from tests.api.store.samples import USD, a_generation, a_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hyperinfer.api.store.embedded import EmbeddedStore
    from hyperinfer.nodes.ports import Generation

PATIENCE = 0.5


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("hyperinfer.api.store.embedded", "hyperinfer.nodes.settlement"):
        monkeypatch.setattr(f"{module}.SETTLE_SECONDS", PATIENCE)


def signal_writer(store: EmbeddedStore, number: signal.Signals) -> None:
    assert store.writer.process is not None
    os.kill(store.writer.process.pid, number)


async def by_the_store(store: EmbeddedStore, generation: Generation) -> bool:
    return await store.record(generation)


async def as_any_ledger(store: EmbeddedStore, generation: Generation) -> bool:
    return await recorded(store.settle(generation))


@pytest.mark.parametrize("record", [by_the_store, as_any_ledger])
async def test_a_record_waits_so_long_and_is_written_all_the_same(
    tmp_path: Path, record: Callable[[EmbeddedStore, Generation], Awaitable[bool]]
) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        outcomes: dict[str, tuple[bool, float]] = {}

        async def one(id_: str) -> None:
            began = trio.current_time()
            in_time = await record(store, a_generation(id_, workspace, 7))
            outcomes[id_] = in_time, trio.current_time() - began

        signal_writer(store, signal.SIGSTOP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one, "r1")
            await trio.sleep(PATIENCE / 2)
            nursery.start_soon(one, "r2")
            nursery.cancel_scope.cancel()
        for in_time, took in outcomes.values():
            assert not in_time
            assert PATIENCE - 0.01 <= took < PATIENCE + 0.4
        assert set(outcomes) == {"r1", "r2"}
        signal_writer(store, signal.SIGCONT)
        await one("r3")
        assert outcomes["r3"][0]
        for id_ in ("r1", "r2", "r3"):
            assert await store.generation(workspace, id_) is not None
        assert (await store.workspace("lab")).balance == USD - 21


async def test_time_goes_on_while_there_is_no_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_store(tmp_path) as store:
        workspace = (await store.create_workspace("lab", USD)).id
        monkeypatch.setattr("hyperinfer.api.store.writer_client.BACKOFF_FIRST", 3 * PATIENCE)
        signal_writer(store, signal.SIGKILL)
        began = trio.current_time()
        assert not await store.record(a_generation("r1", workspace, 7))
        assert trio.current_time() - began < 2 * PATIENCE
        await store.settle(a_generation("r2", workspace, 7))
        assert await store.generation(workspace, "r1") is not None
