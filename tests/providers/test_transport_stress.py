"""Many requests, cancelled at odd moments: no response ever belongs to another request."""

import random

import httpx2
import trio

from hyperinfer.providers.transport import Transport


async def echo(stream: trio.SocketStream) -> None:
    """Answers each request with its own body, in pieces, and now and then closes instead of waiting for the next."""
    unread = b""
    chance = random.Random(1)
    try:
        while True:
            while b"\r\n\r\n" not in unread or not unread.endswith(b"."):
                data = await stream.receive_some(65536)
                if not data:
                    return
                unread += data
            body = unread.partition(b"\r\n\r\n")[2]
            unread = b""
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:3], body[3:])]
            for piece in (head, *chunks, b"0\r\n\r\n"):
                await stream.send_all(piece)
                for _ in range(chance.randrange(3)):
                    await trio.lowlevel.checkpoint()
            if chance.random() < 0.1:
                return
    except trio.BrokenResourceError:
        return
    finally:
        stream.socket.close()


async def test_responses_never_mix() -> None:
    chance = random.Random(2)
    answered = 0
    async with trio.open_nursery() as nursery:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        nursery.start_soon(trio.serve_listeners, echo, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
        transport = Transport(max_idle=4)

        async def cancel_soon(scope: trio.CancelScope, turns: int) -> None:
            for _ in range(turns):
                await trio.lowlevel.checkpoint()
            scope.cancel()

        async def work(name: int) -> None:
            nonlocal answered
            for number in range(60):
                body = f"{name}-{number}.".encode()
                async with trio.open_nursery() as inner:
                    if chance.random() < 0.5:
                        inner.start_soon(cancel_soon, inner.cancel_scope, chance.randrange(40))
                    request = httpx2.Request("POST", url, content=body)
                    response = await transport.handle_async_request(request)
                    try:
                        assert await response.aread() == body
                        answered += 1
                    finally:
                        await response.aclose()
                    inner.cancel_scope.cancel()

        async with trio.open_nursery() as workers:
            for name in range(12):
                workers.start_soon(work, name)
        assert transport.active == 0
        assert 0 < transport.idle <= 4
        await transport.aclose()
        nursery.cancel_scope.cancel()
    assert 100 < answered < 720
