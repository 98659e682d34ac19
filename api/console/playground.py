"""The console's playground: a request as any client could make it, run here, and all that can be seen of it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec
import trio
from quart import Response
from quart.wrappers.response import ResponseBody

from hyperinfer.api.console.audit import said
from hyperinfer.api.console.guard import API_PATH
from hyperinfer.api.console.live_picture import LivePicture
from hyperinfer.api.console.outbox import Outbox
from hyperinfer.api.console.playground_client import PlaygroundClient
from hyperinfer.api.control_plane.body import json_body
from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.api.data_plane import ROUTES, seems_streamed
from hyperinfer.formats import FORMATS

if TYPE_CHECKING:
    from types import TracebackType

    from quart import Blueprint, Request
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway
    from hyperinfer.engine import Graph
    from hyperinfer.formats.codec import Format
    from hyperinfer.providers.secret import Secret

FormatName: TypeAlias = Literal["openai_chat", "openai_responses", "anthropic_messages"]

PLAYGROUND_PATH: Final = f"{API_PATH}/playground"
PATHS: Final = {format.dialect: path for path, format in ROUTES.items()}

HEADERS: Final = ("x-hyperinfer-strict", "anthropic-version", "anthropic-beta")
"""Of a request that mean something to the gateway. Its key is not the page's affair."""

USER: Final = "console"
"""Who the one-time keys of the playground are for."""

_AROUND: Final = 64 * 1024
"""Bytes of the page's own request around the one that it sends."""


class PlaygroundRequest(msgspec.Struct, frozen=True):
    """What the page sends. `workspace`: an id or a name, who pays for it. `body`: of the request, in its format."""

    workspace: str
    format: FormatName
    body: msgspec.Raw
    headers: dict[str, str] = {}


def take_large_bodies(app: QuartTrio, gateway: Gateway) -> None:
    """Has the application take as large bodies for the playground as the gateway takes, where others end sooner."""
    usual: type[Request] = app.request_class

    class PlaygroundRequests(usual):  # type: ignore[valid-type, misc]
        def __init__(self, method: str, scheme: str, path: str, *rest: Any, **options: Any) -> None:
            if path == PLAYGROUND_PATH:
                options["max_content_length"] = gateway.data_plane.body_limit() + _AROUND
            super().__init__(method, scheme, path, *rest, **options)
            self.max_content_length = options["max_content_length"]

    app.request_class = PlaygroundRequests


def playground_routes(api: Blueprint, gateway: Gateway) -> None:
    """POST /playground."""

    @api.post("/playground")
    async def playground() -> Response:
        asked = await json_body(PlaygroundRequest)
        workspace = await gateway.store.workspace(asked.workspace)
        headers = _headers(asked)
        said(f"a request from the playground, for {workspace.id}")
        key, _ = await gateway.playground.mint(workspace.id, workspace.name, USER, "playground")
        # As any client sends it; also what is not a request of that format, which is then told so.
        run = Watched(gateway, FORMATS[asked.format], [*headers, _bearer(key)], bytes(asked.body))
        response = Response(run, 200, {"X-Accel-Buffering": "no"}, content_type="application/x-ndjson")
        response.timeout = None
        return response

    del playground


def _headers(asked: PlaygroundRequest) -> list[tuple[bytes, bytes]]:
    found = [(b"content-type", b"application/json")]
    for name, value in asked.headers.items():
        if name.lower() not in HEADERS:
            message = f"`headers` may have {', '.join(HEADERS)}; every other one is the playground's own."
            raise Refusal("invalid_request", message, param=f"headers.{name}")
        try:
            found.append((name.lower().encode(), value.strip().encode("latin-1")))
        except UnicodeEncodeError:
            raise Refusal("invalid_request", "No header can say this.", param=f"headers.{name}") from None
    return found


def _bearer(key: Secret) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {key.reveal()}".encode()


class Watched(ResponseBody):
    """The body of the console's response: lines about a request, which runs for as long as somebody reads them."""

    def __init__(self, gateway: Gateway, format: Format, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._gateway, self._format = gateway, format
        self._request = headers, body
        self._streamed = seems_streamed(body)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Outbox:
        self._outbox = outbox = Outbox()
        self._client = PlaygroundClient(PATHS[self._format.dialect], *self._request, outbox)
        del self._request  # the client has the body until it is read
        running = await self._stack.enter_async_context(trio.open_nursery())
        running.start_soon(self._run)
        return outbox

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        # Whoever reads is gone, if anything is left to be read: as when any client leaves.
        self._client.leave()
        await self._stack.__aexit__(exc_type, exc_value, tb)

    async def _run(self) -> None:
        client, data_plane = self._client, self._gateway.data_plane
        picture = LivePicture(self._outbox, self._graph)
        # What the cancellation of the response ends is who reads: the request ends as its client has left.
        with trio.CancelScope(shield=True), client.handling:
            await data_plane.handle(self._format, client, picture)
        end = {"kind": "end", "request_id": client.request_id, "status": client.status, "seconds": self._outbox.at}
        self._outbox.end(end)

    def _graph(self) -> Graph:
        pipelines = self._gateway.pipelines
        return pipelines.stream if self._streamed else pipelines.whole
