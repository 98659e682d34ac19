"""A judge, a panel and a hedged call: one answer goes to the client, whole, and which is a matter of rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from hyperinfer.engine import Failure, Graph, gather
from hyperinfer.nodes import Answering, call, decode, encode, to_model
from hyperinfer.testing import Answer, Cut, HttpError, Reply, ScriptedUpstream, Stall, Text
from tests.examples.kit import CATALOGUE, asking, example, outputs, said, upstreams, written

if TYPE_CHECKING:
    from trio.testing import MockClock


def script(one: Answer | str, two: Answer | str | None) -> ScriptedUpstream:
    return ScriptedUpstream(by_model={"one": [one], "two": [] if two is None else [two]})


async def judged(upstream: ScriptedUpstream) -> str:
    called = call(upstreams(upstream))
    models = [Graph.linear(to_model(CATALOGUE, slug), called) for slug in ("test/one", "test/two")]
    with upstream:
        return written(
            await outputs(Graph.linear(decode(), gather(*models), example("judge").judge, encode()), asking("Hi"))
        )


@pytest.mark.parametrize(
    ("one", "two", "winner"),
    [
        ("A long answer.", "Short.", "test/two"),
        ("Short.", "A long answer.", "test/one"),
        ("A long answer.", Reply("S", Cut()), "test/one"),
        (HttpError(400), "Whatever.", "test/two"),
        (Reply("Slow.", wait=30, every=3), "Quick, but long.", "test/one"),
    ],
)
async def test_the_better_answer_is_told_whole(one: Any, two: Any, winner: str, autojump_clock: MockClock) -> None:
    told = await judged(script(one, two))
    assert f'"model":"{winner}"' in told
    assert told.count('"model":') == told.count(f'"model":"{winner}"')
    assert told.endswith("data: [DONE]\n\n")
    assert '"finish_reason":"stop"' in told


async def test_two_failures_are_one(autojump_clock: MockClock) -> None:
    told = await judged(script(HttpError(400), HttpError(400)))
    assert told.count('"error"') == 1


async def asked_of_a_panel(one: Answer | str, two: Answer | str, last: str | None = None) -> tuple[str, ScriptedUpstream]:
    """What is told. The last word is that of the first model again."""
    steps = [one] if last is None else [one, last]
    upstream = ScriptedUpstream(by_model={"one": steps, "two": [two]})
    with upstream:
        graph = example("panel").panel(CATALOGUE, upstreams(upstream), ["test/one", "test/two"], last="test/one")
        items = await outputs(graph, asking("Why?"))
        failed = [item.code for item in items if isinstance(item, Failure)]
        return said(items) or failed[0], upstream


async def test_a_panel_makes_one_answer_of_all(autojump_clock: MockClock) -> None:
    told, upstream = await asked_of_a_panel(Reply("So.", wait=9), "Or so.", "So or so.")
    assert told == "So or so."
    last = upstream.requests[-1]
    assert [each.said for each in upstream.requests[:2]] == ["Why?", "Why?"]
    assert "Why?" in last.body.decode()
    assert last.said.endswith("say where they differ.\n\n---\n\nSo.\n\n---\n\nOr so.")


async def test_a_panel_does_without_who_fails(autojump_clock: MockClock) -> None:
    told, upstream = await asked_of_a_panel(HttpError(400), "Or so.", "So.")
    assert told == "So."
    assert upstream.requests[-1].said.endswith("---\n\nOr so.")
    assert (await asked_of_a_panel(HttpError(413), HttpError(400)))[0] == "payload_too_large"


async def hedged(upstream: ScriptedUpstream, after: float = 2.0) -> tuple[str, str, float]:
    """Who answered, what, and when it was over."""
    called = example("hedge").hedged(CATALOGUE, upstreams(upstream), "test/one", "test/two", after=after)
    with upstream:
        items = await outputs(Graph.linear(decode(), called), asking("Hi"))
        failed = [item.code for item in items if isinstance(item, Failure)]
        who = [item.slug for item in items if isinstance(item, Answering)]
        return who[-1], said(items) or failed[0], round(trio.current_time(), 6)


async def test_who_is_quick_is_alone(autojump_clock: MockClock) -> None:
    assert await hedged(script(Reply(Text("Hel", "lo."), every=1.5), None)) == ("test/one", "Hello.", 3)


async def test_who_is_silent_is_left_for_another(autojump_clock: MockClock) -> None:
    upstream = script(Stall(), Reply("Here.", wait=1))
    assert await hedged(upstream) == ("test/two", "Here.", 3)
    assert upstream.requests[0].outcome == "left"


async def test_who_is_late_may_still_be_first(autojump_clock: MockClock) -> None:
    upstream = script(Reply("Late.", wait=3), Reply("Later.", wait=2))
    assert await hedged(upstream) == ("test/one", "Late.", 3)
    assert upstream.requests[1].outcome == "left"


async def test_who_fails_is_not_waited_for(autojump_clock: MockClock) -> None:
    assert await hedged(script(HttpError(400), "Here.")) == ("test/two", "Here.", 0)


async def test_when_both_fail_the_first_is_told(autojump_clock: MockClock) -> None:
    who, code, _ = await hedged(script(HttpError(400), HttpError(413)))
    assert (who, code) == ("test/one", "invalid_request")
