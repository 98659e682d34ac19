"""What server tools found in a turn that the client goes on with, in Redis: the next turn may come to another gateway."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final, final

import trio

from hyperinfer.api.store.errors import StoreUnavailable, reason_of
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.tool_memory import KEEP_SECONDS, LARGEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperinfer.api.store.remote.bridge import Actor

log = logging.getLogger("hyperinfer.tools")

ANSWER_SECONDS: Final = 1.0
"""A request does not wait longer for what it can do without."""


@final
class RedisToolMemory:
    """The port `nodes.ports.ToolMemory` of all gateways. `redis`: the actor that asks it."""

    def __init__(self, redis: Actor[Any, Any]) -> None:
        self._redis = redis

    async def keep(self, workspace: str, key: str, data: bytes) -> None:
        """See the port."""
        if len(data) <= LARGEST:
            await self._ask(("SET", _place(workspace, key), data, "EX", int(KEEP_SECONDS)))

    async def kept(self, workspace: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """See the port."""
        found = await self._ask(("MGET", *(_place(workspace, key) for key in keys))) if keys else None
        return {key: data for key, data in zip(keys, found, strict=True) if data is not None} if found else {}

    async def _ask(self, command: tuple[str | bytes | int, ...]) -> Any:
        try:
            with trio.fail_after(ANSWER_SECONDS):
                return await self._redis.ask(command)
        except (StoreUnavailable, TimeoutError, trio.TooSlowError, Busy) as error:
            log.warning("results of tools are not kept: %s", reason_of(error))
            return None


def _place(workspace: str, key: str) -> str:
    """Keys are of any length and content: the ids of calls are part of them."""
    return f"hi:{{{workspace}}}:tools:{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"
