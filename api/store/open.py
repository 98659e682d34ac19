"""Administration from outside: through the server that runs on the data folder, else on the store itself."""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.api.control import connect_admin
from hyperinfer.api.store.embedded import open_embedded
from hyperinfer.api.store.errors import FolderInUse
from hyperinfer.api.store.folder import DataFolder, FolderLock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.embedded import EmbeddedStore

PATIENCE_SECONDS: Final = 5.0
"""So long another process may hold the folder without a socket: it starts or stops, or is a command like this one."""
_AGAIN_SECONDS = 0.05


@asynccontextmanager
async def open_admin(data: Path) -> AsyncGenerator[Admin]:
    """The Admin of a data folder, whoever serves it; makes the folder and its store when there is none.

    Raises FolderInUse when a process that does not answer holds the folder, else StoreUnavailable. What is raised
    inside leaves as it is, not in a group.
    """
    async with AsyncExitStack() as stack:
        yield await _reach(DataFolder(data), stack)


async def _reach(folder: DataFolder, stack: AsyncExitStack) -> Admin:
    deadline = trio.current_time() + PATIENCE_SECONDS
    while True:
        try:
            return await stack.enter_async_context(connect_admin(folder.control_socket))
        except (OSError, trio.TooSlowError):
            pass  # No server, or the socket of one that is dead.
        try:
            lock = FolderLock.acquire(folder)
        except FolderInUse:
            if trio.current_time() >= deadline:
                raise
        else:
            return await stack.enter_async_context(_directly(folder, lock))
        await trio.sleep(_AGAIN_SECONDS)


@asynccontextmanager
async def _directly(folder: DataFolder, lock: FolderLock) -> AsyncGenerator[EmbeddedStore]:
    try:
        with lock:
            async with (
                trio.open_nursery() as nursery,
                open_embedded(nursery, folder, now=time.time, entropy=os.urandom) as store,
            ):
                yield store
    except BaseExceptionGroup as group:
        # The nursery is ours and not the caller's business; so is its group.
        first, *others = group.exceptions
        if others:
            raise
        raise first from None
