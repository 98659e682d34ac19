"""Who answers a request: a data-plane handler by path, else the control plane's ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import trio

from hyperinfer.api.edge.asgi_exchange import AsgiExchange
from hyperinfer.api.edge.exchange import Exchange

if TYPE_CHECKING:
    from hyperinfer.api.edge.asgi import AsgiApp, Receive, Scope, Send

Handler: TypeAlias = Callable[[Exchange], Awaitable[None]]
DataPlane: TypeAlias = Callable[[str], Handler | None]


@runtime_checkable
class Routed(Protocol):
    """An application whose handlers an edge may call itself, without ASGI between them."""

    def handler(self, path: str) -> Handler | None:
        """Who answers this path, None for the ASGI application."""
        ...


class Dispatch:
    """An ASGI application. `data_plane(path)` names the handler of a path, whatever the method (a wrong one is the
    handler's 405); every other path goes to `fallback`, the lifespan to `lifespan` (by default the fallback's)."""

    def __init__(self, data_plane: DataPlane, fallback: AsgiApp, *, lifespan: AsgiApp | None = None) -> None:
        self._data_plane = data_plane
        self._fallback = fallback
        self._lifespan = lifespan or fallback

    def handler(self, path: str) -> Handler | None:
        """See `Routed`."""
        return self._data_plane(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "http" and (handler := self._data_plane(scope["path"])) is not None:
            async with trio.open_nursery() as watching:
                await handler(AsgiExchange(scope, receive, send, watching))
                watching.cancel_scope.cancel()
        else:
            await self._fallback(scope, receive, send)
