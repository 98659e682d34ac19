"""A handler that says what it was asked, and what came back on the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.edge import BodyTooLarge, Dispatch, SlowBody
from tests.api.edge import kit
from tests.api.edge.kit import bare, edge, within

if TYPE_CHECKING:
    from hyperinfer.api.edge import EdgeSettings, Exchange, Handler, Headers

LIMIT = 1_000_000


@dataclass
class Recorder:
    """Answers every request with its path; `seen` has them all: method, path and body."""

    seen: list[tuple[str, str, bytes]] = field(default_factory=lambda: list[tuple[str, str, bytes]]())
    headers: list[Headers] = field(default_factory=lambda: list["Headers"]())

    async def handler(self, exchange: Exchange) -> None:
        try:
            body = await exchange.read_body(LIMIT)
        except BodyTooLarge:
            return await answer(exchange, 413)
        except SlowBody:
            return await answer(exchange, 408)
        self.seen.append((exchange.method, exchange.path, body))
        self.headers.append(exchange.headers)
        await answer(exchange, 200)

    def app(self) -> Dispatch:
        """An application whose every path is the handler's."""

        def every(path: str) -> Handler:
            del path
            return self.handler

        return Dispatch(every, bare)

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.seen]


async def answer(exchange: Exchange, status: int) -> None:
    text = exchange.path.encode()
    await exchange.send_head(status, [(b"content-length", b"%d" % len(text))])
    await exchange.send_last(text)


async def asked(wire: bytes, settings: EdgeSettings | None = None, *, recorder: Recorder | None = None) -> bytes:
    """What comes back for these bytes until the server closes, or for a moment."""
    recorder = recorder or Recorder()
    received = b""
    with within():
        async with edge(recorder.app(), *(() if settings is None else (settings,))) as server:
            async with await server.connect() as stream:
                await stream.send_all(wire)
                with trio.move_on_after(0.25 if kit.served_by == "stock" else 2):
                    try:
                        while data := await stream.receive_some():
                            received += data
                    except trio.BrokenResourceError:
                        pass
            assert server.counters.connection_crashes == 0
            assert server.counters.crashes == 0
    return received


def statuses(received: bytes) -> list[int]:
    """Of the responses in these bytes, whose bodies have no such line."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", received)]
