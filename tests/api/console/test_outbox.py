"""What waits for a slow reader is bounded, what is told often is told less often, and nothing that counts is lost."""

from __future__ import annotations

import json
from base64 import b64decode
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from hyperinfer.api.console.outbox import INTERVAL, ROOM, SILENCE, Outbox
from hyperinfer.api.console.playground_client import PIECE, PlaygroundClient

if TYPE_CHECKING:
    from trio.testing import MockClock


async def _all(outbox: Outbox) -> list[dict[str, Any]]:
    return [json.loads(line) async for lines in outbox for line in lines.splitlines()]


async def test_what_stands_otherwise_is_told_at_most_so_often(autojump_clock: MockClock) -> None:
    outbox, told, state = Outbox(), list[dict[str, Any]](), {"value": -1}

    async def read() -> None:
        told.extend(await _all(outbox))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for _ in range(1000):
            state["value"] += 1
            outbox.stands("it", lambda: dict(state))
            await trio.sleep(0.001)
        outbox.end({"kind": "end"})
    times = [line["at"] for line in told[:-2]]
    assert len(times) <= 1 / INTERVAL + 1
    assert all(later - earlier >= INTERVAL * 0.999 for earlier, later in pairwise(times))
    assert [line.get("value", line.get("kind")) for line in told[-2:]] == [999, "end"]


async def test_who_says_much_waits_for_the_reader(autojump_clock: MockClock) -> None:
    outbox, said = Outbox(), 0
    client = PlaygroundClient("/", [], b"", outbox)
    client.send_head(200, [])

    async def say() -> None:
        nonlocal said
        for _ in range(50):
            await client.send_body(b"x" * 10_000)
            said += 1
        await client.send_last()
        outbox.end({"kind": "end"})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say)
        await trio.testing.wait_all_tasks_blocked()
        assert said == ROOM // 10_000
        lines = await _all(outbox)
    assert sum(len(line.get("text", "")) for line in lines) == 500_000


async def test_bytes_are_told_as_they_are(autojump_clock: MockClock) -> None:
    outbox = Outbox()
    client = PlaygroundClient("/", [], b"", outbox)
    text = "aé€😀" * PIECE
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send_last, text.encode() + b"\xff\xfe")
        await trio.testing.wait_all_tasks_blocked()
        outbox.end({"kind": "end"})
        *whole, raw, _ = await _all(outbox)
    said = "".join(line["text"] for line in whole).encode() + b64decode(raw["base64"])
    assert said == text.encode() + b"\xff\xfe"
    assert len(whole) == 10


async def test_silence_is_broken(autojump_clock: MockClock) -> None:
    outbox = Outbox()
    outbox.say({"kind": "head"})
    await outbox.__anext__()
    assert json.loads(await outbox.__anext__()) == {"at": SILENCE, "kind": "alive"}
