"""Many streams at once through a gateway, now and then one with something wrong in it: clients and upstream of a soak.

Both live in one trio loop of the test's own process. What a request is to meet stands in its mark, the word after
"request " in what its user says, so that the upstream does it and the client expects it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, TypeAlias, get_args

import trio

from tests.api.edge.clients import Answer, H1Client, reset
from tests.e2e.faults import CHUNKED, HTML, chunk, response
from tests.e2e.slow import PROTOCOLS
from tests.support.formats import AUTHORIZED, ROUTES
from tests.support.judge import breaches_if_judged
from tests.support.wire_replies import REPLIES
from tests.system.fault_traffic import ENDS

Fault: TypeAlias = Literal["reset", "cut", "stall", "busy", "down", "page", "leaves"]
"""Of the upstream: its connection breaks or ends within the stream, it falls silent there, it answers 503 at first or
always, it answers with a page. `leaves`: the client goes away within the stream."""

FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
RETRIED: Final = frozenset({"busy"})
"""What the client does not see: the second attempt goes well."""
NOTHING: Final = frozenset({"down", "page"})
"""Of which the client gets nothing but an error, and pays nothing."""

IDLE_SECONDS: Final = 10.0
"""So long the gateway lets an upstream be silent."""
SECONDS: Final = (3.0, 7.0)
"""How long a stream takes, from and to."""
PIECES: Final = 20
"""Of output, in each stream."""

_PATHS = {"chat": "/chat/completions", "responses": "/responses", "messages": "/messages"}
_MARK = re.compile(rb"request (\d+)-([a-z]+) please")


def soak_catalogue(upstream: str) -> str:
    """Models `soak/chat`, `soak/responses`, `soak/messages`, one for each upstream protocol."""
    timeouts = {"idle": IDLE_SECONDS}
    providers = {
        name: {"protocol": protocol, "base_url": f"{upstream}/v1", "timeouts": timeouts}
        for name, protocol in PROTOCOLS.items()
    }
    about = {"description": "Soaks.", "context_length": 1000, "source": "made up for the tests, 2026-11-26"}
    models = [
        {
            "slug": f"soak/{name}",
            "name": name,
            "pricing": {"prompt": 1, "completion": 2},
            "routes": [{"provider": name, "model": "upstream"}],
            **about,
        }
        for name in providers
    ]
    limits = {"rate_per_minute": 1_000_000, "burst": 1_000_000, "grace": 5}
    return json.dumps({"providers": providers, "creators": {"soak": {"name": "Soak"}}, "models": models, "limits": limits})


@dataclass
class Upstream:
    """`served`: output tokens of the replies that were sent whole, by mark. `begun`: of all that began."""

    seconds: Random
    served: dict[bytes, int] = field(default_factory=dict[bytes, int])
    begun: Counter[int] = field(default_factory=Counter[int])
    attempts: Counter[bytes] = field(default_factory=Counter[bytes])
    _tokens: Iterator[int] = field(default_factory=lambda: itertools.cycle(range(5, 900)))

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection."""
        unread = b""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with stream:
                while True:
                    while b"\r\n\r\n" not in unread:
                        if not (data := await stream.receive_some()):
                            return
                        unread += data
                    head, _, rest = unread.partition(b"\r\n\r\n")
                    found = re.search(rb"(?i)content-length: (\d+)", head)
                    assert found is not None
                    length = int(found[1])
                    while len(rest) < length:
                        rest += await stream.receive_some()
                    unread = rest[length:]
                    if not await self._answer(stream, head.split(b" ")[1].decode(), rest[:length]):
                        return

    async def _answer(self, stream: trio.SocketStream, path: str, body: bytes) -> bool:
        """False when the connection is over."""
        marks = _MARK.findall(body)
        mark, fault = b"-".join(marks[-1]), marks[-1][1].decode()
        self.attempts[mark] += 1
        if fault == "down" or (fault == "busy" and self.attempts[mark] == 1):
            await stream.send_all(response(503, b'{"error": {"message": "Busy", "type": "x", "code": null}}'))
            return True
        if fault == "page":
            await stream.send_all(response(200, HTML, media="text/html"))
            return True
        reply, tokens = REPLIES[next(name for name, end in _PATHS.items() if path.endswith(end))], next(self._tokens)
        self.begun[tokens] += 1
        output = (*[reply.output[0]] * (PIECES - 1), *reply.output[1:])
        pieces, pause = (*reply.opening, *output, *reply.ending), self.seconds.uniform(*SECONDS) / PIECES
        await stream.send_all(CHUNKED)
        for number, piece in enumerate(pieces):
            if number == len(pieces) // 2:
                match fault:
                    case "reset":
                        reset(stream)
                        return False
                    case "cut":
                        return False
                    case "stall":
                        await stream.receive_some()  # until the gateway has enough
                        return False
                    case _:
                        pass
            counted = piece.replace(b'_tokens": 4', b'_tokens": %d' % tokens)
            await stream.send_all(chunk(counted.replace(b'total_tokens": 14', b'total_tokens": %d' % (10 + tokens))))
            await trio.sleep(pause)
        self.served[mark] = tokens
        await stream.send_all(b"0\r\n\r\n")
        return True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client saw: `request_id` empty where it saw no head; `tokens` of a good end, else None."""

    mark: bytes
    fault: str
    request_id: str
    status: int
    tokens: int | None


@dataclass
class Clients:
    """`share`: of the requests something is wrong with. `judged`: every so many good streams are looked at closely, and all
    others."""

    port: int
    choose: Random
    share: float
    judged: int = 20
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    breaches: list[str] = field(default_factory=list[str])
    open: int = 0
    most_open: int = 0
    stopped: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def one(self, delay: float) -> None:
        """A client that asks one request after the other, until `stopped`, and begins after `delay` seconds."""
        await trio.sleep(delay)
        while not self.stopped:
            stream = await trio.open_tcp_stream("127.0.0.1", self.port)
            client = H1Client(stream)
            async with stream:
                while await self._ask(client, stream):
                    client.next_request()

    async def _ask(self, client: H1Client, stream: trio.SocketStream) -> bool:
        """False when the connection is not to be used again: some are given up for nothing."""
        number = next(self._numbers)
        route, upstream = ROUTES[number % 3], list(PROTOCOLS)[number // 3 % 3]
        fault = self.choose.choice(FAULTS) if self.choose.random() < self.share else "none"
        mark = f"{number}-{fault}"
        body = json.dumps(route.body(f"soak/{upstream}", f"request {mark} please", stream=True)).encode()
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await client.send("POST", route.path, body, **AUTHORIZED)
        leaves = fault == "leaves"
        answer = await client.receive(until=b"Hello" if leaves else None)
        if leaves:
            reset(stream)
        self.open -= 1
        tokens = None if leaves else _tokens(answer, ENDS[route.name])
        request_id = answer.headers.get("x-request-id", "")
        self.outcomes.append(Outcome(mark.encode(), fault, request_id, answer.status, tokens))
        if not leaves and answer.status == 200 and (tokens is None or number % self.judged == 0):
            self.breaches += breaches_if_judged(route.dialect, answer.body, failed=tokens is None)
        return answer.complete and not leaves and not self.stopped and self.choose.random() < 0.9


def _tokens(answer: Answer, end: bytes) -> int | None:
    """Of the output, where it came to a good end."""
    failed = b'"error":' in answer.body.replace(b'"error":null', b"")
    if answer.status != 200 or not answer.complete or failed or end not in answer.body:
        return None
    return int(re.findall(rb'"(?:completion|output)_tokens": ?(\d+)', answer.body)[-1])
