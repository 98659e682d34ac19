"""What is thrown within a lean connection ends that connection alone; ASGI messages as an application sees them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
import trio

from hyperinfer.api.edge.guarded import GuardedStream
from hyperinfer.api.edge.lean.exchange import LeanExchange
from hyperinfer.api.edge.lean.parser import RequestParser
from tests.api.edge.clients import H1Client
from tests.api.edge.faults import still_serves
from tests.api.edge.kit import QUICK, edge, hello, until, with_lifespan, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge import Message, Receive, Scope, Send

LEAN = dataclasses.replace(QUICK, edge="lean")
GET = b"GET / HTTP/1.1\r\nhost: h\r\n"


@pytest.mark.parametrize("callback", [name for name in vars(RequestParser) if name.startswith("on_")])
@pytest.mark.parametrize("exception", [KeyError, RecursionError, lambda: SystemExit(3), lambda: trio.BrokenResourceError()])
async def test_what_a_parsers_callback_throws_ends_its_connection_alone(
    callback: str, exception: Callable[[], BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def throw(*_: object) -> None:
        raise exception()

    with within():
        async with edge(with_lifespan(hello), LEAN) as server:
            with monkeypatch.context() as patch:
                patch.setattr(RequestParser, callback, throw)
                await server.ask(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nab")
                await until(lambda: not server.counters.open)
            assert server.counters.connection_crashes == 1
            await still_serves(server)


@pytest.mark.parametrize("method", ["receive_now", "send_now", "addresses", "replied"])
@pytest.mark.parametrize("exception", [lambda: KeyError("x"), lambda: OSError(5, "io"), trio.BrokenResourceError])
async def test_what_its_stream_throws_ends_its_connection_alone(
    method: str, exception: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def throw(*_: object) -> None:
        raise exception()

    with within():
        async with edge(with_lifespan(hello), LEAN) as server:
            with monkeypatch.context() as patch:
                patch.setattr(GuardedStream, method, throw)
                await server.ask(GET + b"connection: close\r\n\r\n")
                await until(lambda: not server.counters.open)
            await still_serves(server)


@pytest.mark.parametrize("method", ["read_some", "send_head", "send_last", "closes"])
async def test_what_an_exchange_throws_ends_its_connection_alone(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def throw(*_: object) -> None:
        raise KeyError("x")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await hello(scope, receive, send)

    with within():
        async with edge(with_lifespan(app), LEAN) as server:
            with monkeypatch.context() as patch:
                patch.setattr(LeanExchange, method, throw if method != "closes" else property(throw))
                await server.ask(GET + b"connection: close\r\n\r\n")
                await until(lambda: not server.counters.open)
            await still_serves(server)


async def test_asgi_messages_of_a_whole_exchange() -> None:
    """A body in parts, the scope, the disconnect behind the end."""
    messages: list[Message] = []
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        while True:
            messages.append(await receive())
            if not messages[-1]["more_body"]:
                break
        await hello(scope, receive, send)
        messages.append(await receive())

    with within():
        async with edge(with_lifespan(app), LEAN) as server, await server.connect() as stream:
            answer = await H1Client(stream).ask("POST", "/a%20b?c=d", bytes(200_000))
            assert answer.body == b"hello"
            await until(lambda: len(messages) > 1 and messages[-1]["type"] == "http.disconnect")
            assert sum(len(message.get("body", b"")) for message in messages) == 200_000
            assert len(messages) >= 3
            (scope,) = scopes
            expected = ("http", "1.1", "POST", "http", "/a b", b"/a%20b", b"c=d")
            names = ("type", "http_version", "method", "scheme", "path", "raw_path", "query_string")
            assert tuple(scope[name] for name in names) == expected
            assert scope["server"] == ("127.0.0.1", server.port)
