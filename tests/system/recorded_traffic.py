"""Requests of every kind to a real gateway that records them, and what becomes of them at providers that misbehave.

Signs of life are as frequent as pieces, on a machine that is busy: a replay has to know what came before what.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.faulty_upstream import End, FaultyUpstream, faulty_upstream
from tests.support.served import KEY, gateway
from tests.support.tool_rounds import call as call_of
from tests.support.tool_rounds import text, upstream

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from tests.support.faulty_upstream import Call

DIALECTS: dict[str, Dialect] = {"chat": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}
PATHS = {"chat": "/api/v1/chat/completions", "responses": "/api/v1/responses", "messages": "/api/v1/messages"}
AT_ONCE = 8
PAUSES = (0.0, 0.0, 0.001, 0.005, 0.019, 0.02, 0.0205, 0.021, 0.04, 0.06)

_LIMITS = "keepalive: 0.02, rate_per_minute: 600, burst: 300, grace: 0.3, retries: 3"
_TIMEOUTS = "first_token: 0.5, idle: 0.25, stream: 3, whole: 2, connect: 1"
_BREAKER = "faults: 2, pause: 0.05, longest_pause: 0.2"
_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: {}\r\nconnection: close\r\n\r\n"
_BUSY = b'{"error":{"message":"busy"}}'


@dataclass
class Traffic:
    """`seed`: of all that is chosen by chance."""

    seed: int

    def play(self, call: Call) -> Generator[bytes | End]:
        """What an upstream says to one call."""
        chance = random.Random(f"{self.seed} {call.protocol} {call.attempt} {time.monotonic_ns()}")
        if call.attempt == 0 and chance.random() < 0.2:
            time.sleep(chance.choice(PAUSES))
            status = chance.choice([429, 500, 503, 529])
            yield f"HTTP/1.1 {status} No\r\nretry-after-ms: 30\r\ncontent-length: {len(_BUSY)}\r\n\r\n".encode() + _BUSY
            return
        if call.attempt == 0 and chance.random() < 0.1:
            yield End.RESET
            return
        if not call.streamed:
            time.sleep(chance.choice(PAUSES))
            yield _HEAD.format("application/json").encode() + call.reply.whole
            yield End.CLOSE
            return
        yield _HEAD.format("text/event-stream").encode()
        frames = list(_frames(call, chance))
        ends = chance.choice([None, None, None, End.RESET, End.CLOSE, End.HOLD])
        for frame in frames[: None if ends is None else chance.randrange(1, len(frames) + 1)]:
            time.sleep(chance.choice(PAUSES))
            yield frame
        yield ends or End.CLOSE

    def ask(self, port: int, number: int) -> None:
        """One client: it asks, reads, and may leave."""
        chance = random.Random(f"{self.seed} {number}")
        kind = chance.choice(list(PATHS))
        body: dict[str, Any] = {"model": f"t/{chance.choice(list(DIALECTS))}", "stream": chance.random() < 0.85}
        said = f"request c{number} "
        body |= {"input": said} if kind == "responses" else {"messages": [{"role": "user", "content": said}]}
        if kind != "responses":
            body["plugins"] = [{"id": "datetime"}]
        if kind == "messages":
            body["max_tokens"] = 50
        if chance.random() < 0.3:
            body["models"] = [f"t/{chance.choice(list(DIALECTS))}", "t/chat"]
        if chance.random() < 0.2:
            body["provider"] = chance.choice([{"order": ["p-messages"]}, {"sort": "latency"}])
        path = PATHS[kind]
        if chance.random() < 0.1:
            path += {"chat": "", "messages": "/count_tokens", "responses": "/input_tokens"}[kind]
        headers = f"idempotency-key: k{chance.randrange(4)}\r\n" if chance.random() < 0.15 else ""
        leaves = chance.choice([0.01, 0.03, 0.06, 0.1]) if chance.random() < 0.25 else None
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {KEY}\r\n{headers}"
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(f"{head}content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)
            sock.settimeout(leaves or 20)
            with contextlib.suppress(TimeoutError):
                while sock.recv(65536) and not (leaves and chance.random() < 0.2):
                    pass
            if leaves:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _frames(call: Call, chance: random.Random) -> list[bytes]:
    """Those of the reply, whole or cut anywhere; at first it may call a tool of the gateway's."""
    frames = [*call.reply.opening, *call.reply.output, *call.reply.ending]
    if call.attempt == 0 and chance.random() < 0.25:
        blocks = [text("Let me see."), call_of("datetime", timezone="Europe/Oslo")]
        pieces = upstream(DIALECTS[call.protocol], *blocks, stream=True).pieces
        frames = [piece for _, piece in pieces if isinstance(piece, bytes)]
    if chance.random() < 0.5:
        data = b"".join(frames)
        cuts = [0, *sorted(chance.sample(range(1, len(data)), chance.randint(1, 12))), len(data)]
        frames = [data[begin:end] for begin, end in pairwise(cuts)]
    return frames


def _config(upstreams: FaultyUpstream) -> str:
    lines = [f"limits: {{{_LIMITS}}}", "providers:"]
    for name, protocol in DIALECTS.items():
        at = f"protocol: {protocol}, base_url: '{upstreams.url}/x/v1', api_key: sk-secret-of-{name}"
        counts = "" if name == "chat" else ", count_tokens: true"
        lines.append(f"  p-{name}: {{{at}, timeouts: {{{_TIMEOUTS}}}, breaker: {{{_BREAKER}}}, concurrency: 3{counts}}}")
    lines.append("models:")
    numbers = "context_length: 1000, max_output_tokens: 100, pricing: {prompt: 3, completion: 15}, source: x"
    for name in DIALECTS:
        other = "chat" if name == "messages" else "messages"
        routes = f"[{{provider: p-{name}, model: up}}, {{provider: p-{other}, model: up2}}]"
        lines.append(f"  - {{slug: t/{name}, {numbers}, routes: {routes}}}")
    return "\n".join(lines)


def record_traffic(folder: Path, seed: int, count: int) -> list[Path]:
    """The recordings of so many requests, and of those that the end of the gateway cut off."""
    into, traffic = folder / "recordings", Traffic(seed)
    with (
        faulty_upstream({"x": traffic.play}) as upstreams,
        gateway(folder, _config(upstreams), {"HYPERINFER_RECORD": str(into)}) as server,
    ):
        port = urlsplit(server.url).port
        assert port is not None
        for first in range(0, count, AT_ONCE):
            _all_at_once(traffic, port, range(first, first + AT_ONCE))
        last = [threading.Thread(target=traffic.ask, args=(port, count + number)) for number in range(4 * AT_ONCE)]
        for thread in last:
            thread.start()
        time.sleep(0.15)  # some are under way when the gateway ends, whichever
        server.process.terminate()
        for thread in last:
            thread.join()
    return sorted(into.glob("*.jsonl"))


def _all_at_once(traffic: Traffic, port: int, numbers: range) -> None:
    clients = [threading.Thread(target=traffic.ask, args=(port, number)) for number in numbers]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
