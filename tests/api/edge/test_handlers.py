"""Handlers that throw, forget the end, speak nonsense or leave the body: each ends at most its own connection."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hyperinfer.api.edge import EdgeCounters
from hyperinfer.api.edge.asgi import EdgeApp, Reply
from tests.api.edge.clients import H1Client, H2Client, reset
from tests.api.edge.faults import EXCEPTIONS, still_serves
from tests.api.edge.kit import edge, hello, until, with_lifespan, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge import Message, Receive, Scope, Send

pytestmark = pytest.mark.usefixtures("each_edge")


START: Message = {"type": "http.response.start", "status": 200, "headers": []}

SOME: Message = {"type": "http.response.body", "body": b"some", "more_body": True}

LAST: Message = {"type": "http.response.body", "body": b"last", "more_body": False}

PHASES = ["before the body", "after the body", "after the head", "between the bytes", "after the end", "in a nursery"]


@pytest.mark.parametrize("exception", EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
@pytest.mark.parametrize("phase", PHASES)
async def test_a_handler_may_throw_anything_anywhere(
    phase: str, exception: Callable[[], BaseException], each_edge: str
) -> None:
    before = {"before the body", "after the body", "in a nursery"}
    if each_edge == "lean":
        # A head leaves with the first bytes of the body.
        before.add("after the head")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/fine":
            return await hello(scope, receive, send)
        if phase == "before the body":
            raise exception()
        while (await receive()).get("more_body"):
            pass
        if phase == "after the body":
            raise exception()
        if phase == "in a nursery":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                raise exception()
        await send(START)
        if phase == "after the head":
            raise exception()
        await send(SOME)
        if phase == "between the bytes":
            raise exception()
        await send(LAST)
        raise exception()

    with within():
        async with edge(with_lifespan(app)) as server:
            async with await server.connect() as stream:
                answer = await H1Client(stream).ask("POST", "/", b"x" * 1000)
            if phase in before:
                assert (answer.status, answer.complete) == (500, True)
                assert b'"internal_error"' in answer.body
            else:
                # A client must be able to tell half an answer from a whole one.
                assert answer.complete == (phase == "after the end")
            await still_serves(server)
            assert server.counters.crashes == 1
            assert server.counters.connection_crashes == 0


@pytest.mark.parametrize("messages", [[], [START], [START, SOME]], ids=["nothing", "a head", "some bytes"])
async def test_a_handler_that_forgets_the_end(messages: list[Message], each_edge: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream:
            answer = await H1Client(stream).ask("GET", "/")
            left = messages and (each_edge == "stock" or messages != [START])
            assert (answer.status, answer.complete) == ((200, False) if left else (500, True))
            assert server.counters.crashes == 1


BAD_MESSAGES: dict[str, list[Message]] = {
    "an unknown type": [{"type": "http.nonsense"}],
    "two heads": [START, START],
    "a body first": [SOME],
    "a text for a body": [START, {"type": "http.response.body", "body": "text", "more_body": True}],
    "a header of text": [{"type": "http.response.start", "status": 200, "headers": [("a", "b")]}],
    "a header that is none": [{"type": "http.response.start", "status": 200, "headers": [(b"a b", b"c\r\nd: e")]}],
    "more than its length": [{**START, "headers": [(b"content-length", b"1")]}, SOME],
    "a status that is none": [{"type": "http.response.start", "status": 7, "headers": []}],
}


@pytest.mark.parametrize("messages", BAD_MESSAGES.values(), ids=BAD_MESSAGES.keys())
async def test_a_handler_that_speaks_nonsense(messages: list[Message]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/fine":
            return await hello(scope, receive, send)
        for message in messages:
            await send(message)

    with within():
        async with edge(with_lifespan(app)) as server:
            async with await server.connect() as stream:
                answer = await H1Client(stream).ask("GET", "/")
                assert answer.status == 500 or not answer.complete
            await still_serves(server)


async def test_a_crash_reply_of_the_application_is_used_and_may_itself_crash() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("boom")

    def broken(scope: Scope) -> Reply:
        raise ValueError(scope["path"])

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "headers": [], "state": {}}
    await EdgeApp(app, counters=EdgeCounters(), crash_reply=broken)(scope, receive, send)
    assert [message.get("status") for message in sent] == [500, None, None]


@pytest.mark.parametrize("crash", [True, False])
async def test_a_body_that_nobody_reads_holds_nothing(crash: bool) -> None:
    """More body messages than hypercorn queues, none taken: neither the reply nor the connection may hang on them."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if crash:
            raise ValueError("boom")
        await hello(scope, receive, send)

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream, trio.open_nursery() as nursery:
            client = H1Client(stream)
            nursery.start_soon(client.send, "POST", "/", bytes(4_000_000))
            answer = await client.receive()
            assert (answer.status, answer.complete) == (500 if crash else 200, True)


@pytest.mark.parametrize("http2", [False, True])
async def test_a_body_that_nobody_reads_of_a_client_that_left_holds_nothing(http2: bool) -> None:
    """Nor may the first words of the reply."""
    go, ended = trio.Event(), trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        try:
            await send(START)
            await send(SOME)
            for _ in range(2):
                while (await receive())["type"] != "http.disconnect":
                    pass
        finally:
            ended.set()

    with within():
        async with edge(with_lifespan(app)) as server:
            stream = await server.connect()
            if http2:
                client = H2Client(stream)
                await client.head(1, "/", end=False)
                for _ in range(20):
                    client.protocol.send_data(1, b"x")
                await client.flush()
            else:
                with trio.move_on_after(0.05):
                    await H1Client(stream).send("POST", "/", bytes(4_000_000))
            await wait_all_tasks_blocked(0.01)
            reset(stream)
            await wait_all_tasks_blocked(0.01)
            go.set()
            await ended.wait()
            await until(lambda: server.counters.open == 0)
            assert server.counters.crashes == 0


async def test_an_upload_that_never_ends_still_gets_its_reply() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no", "more_body": False})

    with within():
        async with edge(with_lifespan(app)) as server, await server.connect() as stream, trio.open_nursery() as nursery:

            async def upload() -> None:
                await stream.send_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n")
                with suppress(trio.BrokenResourceError):
                    while True:
                        await stream.send_all(bytes(10_000))
                        await trio.sleep(0.01)

            nursery.start_soon(upload)
            received = b""
            while not received.endswith(b"no"):
                received += await stream.receive_some()
            assert received.startswith(b"HTTP/1.1 413")
