"""asyncpg and redis-py as far as we use them, with types: neither ships complete ones."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast


class Connection(Protocol):
    """A connection to PostgreSQL. Its coroutines are asyncio's."""

    async def execute(self, query: str, *arguments: object) -> str: ...

    async def fetch(self, query: str, *arguments: object) -> Sequence[Sequence[Any]]: ...

    async def fetchrow(self, query: str, *arguments: object) -> Sequence[Any] | None: ...

    async def fetchval(self, query: str, *arguments: object) -> Any: ...

    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False
    ) -> AbstractAsyncContextManager[object]: ...

    def cursor(self, query: str, *arguments: object, prefetch: int) -> AsyncIterable[Sequence[Any]]: ...

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...

    async def close(self) -> None: ...

    async def add_listener(self, channel: str, callback: Callable[[object, int, str, str], None]) -> None: ...


async def connect(url: str, *, seconds: float) -> Connection:
    """A new connection. Raises OSError, TimeoutError or what `error_class` tells."""
    asyncpg = importlib.import_module("asyncpg")
    return cast(
        "Connection", await asyncpg.connect(url, timeout=seconds, server_settings={"application_name": "hyperinfer"})
    )


def error_class(error: Exception) -> str | None:
    """The class of an error that the server sent: the first two characters of its SQLSTATE. None for all else."""
    state = getattr(error, "sqlstate", None)
    return state[:2] if isinstance(state, str) else None


class RedisConnection(Protocol):
    """A connection to Redis. Its coroutines are asyncio's."""

    def pack_commands(self, commands: Iterable[Sequence[str | bytes | float]]) -> list[bytes]: ...

    async def connect(self) -> None: ...

    async def can_read(self) -> bool: ...

    async def send_packed_command(self, command: Iterable[bytes], check_health: bool = True) -> None: ...

    async def read_response(self) -> Any: ...

    async def disconnect(self, nowait: bool = False) -> None: ...


def redis_connection(url: str, *, seconds: float) -> RedisConnection:
    """A connection that is still to be made, in as many seconds. It has no timeout for answers: each would be a timer of the
    loop's, and its user has one."""
    redis = importlib.import_module("redis.asyncio")
    # Not its own retries: an actor asks again, or its caller does, and knows what is safe to repeat.
    retry = importlib.import_module("redis.asyncio.retry").Retry(importlib.import_module("redis.backoff").NoBackoff(), 0)
    pool = redis.ConnectionPool.from_url(url, socket_connect_timeout=seconds, socket_timeout=None, retry=retry, protocol=2)
    return cast("RedisConnection", pool.make_connection())


def cause_of(error: Exception) -> str:
    """What kind of error it is: the kind of the first cause where the client made a `ConnectionError` of whatever it was."""
    cause = error
    while type(cause).__name__ == "ConnectionError" and isinstance(cause.__cause__ or cause.__context__, Exception):
        cause = cast("Exception", cause.__cause__ or cause.__context__)
    return type(cause).__name__


def is_refusal(error: Exception) -> bool:
    """Whether Redis has answered, and this is its answer: the connection is well."""
    return isinstance(error, importlib.import_module("redis.exceptions").ResponseError)


def is_of_a_replica(answer: object) -> bool:
    """Whether an answer says that this Redis takes no writes: it is not the one to ask, or not any more."""
    return isinstance(answer, importlib.import_module("redis.exceptions").ReadOnlyError)


def is_unknown_script(answer: object) -> bool:
    """Whether an answer says that a script has to be loaded first."""
    return isinstance(answer, importlib.import_module("redis.exceptions").NoScriptError)
