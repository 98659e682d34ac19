"""Faults of area cancel: a client that leaves is noticed at once, streaming or not, whatever is being waited for."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from tests.e2e.slow import SLOW, slow_catalogue
from tests.faults.kit import ALL, SHORT, Case, fault
from tests.support.bench import asked, bench
from tests.support.faulty_upstream import FaultyUpstream, faulty_upstream
from tests.support.formats import AUTHORIZED, CHAT, Route
from tests.support.rawclient import connected, head
from tests.support.replies import STREAMS, WHOLES
from tests.support.served import gateway
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


@dataclass(frozen=True)
class Left:
    """What became of the upstream's response: seconds after the client left until it was closed."""

    closed_after: float
    asked: bool = True


def _let_go_at_once(left: Left) -> None:
    assert left.asked, "the upstream was never called"
    assert left.closed_after <= 3.0, f"open for {left.closed_after} s"


STAYS_OPEN = [Left(math.inf), Left(57.0), Left(0.0, asked=False)]


def _left(
    client: Dialect, upstream: Dialect, script: Script, *, stream: bool, after: float
) -> Callable[[], Awaitable[Left]]:
    async def right() -> Left:
        start = trio.current_time()
        async with bench(script) as gateway:
            await gateway.send(client, asked(client, upstream, stream=stream), leaves_at=start + after)
            (played,) = gateway.transport.played
            assert played.closed_at is not None
            return Left(played.closed_at - start - after)

    return right


@contextlib.contextmanager
def served() -> Generator[tuple[str, FaultyUpstream]]:
    with tempfile.TemporaryDirectory() as folder, faulty_upstream(SLOW) as upstream:
        config = slow_catalogue(upstream.url, "never", "begun", "plain")
        with gateway(Path(folder), config) as server:
            yield server.url, upstream


def wait_for(upstream: FaultyUpstream, play: str, text: str) -> None:
    patience = time.monotonic() + 20.0
    while not upstream.attempts(play, text):
        assert time.monotonic() < patience, "the upstream was never called"
        time.sleep(0.01)


def request_bytes(route: Route, model: str, text: str, *, stream: bool) -> bytes:
    body = json.dumps(route.body(f"slow/{model}", f"request {text} please", stream=stream)).encode()
    return head("POST", route.path, {**AUTHORIZED, "content-length": str(len(body))}) + body


def _on_a_socket(play: str, *, stream: bool, reads: bool) -> Case[Left]:
    """A real client of a served gateway closes its connection."""

    async def right() -> Left:
        with served() as (url, upstream):
            with connected(url) as connection:
                connection.send(request_bytes(CHAT, f"{play}-chat", "one", stream=stream))
                if reads:
                    assert connection.socket.recv(1)
                wait_for(upstream, play, "one")
            since = time.monotonic()
            gone = upstream.gone(play, "one").wait(10.0)
            return Left(time.monotonic() - since if gone else math.inf)

    return Case(f"socket-{play}", right, _let_go_at_once, STAYS_OPEN)


def _cases(stream: bool, script: Callable[[Dialect], Script]) -> list[Case[Left]]:
    return [
        Case(
            f"{SHORT[client]}-{SHORT[upstream]}",
            _left(client, upstream, script(upstream), stream=stream, after=3.0),
            _let_go_at_once,
            STAYS_OPEN,
        )
        for client in ALL
        for upstream in ALL
    ]


test_F148_the_upstream_is_closed_when_the_client_closes_its_stream = fault(
    *_cases(True, lambda upstream: Script([*((1.0, frame) for frame in STREAMS[upstream][:2]), NEVER])),
    _on_a_socket("begun", stream=True, reads=True),
)

test_F149_the_upstream_is_closed_when_the_client_leaves_a_whole_call = fault(
    *_cases(False, lambda upstream: Script([(60.0, WHOLES[upstream])])),
    _on_a_socket("never", stream=False, reads=False),
)

test_F151_the_upstream_is_closed_when_the_client_leaves_before_the_first_token = fault(
    *_cases(True, lambda upstream: Script([(60.0, STREAMS[upstream][0])])),
    *_cases(True, lambda upstream: Script(thinking=60.0)),
    _on_a_socket("never", stream=True, reads=False),
)
