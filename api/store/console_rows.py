"""The console's rows in the embedded store."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, final

from hyperinfer.api.store import messages
from hyperinfer.api.store.console_access import check_not_given, kept_of, new_console_token, proof_of
from hyperinfer.api.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.store.keys import Entropy
    from hyperinfer.api.store.writer_client import WriterClient
    from hyperinfer.providers.secret import Secret

_KEPT = "SELECT sha256 FROM console_token"
_SIGNED_OUT = "SELECT 1 FROM console_signed_out WHERE session = ?"


@final
class EmbeddedConsole:
    """ConsoleAccess. Lookups by primary key, on the calling thread; what is written goes to the writer."""

    def __init__(self, reader: sqlite3.Connection, writer: WriterClient, now: Callable[[], float], entropy: Entropy) -> None:
        self.given = False
        self._reader, self._writer, self._now, self._entropy = reader, writer, now, entropy

    async def kept(self) -> bytes | None:
        """See ConsoleAccess."""
        row = self._read(_KEPT)
        return None if row is None else row[0]

    async def signed_out(self, session: bytes) -> bool:
        """See ConsoleAccess."""
        return self._read(_SIGNED_OUT, session) is not None

    async def first_token(self) -> Secret | None:
        """See ConsoleAccess."""
        if await self.kept() is not None:
            return None
        return await self.new_token()  # nobody else serves this folder

    async def new_token(self) -> Secret:
        """See ConsoleAccess."""
        check_not_given(self)
        token = new_console_token(self._entropy)
        kept = kept_of(proof_of(token))
        await self._write(messages.KeepToken(self._writer.number(), kept, self._now()))
        return token

    async def sign_out(self, session: bytes, until: float) -> None:
        """See ConsoleAccess."""
        await self._write(messages.SignOut(self._writer.number(), session, until, self._now()))

    def _read(self, sql: str, *values: bytes) -> tuple[bytes] | None:
        try:
            row: tuple[bytes] | None = self._reader.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the console's rows cannot be read: {error}") from error
        return row

    async def _write(self, request: messages.KeepToken | messages.SignOut) -> None:
        answer = await self._writer.submit(request, lambda _: None)
        if isinstance(answer, messages.Rejected):
            raise StoreUnavailable(f"the console's rows cannot be written: {answer.message}")
