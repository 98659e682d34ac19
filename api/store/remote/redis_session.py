"""A connection to Redis that is made when it is needed, and dropped when it fails.

One connection for one user at a time, so without a pool: taking a connection from one and giving it back costs as much as
the command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from hyperinfer.api.store.remote.driver import RedisConnection, is_of_a_replica, is_refusal, redis_connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.providers.secret import Secret


@final
class RedisSession:
    """One connection, whichever it is at the moment. For one user at a time. `seconds`: for connecting."""

    def __init__(self, url: Secret, seconds: float) -> None:
        self._url, self._seconds = url, seconds
        self._connection: RedisConnection | None = None

    async def ask(self, commands: Sequence[Sequence[str | bytes | float]]) -> list[Any]:
        """Sends commands together; the answer to each, or the exception that says that Redis refused it. asyncio.

        Raises what the connection raises; then some of them may have been carried out.
        """
        connection, self._connection = self._connection, None
        try:
            if connection is not None and await connection.can_read():  # nothing was asked: it is the end, or out of step
                await connection.disconnect(nowait=True)
                connection = None
            if connection is None:
                connection = redis_connection(self._url.reveal(), seconds=self._seconds)
                await connection.connect()
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            answers = [await _answer(connection) for _ in commands]
        except BaseException:
            if connection is not None:
                await connection.disconnect(nowait=True)
            raise
        if any(is_of_a_replica(answer) for answer in answers if isinstance(answer, Exception)):
            # After a failover the address leads to another one, but this connection would not.
            await connection.disconnect(nowait=True)
        else:
            self._connection = connection
        return answers

    def drop(self) -> None:
        """It was dropped already: a connection that fails, or is cancelled, is not kept."""

    async def leave(self) -> None:
        """Close the connection. asyncio."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect()


async def _answer(connection: RedisConnection) -> Any:
    try:
        return await connection.read_response()
    except Exception as error:
        if is_refusal(error):
            return error
        raise
