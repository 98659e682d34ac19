"""Over a transport the pauses of a script are exact on trio's virtual clock, and take no time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
import trio

from hyperinfer.engine.testing import run_virtual
from hyperinfer.testing import HttpError, Pause, Reply, ScriptedUpstream, Stall, Text, on_virtual_time

if TYPE_CHECKING:
    from trio.testing import MockClock

pytestmark = pytest.mark.filterwarnings("ignore:Async generator .* was garbage collected:ResourceWarning")
MESSAGES: Any = [{"role": "user", "content": "hi"}]


def client_of(upstream: ScriptedUpstream, retries: int = 0, patience: float = 10_000.0) -> openai.AsyncOpenAI:
    http = httpx2.AsyncClient(transport=upstream.transport())
    return on_virtual_time(openai.AsyncOpenAI(api_key="k", http_client=http, max_retries=retries, timeout=patience))


async def heard(client: openai.AsyncOpenAI) -> list[tuple[float, str]]:
    """Each delta with its time."""
    async with await client.chat.completions.create(model="m", messages=MESSAGES, stream=True) as stream:
        return [
            (trio.current_time(), chunk.choices[0].delta.content)
            async for chunk in stream
            if chunk.choices and chunk.choices[0].delta.content
        ]


async def test_each_delta_comes_at_its_time(autojump_clock: MockClock) -> None:
    reply = Reply(Text("a", "b"), Pause(3600.0), "c", wait=1.5, every=0.25)
    with ScriptedUpstream(reply) as upstream:
        async with client_of(upstream) as client:
            assert await heard(client) == [(1.75, "a"), (2.0, "b"), (3602.25, "c")]
    assert upstream.requests[0].at == 0.0


async def test_a_slow_reader_finds_what_has_come(autojump_clock: MockClock) -> None:
    with ScriptedUpstream(Reply(Text("a", "b", "c"), every=1.0)) as upstream:
        async with client_of(upstream) as client:
            stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            times: list[float] = []
            async with stream:
                async for chunk in stream:
                    if chunk.choices and chunk.choices[0].delta.content:
                        times.append(trio.current_time())
                        await trio.sleep(1.75 if len(times) == 1 else 0.0)
    assert times == [1.0, 2.75, 3.0]


async def test_a_whole_reply_comes_when_its_stream_would_be_over(autojump_clock: MockClock) -> None:
    with ScriptedUpstream(Reply(Text("a", "b"), Pause(5.0), wait=1.0, every=0.5)) as upstream:
        async with client_of(upstream) as client:
            await client.chat.completions.create(model="m", messages=MESSAGES)
    assert trio.current_time() == 7.0


@pytest.mark.parametrize(
    ("answer", "expected"), [(Stall(), 5.0), (Reply(wait=6.0), 5.0), (Reply("a", Stall(), wait=2.0), 7.0)]
)
async def test_a_clients_patience_ends_when_it_would(autojump_clock: MockClock, answer: Any, expected: float) -> None:
    with ScriptedUpstream(answer) as upstream:
        async with client_of(upstream, patience=5.0) as client:
            with pytest.raises((openai.APITimeoutError, httpx2.ReadTimeout)):
                await heard(client)
    assert trio.current_time() == expected
    assert upstream.requests[0].outcome == "left"


async def test_retries_come_when_they_were_asked_to(autojump_clock: MockClock) -> None:
    with ScriptedUpstream(HttpError(429, retry_after=2), HttpError(503, retry_after=30), "Hello") as upstream:
        async with client_of(upstream, retries=2) as client:
            assert [text for _, text in await heard(client)] == ["Hello"]
    assert [request.at for request in upstream.requests] == [0.0, 2.0, 32.0]


async def test_a_cancelled_stream_is_left(autojump_clock: MockClock) -> None:
    with ScriptedUpstream(Reply("a", Stall())) as upstream:
        async with client_of(upstream) as client:
            with trio.move_on_after(3.0):
                await heard(client)
    assert trio.current_time() == 3.0
    assert upstream.requests[0].outcome == "left"


async def test_pace_stretches_the_script(autojump_clock: MockClock) -> None:
    with ScriptedUpstream(Reply("a", Pause(10.0), "b", wait=2.0), pace=0.5) as upstream:
        async with client_of(upstream) as client:
            assert await heard(client) == [(1.0, "a"), (6.0, "b")]


def test_runs_of_one_seed_are_the_same() -> None:
    def run(seed: int) -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = []

        async def one(client: openai.AsyncOpenAI, name: str) -> None:
            found.extend((at, f"{name}{text}") for at, text in await heard(client))

        async def main() -> None:
            reply = Reply(Text("a", "b"), every=1.0)
            with ScriptedUpstream(answer=lambda request: reply) as upstream:
                async with client_of(upstream) as client, trio.open_nursery() as nursery:
                    for name in "xyz":
                        nursery.start_soon(one, client, name)

        run_virtual(main, seed=seed)
        return found

    assert run(1) == run(1)
    assert sorted(run(1)) == sorted(run(2))
