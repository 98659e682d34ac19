"""ASGI applications behind a lean connection: scope, receive and send over the same exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from hyperinfer.api.edge.exchange import ClientGone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperinfer.api.edge.asgi import AsgiApp, Message, Scope
    from hyperinfer.api.edge.lean.exchange import LeanExchange


class Peer(Protocol):
    """What an application is told of the connection, and how it hears of its end."""

    server: tuple[str, int | None]
    gone: bool
    changed: trio.lowlevel.ParkingLot

    @property
    def tls(self) -> bool: ...


def scope_of(exchange: LeanExchange, peer: Peer, state: Mapping[str, object]) -> Scope:
    """The ASGI scope of a request."""
    request = exchange.request
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.version,
        "method": request.method,
        "scheme": "https" if peer.tls else "http",
        "path": request.path,
        "raw_path": request.raw_path,
        "query_string": request.query,
        "root_path": "",
        "headers": list(request.headers),
        "client": exchange.client,
        "server": peer.server,
        "state": dict(state),
        "extensions": {},
    }


async def answer_by_asgi(app: AsgiApp, exchange: LeanExchange, peer: Peer, state: Mapping[str, object]) -> None:
    """One request through an application. Raises what it raises, and ClientGone."""
    messages = _Messages(exchange, peer)
    await app(scope_of(exchange, peer, state), messages.receive, messages.send)


class _Messages:
    """`receive` and `send` of one request."""

    def __init__(self, exchange: LeanExchange, peer: Peer) -> None:
        self._exchange = exchange
        self._peer = peer
        self._body_done = False

    async def receive(self) -> Message:
        await trio.lowlevel.checkpoint()
        exchange, peer = self._exchange, self._peer
        if not self._body_done and not exchange.finished:
            try:
                data = await exchange.read_some()
            except ClientGone:
                return {"type": "http.disconnect"}
            self._body_done = exchange.request.body.complete
            return {"type": "http.request", "body": data, "more_body": not self._body_done}
        while not (peer.gone or exchange.finished or exchange.broken):
            await peer.changed.park()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        exchange = self._exchange
        if message["type"] == "http.response.start":
            headers = [(name.lower(), value) for name, value in message.get("headers", ())]
            await exchange.send_head(message["status"], headers)
        elif message["type"] != "http.response.body":
            raise ValueError(f"{message['type']!r} is no message of an HTTP response")
        elif message.get("more_body", False):
            await exchange.send_body(message.get("body", b""))
        else:
            await exchange.send_last(message.get("body", b""))
        await trio.lowlevel.checkpoint_if_cancelled()
