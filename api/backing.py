"""What is behind a gateway: its store, its one-time keys, what its tools found. The only place that knows which of the two
stores it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.control import serve_control
from hyperinfer.api.playground import MemoryPlaygroundKeys, PlaygroundKeys
from hyperinfer.api.store.embedded import open_embedded
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.api.tool_memory import LocalToolMemory

if TYPE_CHECKING:
    from hyperinfer.api.about import About
    from hyperinfer.api.settings import SharedServers
    from hyperinfer.api.store.remote.store import RemoteSettings
    from hyperinfer.api.store.store import Store
    from hyperinfer.nodes.health import LocalHealth
    from hyperinfer.nodes.ports import ToolMemory


async def _with_nobody(_: LocalHealth) -> None:
    """The only gateway."""


@dataclass(frozen=True, slots=True)
class Backing:
    """Of one worker. `share_health`: keeps what it knows of routes at what all gateways know, until it is cancelled."""

    store: Store
    playground: PlaygroundKeys
    tool_memory: ToolMemory
    share_health: Callable[[LocalHealth], Awaitable[None]] = _with_nobody


@asynccontextmanager
async def open_backing(
    folder: DataFolder,
    lock: FolderLock | None,
    servers: SharedServers | None,
    *,
    refuse_without_postgres: bool = False,
    about: Callable[[], About] | None = None,
    now: Callable[[], float],
    entropy: Callable[[int], bytes],
) -> AsyncGenerator[Backing]:
    """The shared store where there are servers, else the embedded one, for as long as the block runs.

    `lock`: the folder's, where whoever started us holds it; else we take it. `refuse_without_postgres`: see RemoteSettings.
    `about`: what the gateway says of itself to the owner of the folder.
    Raises FolderInUse, StoreUnavailable.
    """
    if servers is None:
        async with _embedded(folder, lock or FolderLock.acquire(folder), about, now, entropy) as backing:
            yield backing
    else:
        # Half of a megabyte and a tenth of a second, for those who use it.
        from hyperinfer.api.store.remote.store import RemoteSettings

        settings = RemoteSettings(
            postgres=servers.postgres,
            redis=servers.redis,
            journals=folder.journals,
            refuse_without_postgres=refuse_without_postgres,
        )
        async with _shared(settings, lock or FolderLock.share(folder), now, entropy) as backing:
            yield backing


@asynccontextmanager
async def _embedded(
    folder: DataFolder,
    lock: FolderLock,
    about: Callable[[], About] | None,
    now: Callable[[], float],
    entropy: Callable[[int], bytes],
) -> AsyncGenerator[Backing]:
    with lock:
        async with (
            trio.open_nursery() as keeping,  # the store's actor outlives everything that may still settle
            open_embedded(keeping, folder, now=now, entropy=entropy) as store,
            trio.open_nursery() as answering,
        ):
            await answering.start(serve_control, store, folder.control_socket, about)
            yield Backing(store, MemoryPlaygroundKeys(now, trio.current_time, entropy), LocalToolMemory(trio.current_time))
            answering.cancel_scope.cancel()


@asynccontextmanager
async def _shared(
    settings: RemoteSettings,
    lock: FolderLock,
    now: Callable[[], float],
    entropy: Callable[[int], bytes],
) -> AsyncGenerator[Backing]:
    from hyperinfer.api.store.remote.breakers import SharedBreakers
    from hyperinfer.api.store.remote.one_time import RedisPlaygroundKeys
    from hyperinfer.api.store.remote.store import open_remote
    from hyperinfer.api.store.remote.tool_memory import RedisToolMemory

    with lock:
        async with open_remote(settings, now=now, clock=trio.current_time, entropy=entropy) as store:
            await store.wait_restored()

            def share_health(health: LocalHealth) -> Awaitable[None]:
                return SharedBreakers(health, store.redis, trio.current_time, entropy).run()

            playground, tool_memory = RedisPlaygroundKeys(store.redis, now, entropy), RedisToolMemory(store.redis)
            yield Backing(store, playground, tool_memory, share_health)
