"""Clients that leave: how long it takes until the upstream's socket is closed, in each phase of a request.

Clients and upstream are one process with one clock, on a core of its own; the gateway is on another. A sample is the time
from the client's closing, half-closing or resetting its connection, in turns, to the end of the upstream's, or of the tool's
while one runs. While a retry is waited for there is no such socket: there it is the time until the request is over and
settled, which a gateway that takes one request at once tells by taking the next.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import trio

from benchmarks.gateway.leaving_upstream import Upstream
from benchmarks.gateway.serving import KEY, ROUTES, gateway
from benchmarks.gateway.spreads import spread
from benchmarks.gateway.wire import compact

PATH = ROUTES["openai_chat"]
AT_ONCE = 16
"""Requests under way."""
SETTLED_SAMPLES = 40
WAYS = ("close", "half-close", "reset")
MODES = ("silent", "half", "paced", "flood", "tool", "later")
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """When clients leave. `mode`: of the upstream. `pause`: seconds at most, from there on."""

    name: str
    mode: str
    stream: bool
    pause: float = 0.02
    fields: dict[str, Any] = field(default_factory=lambda: dict[str, Any]())

    def request(self, mark: bytes) -> bytes:
        """The bytes of one."""
        turns = [{"role": "user", "content": f"about {mark.decode()}"}]
        return _post(compact({"model": f"bench/{self.mode}", "stream": self.stream, "messages": turns, **self.fields}))


PHASES = (
    Phase(name="whole, before the first byte", mode="silent", stream=False),
    Phase(name="whole, while it comes", mode="half", stream=False),
    Phase(name="streamed, before the first byte", mode="silent", stream=True),
    Phase(name="streamed, between events", mode="paced", stream=True, pause=0.05),
    Phase(name="streamed, its write blocked", mode="flood", stream=True),
    Phase(name="while a tool runs", mode="tool", stream=True, fields={"plugins": [{"id": "web_search"}]}),
)
RETRY = Phase(name="while a retry waits: settled", mode="later", stream=True)


def _post(body: bytes, key: str = KEY) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer {key}\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


def catalogue(port: int, **limits: int) -> str:
    """A model for each way in which the upstream answers."""
    url = f"http://127.0.0.1:{port}"
    providers = {
        mode: {
            "protocol": "openai_chat",
            "base_url": f"{url}/{mode}/v1",
            "api_key": "sk-bench",
            "breaker": {"faults": 0},  # they are asked again and again, whatever they say
        }
        for mode in MODES
    }
    models = [
        {
            "slug": f"bench/{mode}",
            "name": "Bench",
            "context_length": 400_000,
            "max_output_tokens": 16_384,
            "pricing": {"prompt": 0.25, "completion": 2},
            "source": "made up, 2026-11-26",
            "routes": [{"provider": mode, "model": "upstream"}],
        }
        for mode in MODES
    ]
    tools = {"web_search": {"kind": "searxng", "base_url": f"{url}/search-engine", "price": 0.001}}
    known = {"rate_per_minute": 1_000_000_000, "burst": 1_000_000_000, **limits}
    return json.dumps({"demo": False, "limits": known, "tools": tools, "providers": providers, "models": models})


class Leavers:
    """Clients of one gateway."""

    def __init__(self, port: int, upstream: Upstream) -> None:
        self._port, self._upstream = port, upstream
        self._marks = itertools.count()
        self._random = Random(4)

    async def samples(self, phase: Phase, count: int) -> list[float]:
        """Seconds, of so many requests."""
        found: list[float] = []
        numbers = iter(range(count))

        async def one_after_the_other() -> None:
            for number in numbers:
                sample = await self._sample(phase, WAYS[number % len(WAYS)])
                found.append(sample)

        async with trio.open_nursery() as nursery:
            for _ in range(min(AT_ONCE, count)):
                nursery.start_soon(one_after_the_other)
        return found

    async def _sample(self, phase: Phase, way: str) -> float:
        mark = b"mark-%d" % next(self._marks)
        asked = self._upstream.expect(mark)
        stream = await self._reached(phase, mark)
        left = _leave(stream, way)
        await asked.ended.wait()
        stream.socket.close()
        return asked.left - left

    async def settled(self, phase: Phase, count: int) -> list[float]:
        """The same until the gateway, which takes one request at once, takes another."""
        found: list[float] = []
        async with await trio.open_tcp_stream("127.0.0.1", self._port) as asking:
            for number in range(count):
                stream = await self._reached(phase, mark := b"mark-%d" % next(self._marks))
                left = _leave(stream, WAYS[number % len(WAYS)])
                # It waits for its place, and has no key.
                if (status := await _status(asking)) != 401:
                    raise RuntimeError(f"{status}, a second after the client left")
                found.append(time.perf_counter() - left)
                stream.socket.close()
                del self._upstream.asked[mark]
        return found

    async def _reached(self, phase: Phase, mark: bytes) -> trio.SocketStream:
        """A client that is where it is to leave."""
        asked = self._upstream.asked.get(mark) or self._upstream.expect(mark)
        stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        await stream.send_all(phase.request(mark))
        with trio.fail_after(10):
            await asked.reached.wait()
        await trio.sleep(self._random.random() * phase.pause)
        return stream


def _leave(stream: trio.SocketStream, way: str) -> float:
    """When it left."""
    if way == "reset":
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    left = time.perf_counter()
    if way == "half-close":
        stream.socket.shutdown(socket.SHUT_WR)
    else:
        stream.socket.close()
    return left


async def _status(stream: trio.SocketStream) -> int:
    """Of a request that nobody has a key for."""
    await stream.send_all(_post(b"{}", "hi-nobody"))
    data = await stream.receive_some()
    return int(data.split(b" ", 2)[1])


async def _measured(edge: str, core: int, count: int) -> list[dict[str, Any]]:
    upstream = Upstream()
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
    port: int = listeners[0].socket.getsockname()[1]
    rows: list[dict[str, Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, upstream.serve, listeners))
        with gateway(f"--edge {edge}", edge, port, core, config=catalogue(port)) as target:
            leavers = Leavers(target.port, upstream)
            for phase in PHASES:
                await leavers.samples(phase, AT_ONCE)  # warm
                rows.append(_row(phase, await leavers.samples(phase, count)))
        with gateway(f"--edge {edge}", edge, port, core, config=catalogue(port, in_flight=1)) as target:
            rows.append(_row(RETRY, await Leavers(target.port, upstream).settled(RETRY, SETTLED_SAMPLES)))
        nursery.cancel_scope.cancel()
    return rows


def _row(phase: Phase, seconds: list[float]) -> dict[str, Any]:
    found = spread(seconds)
    times = {f"{place}_ms": round(found[place] * 1000, 2) for place in ("p50", "p99", "max")}
    return {"group": "leaving", "name": phase.name, "samples": len(seconds), **times}


def leaving(edge: str, core: int, count: int = 300) -> Iterator[dict[str, Any]]:
    """A row for each phase. The gateway runs on `core`, this process is to be on another."""
    yield from trio.run(_measured, edge, core, count)
