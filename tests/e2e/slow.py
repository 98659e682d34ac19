"""Upstreams that take their time, and a catalogue with a model in front of each of them for each protocol."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tests.e2e.faults import CHUNKED, chunk, error, response, with_body
from tests.support.faulty_upstream import Call, End, Play

PROTOCOLS = {"chat": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}

PRICES = {"prompt": 100, "completion": 1000}
"""USD per 1M tokens: dear, so that one request's hold is more than a small workspace has."""


def begun(call: Call) -> Iterable[bytes | End]:
    """The first piece of output, and then nothing."""
    if not call.streamed:
        return (response(200, call.reply.whole)[:-20], End.HOLD)
    return (CHUNKED + b"".join(map(chunk, (*call.reply.opening, call.reply.output[0]))), End.HOLD)


def endless(call: Call) -> Iterator[bytes | End]:
    """Output without end, a piece every 20 ms."""
    yield CHUNKED + b"".join(map(chunk, call.reply.opening))
    while True:
        yield chunk(call.reply.output[0])
        time.sleep(0.02)


def flood(call: Call) -> Iterator[bytes | End]:
    """Output without end, as fast as it is taken."""
    yield CHUNKED + b"".join(map(chunk, call.reply.opening))
    while True:
        yield chunk(call.reply.output[0]) * 100


def lasting(call: Call) -> Iterator[bytes | End]:
    """A reply that takes half a second."""
    if not call.streamed:
        time.sleep(0.5)
        yield response(200, call.reply.whole)
        return
    yield CHUNKED
    for piece in (*call.reply.opening, *call.reply.output, *call.reply.ending):
        time.sleep(0.05)
        yield chunk(piece)
    yield b"0\r\n\r\n"


SLOW: dict[str, Play] = {
    "never": lambda call: (End.HOLD,),
    "head": lambda call: (CHUNKED, End.HOLD),
    "begun": begun,
    "endless": endless,
    "flood": flood,
    "lasting": lasting,
    "later": error(503, None, "Come back", "overloaded_error", "retry-after: 4"),
    "plain": with_body(),
}


def slow_catalogue(upstream: str, *names: str, **limits: Any) -> str:
    """Models `slow/NAME-PROTOCOL` for the plays of these names."""
    cells = list(itertools.product(names, PROTOCOLS))
    providers = {
        f"{name}-{protocol}": {"protocol": PROTOCOLS[protocol], "base_url": f"{upstream}/{name}/v1"}
        for name, protocol in cells
    }
    models = [
        {
            "slug": f"slow/{name}-{protocol}",
            "name": name,
            "description": "Takes its time.",
            "context_length": 1000,
            "pricing": PRICES,
            "source": "made up for the tests, 2026-11-25",
            "routes": [{"provider": f"{name}-{protocol}", "model": "upstream"}],
        }
        for name, protocol in cells
    ]
    all_limits = {"rate_per_minute": 1_000_000, "burst": 1_000_000, **limits}
    return json.dumps(
        {"providers": providers, "creators": {"slow": {"name": "Slow"}}, "models": models, "limits": all_limits}
    )
