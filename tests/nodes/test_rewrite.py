"""What a reply says, changed while it is said: the same however it is cut into pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.engine import Failure, Graph, open_run, run
from hyperinfer.engine.testing import ListSink
from hyperinfer.formats import (
    OPENAI_CHAT,
    ArgumentsDelta,
    Burst,
    Citation,
    Conversation,
    Event,
    MessageEnd,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolCallStart,
    UpstreamError,
    UsageUpdate,
    text_of,
)
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes import Answering, Reply, Ticket, rewrite
from hyperinfer.providers import Pricing, Provider, Route

ROUTE = Route(Provider("p", "openai_chat", "https://p.test/v1"), "up", Pricing(1, 1, 1, 1, 1))
MARKED = re.compile(r"<(\d+)>")
CITATION = Citation("openai_chat", {"type": "url_citation"})


def put_back(text: str, ticket: Ticket) -> str:
    return MARKED.sub(lambda found: ticket.notes["marks"].get(found[1], found[0]), text)


NODE = rewrite(put_back, unfinished=r"<\d*")


def answering(**marks: str) -> Answering:
    ticket = Ticket(request_id="r1", format=OPENAI_CHAT, created=0.0, started=0.0, notes={"marks": dict(marks)})
    conversation = Conversation(dialect="openai_chat", model="m", turns=())
    return Answering(ticket=ticket, conversation=conversation, slug="m", route=ROUTE, route_index=0)


MARKS = {"1": "Ann", "2": "a@b.org"}


async def rewritten(*items: Reply | Failure) -> list[Reply | Failure]:
    async with open_run(Graph.linear(NODE), [answering(**MARKS), *items]) as replies:
        return [item async for item in replies][1:]


async def events_of(*bursts: Burst) -> list[Event]:
    return [event for burst in await rewritten(*bursts) if isinstance(burst, tuple) for event in burst]


async def test_a_mark_that_comes_in_pieces_is_put_back() -> None:
    pieces = ["Dear <", "1", ">, is <2> yours? <", "3> is not."]
    bursts: list[Burst] = [(TextStart(),), *((TextDelta(piece),) for piece in pieces), (TextEnd(), MessageEnd("stop"))]
    assert text_of(await events_of(*bursts)) == "Dear Ann, is a@b.org yours? <3> is not."


async def test_nothing_is_held_that_is_complete() -> None:
    got = await rewritten((TextStart(), TextDelta("Dear <1>, a < b ")), (TextDelta("and <"),), (TextDelta("2>"), TextEnd()))
    assert got == [
        (TextStart(), TextDelta("Dear Ann, a < b ")),
        (TextDelta("and "),),
        (TextDelta("a@b.org"), TextEnd()),
    ]


async def test_a_burst_of_which_all_is_held_is_no_item() -> None:
    assert await rewritten((TextDelta("<1"),), (TextDelta(">"),)) == [(TextDelta("Ann"),)]


@pytest.mark.parametrize("end", [TextEnd(), CITATION, UpstreamError("provider_unavailable", "gone")])
async def test_what_is_held_comes_before_the_end(end: Event) -> None:
    assert await events_of((TextDelta("a <1"),), (end,)) == [TextDelta("a "), TextDelta("<1"), end]


async def test_counts_do_not_part_a_mark() -> None:
    usage = UsageUpdate(Usage(output_tokens=3))
    assert text_of(await events_of((TextDelta("<"), usage), (TextDelta("1>"), TextEnd()))) == "Ann"


async def test_arguments_are_rewritten_too() -> None:
    start = ToolCallStart("c1", "mail")
    got = await events_of((start, ArgumentsDelta('{"to": "<')), (ArgumentsDelta('2>"}'), ToolCallEnd()))
    assert got == [start, ArgumentsDelta('{"to": "'), ArgumentsDelta('a@b.org"}'), ToolCallEnd()]


async def test_answers_to_one_request_are_apart() -> None:
    got = await events_of((TextDelta("<"), TextDelta("<2", choice=1)), (TextDelta("1>"), TextDelta(">", choice=1)))
    assert got == [TextDelta("Ann"), TextDelta("a@b.org", choice=1)]


async def test_probabilities_of_other_words_are_not_told() -> None:
    got = await events_of((TextDelta("as is", logprobs=[{}]), TextDelta("<1>", logprobs=[{}])))
    assert got == [TextDelta("as is", logprobs=[{}]), TextDelta("Ann")]


async def test_what_a_broken_attempt_left_is_forgotten() -> None:
    sink: ListSink[Reply] = ListSink()
    await run(Graph.linear(NODE), [answering(**MARKS), (TextDelta("<"),), answering(**MARKS), (TextDelta("1>"),)], sink)
    assert sink.items[2:] == [(TextDelta("1>"),)]


async def test_by_default_no_word_is_taken_apart() -> None:
    loud = rewrite(lambda text, _: re.sub(r"\bcat\b", "dog", text))
    sink: ListSink[Reply] = ListSink()
    await run(Graph.linear(loud), [answering(), (TextDelta("the ca"),), (TextDelta("t sat"), TextEnd())], sink)
    got = [event for item in sink.items if isinstance(item, tuple) for event in item]
    assert text_of(got) == "the dog sat"


@given(
    text=st.lists(st.sampled_from(["<", ">", "1", "2", "3", "x", "<1>", "<2>", " "]), max_size=12).map("".join),
    data=st.data(),
)
def test_the_cuts_do_not_matter(text: str, data: st.DataObject) -> None:
    machine = NODE.work()
    cuts: Sequence[int] = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    machine.push(answering(**MARKS))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    events: list[Event] = []
    for burst in [*((TextDelta(piece),) for piece in pieces), (TextEnd(),)]:
        for made in machine.push(burst):
            events.extend(made)
    assert text_of(events) == put_back(text, answering(**MARKS).ticket)
