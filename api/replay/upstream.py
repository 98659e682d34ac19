"""The upstreams of a replay: each attempt gets what it got, when it did. There is no network."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, NoReturn, Self, TypeAlias

import httpx2
import msgspec
import trio

from hyperinfer.engine import recording as rec
from hyperinfer.providers import transport_errors
from hyperinfer.providers.client import BodyTooLarge, Upstream

if TYPE_CHECKING:
    from hyperinfer.api.replay.timeline import Timeline
    from hyperinfer.providers.catalogue import Provider

Chunks: TypeAlias = Literal["recorded", "bytes", "whole"]
"""Pieces as they came; each of them byte by byte; or all of the body at once, with its first piece."""

Depart: TypeAlias = Callable[[str], None]
"""Ends the replay: what happens now did not happen then. The text says what."""


class Script(msgspec.Struct):
    """One attempt. `came`: what the upstream did, in order."""

    asked: rec.Attempt
    came: list[rec.Upstream]


def scripts_of(lines: Sequence[rec.Line]) -> list[Script]:
    """The attempts by number."""
    scripts: list[Script] = []
    for line in lines:
        if isinstance(line, rec.Attempt):
            scripts.append(Script(line, []))
        elif isinstance(line, rec.Upstream):
            scripts[line.attempt].came.append(line)
    return scripts


class RecordedUpstreams:
    """The port `nodes.attempt.Clients`. `asked`: attempts so far. `notes`: what was asked otherwise than then."""

    def __init__(self, scripts: Sequence[Script], timeline: Timeline, chunks: Chunks, depart: Depart) -> None:
        self._scripts, self._timeline, self._depart = scripts, timeline, depart
        self._chunks: Chunks = chunks
        self._clients: dict[str, Upstream] = {}
        self.asked = 0
        self.notes: list[str] = []

    def of(self, provider: Provider) -> Upstream:
        """See the port."""
        client = self._clients.get(provider.name)
        if client is None:
            wire = _Wire(provider.name, self)
            client = self._clients[provider.name] = Upstream(provider, wire, turns=itertools.count())
        return client

    @property
    def next(self) -> rec.Attempt | None:
        """Who was asked next; None where nobody was."""
        return self._scripts[self.asked].asked if self.asked < len(self._scripts) else None

    async def answer(self, provider: str, request: httpx2.Request) -> httpx2.Response:
        """What the next attempt got. Raises what it met."""
        number, asked = self.asked, self.next
        self.asked += 1
        if asked is None:
            await self._departed(f"a provider is asked once more, {provider}, where only {number} attempts were made")
        if asked.provider != provider:
            await self._departed(f"attempt {number + 1} goes to {provider}, where it went to {asked.provider}")
        body = await request.aread()
        if asked.body.length is None and asked.body.data != body:
            self.notes.append(f"attempt {number + 1} asks {provider} in other words than it did")
        came = iter(self._scripts[number].came)
        for line in came:
            if isinstance(line, rec.Close):
                break
            await self._timeline.reach(line.at)
            if isinstance(line, rec.Fault):
                raise _fault(line)
            if isinstance(line, rec.Head):
                body_stream = _Body(_split(came, self._chunks), self._timeline)
                return httpx2.Response(line.status, headers=list(line.headers), stream=body_stream)
        await trio.sleep_forever()  # nothing came of it
        raise AssertionError

    async def _departed(self, what: str) -> NoReturn:
        self._depart(what)
        await trio.sleep_forever()
        raise AssertionError


class _Wire(httpx2.AsyncBaseTransport):
    """To one provider."""

    def __init__(self, provider: str, upstreams: RecordedUpstreams) -> None:
        self._provider, self._upstreams = provider, upstreams

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._upstreams.answer(self._provider, request)


class _Body(httpx2.AsyncByteStream):
    """The body of a response. One that neither ended nor broke stays open."""

    def __init__(self, pieces: Iterator[rec.Upstream], timeline: Timeline) -> None:
        self._pieces, self._timeline = pieces, timeline

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for line in self._pieces:
            if isinstance(line, rec.Close):
                break
            await self._timeline.reach(line.at)
            if isinstance(line, rec.Bytes):
                return line.data.data
            if isinstance(line, rec.Eof):
                raise StopAsyncIteration
            if isinstance(line, rec.Fault):
                raise _fault(line)
        await trio.sleep_forever()
        raise AssertionError


def _split(came: Iterator[rec.Upstream], chunks: Chunks) -> Iterator[rec.Upstream]:
    if chunks == "recorded":
        return came
    return _bytewise(came) if chunks == "bytes" else _joined(came)


def _bytewise(came: Iterator[rec.Upstream]) -> Iterator[rec.Upstream]:
    for line in came:
        if isinstance(line, rec.Bytes):
            data = line.data.data
            for place in range(len(data)):
                yield _with(line, data[place : place + 1])
        else:
            yield line


def _joined(came: Iterator[rec.Upstream]) -> Iterator[rec.Upstream]:
    every = list(came)
    pieces = [line for line in every if isinstance(line, rec.Bytes)]
    if pieces:
        yield _with(pieces[0], b"".join([line.data.data for line in pieces]))
    yield from (line for line in every if not isinstance(line, rec.Bytes))


def _with(line: rec.Bytes, data: bytes) -> rec.Bytes:
    return msgspec.structs.replace(line, data=rec.Payload.of(data))


_KINDS: Final[tuple[type[httpx2.TransportError | httpx2.DecodingError], ...]] = (
    *(httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ReadError, httpx2.ReadTimeout),
    *(httpx2.WriteError, httpx2.WriteTimeout, httpx2.CloseError, httpx2.ProxyError, httpx2.DecodingError),
    *(httpx2.RemoteProtocolError, httpx2.LocalProtocolError, httpx2.UnsupportedProtocol),
    *(transport_errors.Disconnected, transport_errors.GarbledResponse, BodyTooLarge),
)
_FAULTS: Final = {kind.__name__: kind for kind in _KINDS}


def _fault(line: rec.Fault) -> Exception:
    """The exception that was met. One of an unknown class is a broken connection."""
    return _FAULTS.get(line.error, httpx2.ReadError)(line.message)
