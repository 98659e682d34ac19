"""Administration from outside: of an embedded store through the server that runs on its data folder, else on the store
itself; of the shared one on its servers."""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, cast

import trio

from hyperinfer.api.control import connect_admin
from hyperinfer.api.store.embedded import open_embedded
from hyperinfer.api.store.errors import FolderInUse, NoStore
from hyperinfer.api.store.folder import DataFolder, FolderLock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from pathlib import Path

    from hyperinfer.api.settings import SharedServers
    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.embedded import EmbeddedStore
    from hyperinfer.api.store.remote.recovery import Recovered
    from hyperinfer.api.store.store import FullAdmin

PATIENCE_SECONDS: Final = 5.0
"""So long another process may hold the folder without a socket: it starts or stops, or is a command like this one."""
_AGAIN_SECONDS = 0.05


@asynccontextmanager
async def open_admin(data: Path) -> AsyncGenerator[Admin]:
    """The Admin of a data folder that has a store, whoever serves it. Makes nothing.

    Raises NoStore, FolderInUse when a process that does not answer holds the folder, else StoreUnavailable. What is
    raised inside leaves as it is, not in a group.
    """
    async with AsyncExitStack() as stack:
        yield await _reach(DataFolder(data), _lock_store, stack)


@asynccontextmanager
async def open_or_make_admin(data: Path) -> AsyncGenerator[Admin]:
    """The same, making the folder and its store when there is none; so without NoStore."""
    async with AsyncExitStack() as stack:
        yield await _reach(DataFolder(data), FolderLock.acquire, stack)


def _lock_store(folder: DataFolder) -> FolderLock:
    # A server that is being started has made the lock and not yet the database: that one is waited for.
    if not folder.lock.exists() and not folder.database.exists():
        raise _no_store(folder)
    lock = FolderLock.acquire(folder)
    if not folder.database.exists():
        lock.release()
        raise _no_store(folder)
    return lock


def _no_store(folder: DataFolder) -> NoStore:
    return NoStore(
        f"there is no store in {folder.path}: `hyperinfer serve` and `hyperinfer workspaces create` make one,"
        " --data names another folder"
    )


async def _reach(folder: DataFolder, take: Callable[[DataFolder], FolderLock], stack: AsyncExitStack) -> Admin:
    deadline = trio.current_time() + PATIENCE_SECONDS
    while True:
        try:
            return await stack.enter_async_context(connect_admin(folder.control_socket))
        except (OSError, trio.TooSlowError):
            pass  # No server, or the socket of one that is dead.
        try:
            lock = take(folder)
        except FolderInUse:
            if trio.current_time() >= deadline:
                raise
        else:
            return await stack.enter_async_context(_directly(folder, lock))
        await trio.sleep(_AGAIN_SECONDS)


@asynccontextmanager
async def _directly(folder: DataFolder, lock: FolderLock) -> AsyncGenerator[EmbeddedStore]:
    with _ungrouped(), lock:
        async with (
            trio.open_nursery() as nursery,
            open_embedded(nursery, folder, now=time.time, entropy=os.urandom) as store,
        ):
            yield store


@asynccontextmanager
async def open_shared_admin(servers: SharedServers) -> AsyncGenerator[FullAdmin]:
    """The Admin of the shared store, whoever serves from it. What is raised inside leaves as it is, not in a group."""
    from hyperinfer.api.store.remote.outside import open_remote_admin

    with _ungrouped():
        async with open_remote_admin(servers.postgres, servers.redis, now=time.time, entropy=os.urandom) as admin:
            yield admin


@asynccontextmanager
async def open_shared_admin_alone(servers: SharedServers) -> AsyncGenerator[FullAdmin]:
    """The same, to one at a time of all who open it so, on any machine. Raises StoreUnavailable, StoreAway."""
    from hyperinfer.api.store.remote.outside import open_alone

    with _ungrouped():
        async with open_alone(servers.postgres, servers.redis, now=time.time, entropy=os.urandom) as admin:
            yield admin


async def recover_shared(servers: SharedServers, data: Path) -> Recovered:
    """See `recovery.recover`; the journals of a data folder."""
    from hyperinfer.api.store.remote.recovery import recover

    with _ungrouped():
        return await recover(servers.postgres, servers.redis, DataFolder(data).journals, now=time.time, entropy=os.urandom)


@contextmanager
def _ungrouped() -> Generator[None]:
    """The nurseries are ours and not the caller's business; so are their groups."""
    try:
        yield
    except BaseExceptionGroup as group:
        leaves = _leaves(group)
        if len(leaves) > 1:
            raise
        raise leaves[0] from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            leaves += _leaves(cast("BaseExceptionGroup[BaseException]", error))
        else:
            leaves.append(error)
    return leaves
