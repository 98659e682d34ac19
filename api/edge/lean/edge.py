"""Who serves a connection of the lean edge: itself, or hypercorn where the client speaks HTTP/2."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.edge.connection import StockEdge
from hyperinfer.api.edge.lean.connection import LeanConnection
from hyperinfer.api.edge.lean.response import DateLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge.connection import Choose, Connection, EdgeConnection, EdgeStream, Serving
    from hyperinfer.api.edge.guarded import GuardedStream


class LeanEdge:
    """HTTP/1.1 by itself; HTTP/2 by ALPN, by prior knowledge and by `Upgrade: h2c` to hypercorn. `now`: unix seconds."""

    def __init__(self, serving: Serving, *, now: Callable[[], float] = time.time) -> None:
        self._serving = serving
        self._stock: Choose = StockEdge(serving)
        self._date = DateLine(now)

    async def __call__(self, stream: EdgeStream, connection: Connection) -> EdgeConnection:
        if isinstance(stream, trio.SSLStream) and stream.selected_alpn_protocol() == "h2":
            return await self._stock(stream, connection)
        lean = LeanConnection(self._serving, stream, connection, self._date)
        return lean if isinstance(stream, trio.SSLStream) else _Plain(lean, stream, connection, self._stock)


class _Plain:
    """A connection without TLS, until its client turns to HTTP/2."""

    def __init__(self, lean: LeanConnection, stream: GuardedStream, connection: Connection, stock: Choose) -> None:
        self._lean = lean
        self._stream = stream
        self._connection = connection
        self._stock = stock

    async def run(self) -> None:
        await self._lean.run()
        if self._lean.handover is not None:
            self._stream.unread(self._lean.handover)
            await (await self._stock(self._stream, self._connection)).run()
