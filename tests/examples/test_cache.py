"""A cache: what was answered to its end is asked once, and comes back in the form in which it is wanted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hyperinfer.engine import Graph, stage
from hyperinfer.nodes import Head, call, decode, encode, to_model
from hyperinfer.testing import Cut, HttpError, Reply, ScriptedUpstream, Text
from tests.examples.kit import CATALOGUE, asking, example, outputs, upstreams, written

if TYPE_CHECKING:
    from trio.testing import MockClock


def graph(upstream: ScriptedUpstream) -> Graph:
    model = Graph.linear(to_model(CATALOGUE, "test/one"), call(upstreams(upstream)))
    return Graph.linear(decode(), stage(partial(example("cache").Cached, model, {})), encode())


def hit(items: list[Any]) -> bool:
    head = items[0]
    assert isinstance(head, Head)
    return ("x-cache", "hit") in head.headers


async def test_the_same_again_is_not_asked_again(autojump_clock: MockClock) -> None:
    with ScriptedUpstream("Hello.", "Other.", "Warmer.") as upstream:
        cached = graph(upstream)
        first, again = [await outputs(cached, asking("Hi", stream=False)) for _ in range(2)]
        streamed = await outputs(cached, asking("Hi"))
        other = await outputs(cached, asking("Ho", stream=False))
        warmer = await outputs(cached, asking("Hi", stream=False, temperature=1.5))
    assert [hit(items) for items in (first, again, streamed, other, warmer)] == [False, True, True, False, False]
    assert written(first) == written(again)
    assert '"delta":{"content":"Hello."}' in written(streamed)
    assert written(streamed).endswith("data: [DONE]\n\n")
    assert "Other." in written(other)
    assert len(upstream.requests) == 3


async def test_a_stream_is_kept_as_it_came(autojump_clock: MockClock) -> None:
    with ScriptedUpstream(Reply(Text("Hel", "lo."), every=5)) as upstream:
        cached = graph(upstream)
        first = await outputs(cached, asking("Hi"))
        before = autojump_clock.current_time()
        again = await outputs(cached, asking("Hi"))
        assert autojump_clock.current_time() == before
    assert written(first) == written(again)


async def test_what_failed_is_asked_again(autojump_clock: MockClock) -> None:
    with ScriptedUpstream(HttpError(400), Reply("Hel", Cut()), "Hello.") as upstream:
        cached = graph(upstream)
        tried = [written(await outputs(cached, asking("Hi"))) for _ in range(4)]
    assert ["error" in each for each in tried] == [True, True, False, False]
    assert len(upstream.requests) == 3
