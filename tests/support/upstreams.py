"""Upstreams by script, for virtual time: what each attempt gets and when, and what was asked and closed when."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import httpx2
import trio

from hyperinfer.engine.testing import ScriptedStream

Piece: TypeAlias = tuple[float, bytes | BaseException]
"""Seconds after the piece before (or after the head), and what comes then."""

NEVER: Piece = (1e9, b"")
"""As the last piece: the response stays open."""


@dataclass(frozen=True)
class Script:
    """One attempt. `connecting`: seconds, cut off by the deadline that the transport is given. `thinking`: seconds from
    then to the head, or to `breaks`, which is raised in its place."""

    pieces: Sequence[Piece] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    connecting: float = 0.0
    thinking: float = 0.0
    breaks: httpx2.TransportError | None = None

    def instants(self) -> list[float]:
        """When something happens, counted from the start of the attempt."""
        at = self.connecting
        found = [at]
        at += self.thinking
        found.append(at)
        for delay, _ in self.pieces:
            if delay >= NEVER[0]:
                break
            at += delay
            found.append(at)
        return sorted(set(found))


@dataclass
class Played:
    """One attempt as it went."""

    at: float
    url: str
    headers: dict[str, str]
    body: bytes
    closed_at: float | None = None
    read_to_end: bool = False


class _Body(httpx2.AsyncByteStream):
    def __init__(self, script: Script, played: Played) -> None:
        self._stream, self._played = ScriptedStream(script.pieces), played

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if data := await self._stream.receive_some():
            return data
        self._played.read_to_end = True
        raise StopAsyncIteration

    async def aclose(self) -> None:
        if self._played.closed_at is None:
            self._played.closed_at = trio.current_time()


class ScriptedTransport(httpx2.AsyncBaseTransport):
    """Plays one script after the other, whoever is called; when they are used up the call is a mistake of the test."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.played: list[Played] = []

    @property
    def left_open(self) -> list[Played]:
        """Attempts whose response was not closed."""
        return [played for played in self.played if played.closed_at is None]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        script = self.scripts[len(self.played)]
        body = (
            b"".join([part async for part in request.stream]) if isinstance(request.stream, httpx2.AsyncByteStream) else b""
        )
        played = Played(trio.current_time(), str(request.url), dict(request.headers), body)
        self.played.append(played)
        answered = False
        try:
            limit = request.extensions["timeout"]["connect"]
            await trio.sleep(min(script.connecting, limit))
            if script.connecting >= limit:
                raise httpx2.ConnectTimeout("no connection")
            await trio.sleep(script.thinking)
            if script.breaks is not None:
                raise script.breaks
            answered = True
        finally:
            if not answered:
                played.closed_at = trio.current_time()
        return httpx2.Response(script.status, headers=dict(script.headers), stream=_Body(script, played))
