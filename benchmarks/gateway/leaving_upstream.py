"""An upstream that says when it hears of a client's leaving: the end of its own connection. One for `leaving`, in its loop.

The first part of the path says how it answers:

* `silent`: not at all;
* `half`: with the head and a part of a whole reply;
* `paced`: with a stream that goes on, 50 events a second;
* `flood`: with a stream as fast as it is taken;
* `tool`: with a call of `web_search`, whose search (`/search-engine`) is not answered;
* `later`: with 503 and a time after which to ask again.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import trio

from benchmarks.gateway.wire import chunk, compact, script

MARK = re.compile(rb"mark-\d+")
"""What a request has in it, so that both ends know of the same one."""
BLOCKED = 0.05
"""Seconds without a byte taken, after which a flood counts as stopped."""
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LATER = b"HTTP/1.1 503 Busy\r\ncontent-type: application/json\r\nretry-after: 4\r\ncontent-length: 2\r\n\r\n{}"
PACE = 0.02


@dataclass(eq=False)
class Asked:
    """A request that came. `reached`: what is to happen before the client leaves has happened. `left`: when the connection
    ended, on the machine's clock."""

    reached: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)
    left: float = 0.0

    def end(self) -> None:
        if not self.ended.is_set():
            self.left = time.perf_counter()
            self.ended.set()


class Upstream:
    """`asked`: by mark."""

    def __init__(self) -> None:
        self.asked: dict[bytes, Asked] = {}
        self._script = script("openai_chat")

    def expect(self, mark: bytes) -> Asked:
        """What will be known of the request with a mark."""
        asked = self.asked[mark] = Asked()
        return asked

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection."""
        async with stream, aclosing(_requests(stream)) as requests:
            async for mode, mark, body in requests:
                if mode == b"tool" and b'"role":"tool"' not in body:
                    await stream.send_all(STREAM + _call(mark))
                elif mode == b"later":
                    await stream.send_all(LATER)
                    self.asked[mark].reached.set()
                else:
                    await self._until_end(stream, mode, self.asked[mark])
                    return

    async def _until_end(self, stream: trio.SocketStream, mode: bytes, asked: Asked) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._say, stream, mode, asked)
            try:
                while await stream.receive_some():
                    pass
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            asked.end()
            nursery.cancel_scope.cancel()

    async def _say(self, stream: trio.SocketStream, mode: bytes, asked: Asked) -> None:
        try:
            if mode == b"half":
                head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n"
                await stream.send_all(head + self._script.whole[:100])
            elif mode == b"paced":
                await stream.send_all(STREAM + b"".join(map(chunk, self._script.opening)))
                while True:
                    await stream.send_all(chunk(self._script.deltas[0]))
                    asked.reached.set()
                    await trio.sleep(PACE)
            elif mode == b"flood":
                await self._flood(stream, asked)
            asked.reached.set()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            asked.end()

    async def _flood(self, stream: trio.SocketStream, asked: Asked) -> None:
        data = b"".join(map(chunk, self._script.deltas)) * 4
        await stream.send_all(STREAM + b"".join(map(chunk, self._script.opening)))
        async with trio.open_nursery() as nursery:
            stopped = trio.CancelScope()

            async def tell() -> None:
                with stopped:
                    await trio.sleep_forever()
                asked.reached.set()

            nursery.start_soon(tell)
            while True:
                stopped.deadline = trio.current_time() + BLOCKED
                await stream.send_all(data)


async def _requests(stream: trio.SocketStream) -> AsyncGenerator[tuple[bytes, bytes, bytes]]:
    """How each is to be answered, its mark and its body."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            try:
                more = await stream.receive_some()
            except trio.BrokenResourceError:
                more = b""
            if not more:
                return
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        while len(data) < size:
            data += await stream.receive_some()
        body, data = data[:size], data[size:]
        found = MARK.search(body or head)
        yield head.split(b"/")[1], found[0] if found else b"", body


def _call(mark: bytes) -> bytes:
    """A stream that calls the tool."""
    call = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "web_search", "arguments": compact({"query": mark.decode()}).decode()},
    }
    deltas: list[tuple[dict[str, Any], str | None]] = [
        ({"role": "assistant", "content": None, "tool_calls": [call]}, None),
        ({}, "tool_calls"),
    ]
    events = [
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }
        for delta, reason in deltas
    ]
    return b"".join(chunk(b"data: %b\n\n" % compact(event)) for event in events) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
