"""Requests by chance to a gateway on virtual time that records them: faults, retries, tools, silence, clients that leave."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import httpx2
import trio
import trio.testing

from tests.support.bench import DIALECTS, bench, catalogue
from tests.support.recorder import record
from tests.support.replies import ERROR_FRAMES, STREAMS, WHOLES
from tests.support.tool_rounds import ScriptedTool, call, found, switched_on, text, thought, tooling, upstream
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from hyperinfer.engine.recording import Recording
    from hyperinfer.formats import Dialect
    from tests.support.upstreams import Piece

LIMITS = "{keepalive: 2, retries: 2}"
"""Signs of life are as frequent as pieces, so that each may be before or behind the other."""

TOLD: Final = "datetime"
"""The tool of which every gateway has the price."""


async def recorded(seed: int) -> Recording:
    """A request by chance, and what came of it."""
    chance = random.Random(seed)
    client, protocol = chance.choice(DIALECTS), chance.choice(DIALECTS)
    streamed = chance.random() < 0.8
    model = chance.choice([protocol, protocol, "two", "twice"])
    first = "openai_chat" if model in ("two", "twice") else protocol
    with_tool = client != "openai_responses" and chance.random() < 0.3
    scripts = [_failing(chance) for _ in range(chance.choice([0, 0, 0, 1, 2]))]
    if with_tool:
        scripts.append(upstream(first, text("Let me see."), call(TOLD, "c1", timezone="UTC"), stream=streamed))
    scripts += [_answer(chance, first, streamed=streamed) for _ in range(6)]
    tool = ScriptedTool(name=TOLD, steps=((chance.choice([0.0, 1.0, 2.0, 5.0]), found("noon")),), price=0)
    leaves = chance.choice([1e9, 1e9, 1e9, chance.choice([0.0, 1.0, 2.0, 3.0, 4.5])])
    more = switched_on(client, TOLD, events=chance.random() < 0.5) if with_tool else {}
    async with bench(*scripts, catalogue=catalogue(limits=LIMITS), tooling=tooling(tool)) as gateway:
        _, scribe = record(gateway)
        if chance.random() < 0.1:
            gateway.drain.most = 1
        await gateway.ask(client, model, stream=streamed, leaves_at=leaves, **more)
        return scribe.one


def _failing(chance: random.Random) -> Script:
    """An attempt that is made again."""
    if chance.random() < 0.5:
        return Script(breaks=httpx2.ConnectError("no way"), thinking=chance.choice([0.0, 1.0, 2.0]))
    status = chance.choice([429, 500, 503, 529])
    headers = {"content-type": "application/json", "retry-after": chance.choice(["1", "0.5", "x"])}
    return Script([(0.5, b'{"error":{"message":"busy"}}')], status=status, headers=headers)


def _answer(chance: random.Random, protocol: Dialect, *, streamed: bool) -> Script:
    if not streamed:
        return Script([(chance.choice([0.0, 1.0, 4.0]), WHOLES[protocol])], headers={"content-type": "application/json"})
    if chance.random() < 0.3:
        blocks = [thought("Hm.", "sig", protocol), text("It is "), text("noon.")]
        return upstream(protocol, *blocks, stream=True, every=chance.choice([0.5, 2.0, 3.0]))
    data = b"".join(STREAMS[protocol])
    cuts = sorted({0, len(data), *(chance.randrange(len(data)) for _ in range(chance.randrange(6)))})
    pieces: list[Piece] = [(chance.choice([0.0, 0.5, 1.0, 2.0, 2.5]), data[begin:end]) for begin, end in pairwise(cuts)]
    end: list[Piece] = chance.choice(
        [
            [],
            [],
            [NEVER],
            [(1.0, httpx2.ReadError("reset"))],
            [(1.0, ERROR_FRAMES[protocol])],
            [NEVER],
            [(2.0, b"data: {no\n\n")],
        ]
    )
    return Script([*(pieces[:-1] if end else pieces), *end])


def in_virtual_time(seed: int) -> Recording:
    """The same, from a test that has no loop."""
    return trio.run(recorded, seed, clock=trio.testing.MockClock(autojump_threshold=0))
