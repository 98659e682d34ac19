"""The floor: a forwarder on trio and httptools and nothing else, the least that a gateway in Python can be.

    python -m benchmarks.gateway.floor UPSTREAM_PORT

Whatever is asked goes to the same path of the upstream, over a connection of its own for each client; the answer's bytes go
back as they come. No key, no limit, no translation, no record.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import httptools
import trio

from benchmarks.gateway.processes import raise_file_limit

READ = 64 * 1024


class Message:
    """What a parser saw of one message: its body, and whether it is over."""

    def __init__(self) -> None:
        self.url = self.body = b""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


class End:
    """The same for answers, whose bytes are not looked at."""

    def __init__(self) -> None:
        self.complete = False

    def on_body(self, data: bytes) -> None:
        pass

    def on_message_complete(self) -> None:
        self.complete = True


HEAD = b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


async def forward(client: trio.SocketStream, port: int) -> None:
    """One connection."""
    async with client, await trio.open_tcp_stream("127.0.0.1", port) as upstream:
        message, end = Message(), End()
        requests: Any = httptools.HttpRequestParser(message)
        while data := await client.receive_some(READ):
            requests.feed_data(data)
            if not message.complete:
                continue
            await upstream.send_all(HEAD % (message.url, len(message.body), message.body))
            message.body, message.complete = b"", False
            answers: Any = httptools.HttpResponseParser(end)
            end.complete = False
            while not end.complete:
                data = await upstream.receive_some(READ)
                if not data:
                    return
                answers.feed_data(data)
                await client.send_all(data)


async def serve(port: int) -> None:
    """Until it is ended."""

    async def handle(client: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            await forward(client, port)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    print(listeners[0].socket.getsockname()[1], flush=True)
    await trio.serve_listeners(handle, listeners)


if __name__ == "__main__":
    raise_file_limit()
    trio.run(serve, int(sys.argv[1]))
