"""What a request costs grows with its size and with its events, and no faster: by calls, which no noise touches."""

from __future__ import annotations

import itertools
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.engine.testing import run_virtual
from tests.support.bench import DIALECTS, asked, bench
from tests.support.upstreams import Script
from tests.support.wire_replies import REPLIES

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

NAMES: dict[Dialect, str] = {"openai_chat": "chat", "openai_responses": "responses", "anthropic_messages": "messages"}
NINE = list(itertools.product(DIALECTS, DIALECTS))


def calls(client: Dialect, body: bytes, script: Script) -> int:
    """Calls of functions of Python and C while one request is served, after one of the same."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    async def main() -> None:
        async with bench(script, script) as gateway:
            assert (await gateway.send(client, body)).status == 200
            sys.setprofile(note)
            try:
                exchange = await gateway.send(client, body)
            finally:
                sys.setprofile(None)
            assert exchange.status == 200

    run_virtual(main)
    return count


def grows_by(small: int, middle: int, large: int) -> float:
    """How much more the second half of a growth by equal steps costs than the first."""
    return (large - middle) / (middle - small)


@pytest.mark.parametrize(("client", "upstream"), NINE)
def test_events(client: Dialect, upstream: Dialect) -> None:
    reply = REPLIES[NAMES[upstream]]

    def stream(deltas: int) -> int:
        pieces = [*reply.opening, *[reply.output[0]] * deltas, *reply.output[1:], *reply.ending]
        return calls(client, asked(client, upstream, stream=True), Script([(0.01, piece) for piece in pieces]))

    assert grows_by(stream(40), stream(90), stream(140)) < 1.1


@pytest.mark.parametrize(("client", "upstream"), NINE)
def test_turns_of_a_request(client: Dialect, upstream: Dialect) -> None:
    def whole(turns: int) -> int:
        said: list[dict[str, Any]] = [
            {"role": "assistant" if number % 2 else "user", "content": f"{number}"} for number in range(turns + 1)
        ]
        field = "input" if client == "openai_responses" else "messages"
        body = json.dumps(json.loads(asked(client, upstream, stream=False)) | {field: said}).encode()
        return calls(client, body, Script([(0.01, REPLIES[NAMES[upstream]].whole)]))

    assert grows_by(whole(200), whole(300), whole(400)) < 1.1
