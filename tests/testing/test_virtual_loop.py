"""asyncio on a virtual clock: exact, without waiting, with the SDKs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anthropic
import anyio
import httpx2
import pytest

from hyperinfer.testing import (
    HttpError,
    Pause,
    Reply,
    ScriptedUpstream,
    Stall,
    Text,
    VirtualEventLoop,
    on_virtual_time,
)

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """In a virtual loop."""
    with asyncio.Runner(loop_factory=VirtualEventLoop) as runner:
        return runner.run(main)


def now() -> float:
    """What time it is there."""
    return asyncio.get_running_loop().time()


def test_sleeps_and_timeouts_are_exact() -> None:
    async def sleeper(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return now()

    async def main() -> None:
        assert now() == 0.0
        assert await asyncio.gather(*map(sleeper, (0.1, 0.3, 0.2, 3600.0))) == [0.1, 0.3, 0.2, 3600.0]
        for _ in range(10):
            await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100_000.0):
                await asyncio.Event().wait()
        assert now() == pytest.approx(103_601.0, abs=1e-6)

    run(main())


def test_a_timer_that_was_cancelled_is_no_instant() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_later(5.0, pytest.fail).cancel()
        await asyncio.sleep(7.0)
        assert now() == 7.0

    run(main())


def test_what_another_thread_says_is_waited_for_where_no_timer_is() -> None:
    async def main() -> None:
        assert await asyncio.to_thread(lambda: 1) == 1
        assert now() == 0.0

    run(main())


async def heard(client: anthropic.AsyncAnthropic) -> list[tuple[float, str]]:
    """Each delta with its time."""
    messages: Any = [{"role": "user", "content": "hi"}]
    async with client.messages.stream(model="m", max_tokens=9, messages=messages) as stream:
        return [(now(), text) async for text in stream.text_stream]


def client_of(upstream: ScriptedUpstream, retries: int = 0, patience: float = 10_000.0) -> anthropic.AsyncAnthropic:
    http = httpx2.AsyncClient(transport=upstream.transport())
    return on_virtual_time(anthropic.AsyncAnthropic(api_key="k", http_client=http, max_retries=retries, timeout=patience))


def test_each_delta_comes_at_its_time() -> None:
    async def main() -> list[tuple[float, str]]:
        async with client_of(upstream, retries=1) as client:
            return await heard(client)

    reply = Reply(Text("a", "b"), Pause(3600.0), "c", wait=1.5, every=0.25)
    with ScriptedUpstream(HttpError(429, retry_after=2), reply) as upstream:
        assert run(main()) == [(3.75, "a"), (4.0, "b"), (3604.25, "c")]
    assert [request.at for request in upstream.requests] == [0.0, 2.0]


def test_a_clients_patience_ends_when_it_would_and_so_does_a_tasks() -> None:
    async def main() -> None:
        async with client_of(upstream, patience=5.0) as client:
            with pytest.raises((anthropic.APITimeoutError, httpx2.ReadTimeout)):
                await heard(client)
            assert now() == 7.0
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(heard(client), 3.0)
            assert now() == 10.0

    with ScriptedUpstream(Reply("a", Stall(), wait=2.0), Stall()) as upstream:
        run(main())
    assert [request.outcome for request in upstream.requests] == ["left", "left"]


def test_anyio_runs_in_it() -> None:
    async def main() -> float:
        with anyio.move_on_after(60.0):
            await anyio.sleep_forever()
        return anyio.current_time()

    assert anyio.run(main, backend_options={"loop_factory": VirtualEventLoop}) == 60.0
