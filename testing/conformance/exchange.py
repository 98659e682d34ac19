"""One exchange with the gateway, as a client sees it and as the upstream saw it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx2
import trio

from hyperinfer.testing.conformance import client_chat, client_messages, client_responses, stream_responses
from hyperinfer.testing.conformance.heard import Heard
from hyperinfer.testing.conformance.json_values import parsed, record

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.asked import Asked
    from hyperinfer.testing.conformance.said import Format, Object
    from hyperinfer.testing.conformance.upstream import Stage

CLIENTS: Final = {"chat": client_chat, "responses": client_responses, "messages": client_messages}
FIRST: Final = b"Once"
"""How the text of a reply that waits begins."""

_STREAMS: Final = {
    "chat": client_chat.read_stream,
    "responses": stream_responses.read_stream,
    "messages": client_messages.read_stream,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The gateway. `url`: up to the version, such as `http://127.0.0.1:8080/api/v1`. `models`: what a client calls the one
    whose upstream speaks each format. `headers`: of each request; `headers_for`: more of them, by the upstream's format."""

    url: str
    key: str
    models: Mapping[Format, str]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    headers_for: Mapping[Format, Mapping[str, str]] = field(default_factory=dict["Format", "Mapping[str, str]"])


@dataclass(slots=True)
class Turn:
    """`late`: it did not end in time. `cut`: why the transport ended it. `left`: seconds from the client's leaving until the
    upstream's connection was closed; None when it did not leave, or the connection was not closed in time. `early`: the
    first text had come before the upstream went on."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    asked: list[Asked] = field(default_factory=list["Asked"])
    late: bool = False
    cut: str = ""
    left: float | None = None
    early: bool = False
    heard: Heard = field(default_factory=Heard)

    @property
    def document(self) -> Object:
        """The body of a whole answer, {} when it is no JSON object."""
        return record(parsed(self.body))

    def read(self, client: Format, *, streamed: bool) -> None:
        """Sets `heard` of an answer with status 200."""
        if self.status != 200:
            return
        if not streamed:
            self.heard = CLIENTS[client].read_whole(self.document)
            self.heard.must(self.document, "framing", f"the body is no JSON object: {self.body[:60]!r}")
            return
        self.heard = _STREAMS[client](self.body)
        kind = self.headers.get("content-type", "")
        self.heard.must(kind.startswith("text/event-stream"), "framing", f"content-type is {kind!r}")


@asynccontextmanager
async def client() -> AsyncGenerator[httpx2.AsyncClient]:
    """Connections to the gateway."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx2.AsyncClient(timeout=None, limits=limits, trust_env=False) as opened:
        yield opened


async def listens(opened: httpx2.AsyncClient, url: str, patience: float) -> bool:
    """Whether something speaks HTTP there: a gateway that was started a moment ago is waited for. `patience`: seconds."""
    with trio.move_on_after(patience):
        while True:
            try:
                await opened.get(url)
            except httpx2.ConnectError:
                await trio.sleep(0.1)
            except httpx2.TransportError:
                return True  # something is there; what it does is for the checks to see
            else:
                return True
    return False


async def versioned(opened: httpx2.AsyncClient, url: str) -> str:
    """The URL up to the version: as it is, or, when it has no path, with the first usual one that is there."""
    if httpx2.URL(url).path.strip("/"):
        return url
    for path in ("/v1", "/api/v1"):
        try:
            answer = await opened.post(f"{url}{path}{client_chat.PATH}", content=b"{}", timeout=10)
        except httpx2.TransportError:
            continue
        if answer.status_code not in (404, 405):
            return url + path
    return f"{url}/v1"


class Caller:
    """Sends requests to a target. `patience`: seconds that one may take. `leaving`: seconds within which the upstream's
    connection is to be closed after the client left."""

    def __init__(self, opened: httpx2.AsyncClient, target: Target, *, patience: float, leaving: float) -> None:
        self._client = opened
        self.target = target
        self._patience = patience
        self._leaving = leaving

    def request(self, client: Format, upstream: Format, body: Object) -> httpx2.Request:
        """One of a client's."""
        key = self.target.key
        headers = {"content-type": "application/json", "accept-encoding": "identity", "authorization": f"Bearer {key}"}
        if client == "messages":
            headers |= {"x-api-key": key, "anthropic-version": "2023-06-01"}
        headers |= {**self.target.headers, **self.target.headers_for.get(upstream, {})}
        url = self.target.url.rstrip("/") + CLIENTS[client].PATH
        return self._client.build_request("POST", url, headers=headers, content=json.dumps(body).encode())

    async def whole(self, request: httpx2.Request, stage: Stage) -> Turn:
        """To the end of the answer. Where the upstream waits, it goes on once its first text is here, or after a while."""
        turn, seen = Turn(), trio.Event()

        async def go_on() -> None:
            await stage.begun.wait()
            with trio.move_on_after(self._leaving):
                await seen.wait()
            turn.early = seen.is_set()
            stage.release.set()

        with trio.move_on_after(self._patience) as limit:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(go_on)
                await self._receive(request, turn, seen)
                nursery.cancel_scope.cancel()
        turn.late = limit.cancelled_caught
        turn.asked = list(stage.asked)
        return turn

    async def leaves(self, request: httpx2.Request, stage: Stage, *, streamed: bool) -> Turn:
        """The client leaves while the upstream waits: after the first text of a stream, where that comes."""
        turn, seen, waiting = Turn(), trio.Event(), trio.CancelScope()

        async def receive() -> None:
            await self._receive(request, turn, seen)
            waiting.cancel()  # it was answered already, by an error

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            with trio.move_on_after(self._patience) as limit, waiting:
                await stage.begun.wait()
                if streamed:
                    with trio.move_on_after(self._leaving):
                        await seen.wait()
            nursery.cancel_scope.cancel()
        turn.late = limit.cancelled_caught
        if not stage.begun.is_set():
            turn.asked = list(stage.asked)
            return turn
        turn.asked = list(stage.asked)
        gone = trio.current_time()
        with trio.move_on_after(self._leaving):
            await stage.closed.wait()
            turn.left = max(0.0, stage.closed_at - gone)
        stage.release.set()
        return turn

    async def _receive(self, request: httpx2.Request, turn: Turn, seen: trio.Event) -> None:
        """Sets `seen` once the first text is here."""
        try:
            response = await self._client.send(request, stream=True)
            try:
                turn.status, turn.headers = response.status_code, dict(response.headers)
                async for piece in response.aiter_raw():
                    turn.body += piece
                    if FIRST in turn.body:
                        seen.set()
            finally:
                with trio.CancelScope(shield=True):
                    await response.aclose()
        except httpx2.TransportError as error:
            turn.cut = f"{type(error).__name__}: {error}"
