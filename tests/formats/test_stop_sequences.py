"""Replies that end at a stop string: what comes out, against the definition written down from all of the events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats import events as ev
from hyperinfer.formats.lifecycle import Lifecycle
from hyperinfer.formats.stop_sequences import StopSequences
from hyperinfer.formats.usage import Usage
from tests.formats.test_stop_strings import first_match
from tests.support.judge import breaches_if_judged
from tests.support.pair import Pair
from tests.support.strategies import Walk, event_sequences

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.events import Event

START = ev.MessageStart("openai_responses")
DIALECTS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic_messages")


def stopped(events: Sequence[Event], stops: Sequence[str], choices: int = 1) -> list[Event]:
    """The events after the step; they are legal."""
    step = StopSequences(stops, choices)
    out = [given for event in events for given in step.push(event)]
    life = Lifecycle()
    for event in out:
        life.step(event)
    return out


def merged(events: Sequence[Event], choice: int) -> list[Event]:
    """The events of one choice that have a place, with the deltas of a block joined."""
    out: list[Event] = []
    for event in events:
        if event.choice != choice or isinstance(event, ev.UsageUpdate):
            continue
        before = out[-1] if out else None
        if isinstance(event, ev.TextDelta) and isinstance(before, ev.TextDelta):
            out[-1] = msgspec.structs.replace(before, text=before.text + event.text)
        elif not isinstance(event, ev.TextDelta) or event.text:
            out.append(event)
    return out


def by_definition(events: Sequence[Event], stops: list[str], choice: int) -> list[Event]:
    """One choice: up to the first stop string in one of its texts. A text is a block and those of the same message that
    follow directly."""
    mine = merged(events, choice)
    at = 0
    while at < len(mine):
        if not isinstance(mine[at], ev.TextStart):
            at += 1
            continue
        places, until = _text_from(mine, at)
        text = "".join(mine[place].text[offset] for place, offset in places)  # type: ignore[union-attr]
        if match := first_match(text, stops):
            return _up_to(mine, *places[match[0]], stop=text[slice(*match)])
        at = until
    return mine


def _text_from(mine: list[Event], at: int) -> tuple[list[tuple[int, int]], int]:
    """Each character of the text that begins at `at`: its event and its place there. Where the text is over."""
    opened = mine[at]
    assert isinstance(opened, ev.TextStart)
    places: list[tuple[int, int]] = []
    while at < len(mine):
        event = mine[at]
        if isinstance(event, ev.TextDelta):
            places += [(at, offset) for offset in range(len(event.text))]
        elif isinstance(event, ev.TextStart):
            if event.item_id != opened.item_id:
                break
        elif not isinstance(event, (ev.TextEnd, ev.Unknown)):
            break
        at += 1
    return places, at


def _up_to(mine: list[Event], place: int, offset: int, stop: str) -> list[Event]:
    event = mine[place]
    assert isinstance(event, ev.TextDelta)
    kept = [msgspec.structs.replace(event, text=event.text[:offset])] if offset else []
    called = any(isinstance(before, ev.ToolCallStart) for before in mine[:place])
    word: ev.StopReason = "tool_calls" if called else "stop_sequence"
    choice = event.choice
    end: Event = ev.ChoiceEnd(word, choice=choice) if choice else ev.MessageEnd(word, stop_sequence=stop)
    return [*mine[:place], *kept, ev.TextEnd(choice=choice), end]


def cut_anew(draw: st.DrawFn, events: Sequence[Event]) -> list[Event]:
    """The same reply with its text in other pieces."""
    out: list[Event] = []
    for event in events:
        if isinstance(event, ev.TextDelta):
            at = draw(st.integers(0, len(event.text)))
            out += [msgspec.structs.replace(event, text=piece) for piece in (event.text[:at], event.text[at:])]
        else:
            out.append(event)
    return out


@st.composite
def replies_with_stops(draw: st.DrawFn, walk: Walk) -> tuple[list[Event], list[Event], list[str]]:
    """A reply, the same in other pieces, and stop strings of which most are in it."""
    events = list(draw(event_sequences(walk)))
    if draw(st.booleans()):  # parts of one message, as one text
        events = [msgspec.structs.replace(e, item_id="m") if isinstance(e, ev.TextStart) else e for e in events]
    text = "".join(event.text for event in events if isinstance(event, ev.TextDelta)) or "x"
    stops: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text) - 1))
        stops.append(text[start : start + draw(st.integers(1, 4))])
    stops += draw(st.lists(st.text("aHel", min_size=1, max_size=3), max_size=2))
    return events, cut_anew(draw, events), stops


_TEXTS = (ev.TextStart,)
_ANY = Walk().blocks


@given(replies_with_stops(Walk(blocks=_TEXTS, citations=False, item_ids=True, most_blocks=3, unknown=True)))
def test_texts_end_right_before_the_first_stop_string(case: tuple[list[Event], list[Event], list[str]]) -> None:
    events, others, stops = case
    expected = by_definition(events, stops, 0)
    assert merged(stopped(events, stops), 0) == expected
    assert merged(stopped(others, stops), 0) == expected


@given(replies_with_stops(Walk(citations=False, further=1, most_blocks=3)))
def test_replies_with_all_kinds_of_blocks_and_choices(case: tuple[list[Event], list[Event], list[str]]) -> None:
    events, others, stops = case
    choices = 1 + max(event.choice for event in events)
    out, other = stopped(events, stops, choices), stopped(others, stops, choices)
    for choice in range(choices):
        assert merged(out, choice) == merged(other, choice) == by_definition(events, stops, choice)


@given(replies_with_stops(Walk(blocks=_ANY, citations=False, failures=True, most_blocks=3)))
def test_a_reply_that_was_over_before_the_upstream_failed_is_complete(
    case: tuple[list[Event], list[Event], list[str]],
) -> None:
    events, _, stops = case
    assert merged(stopped(events, stops), 0) == by_definition(events, stops, 0)


@given(replies_with_stops(Walk(blocks=_TEXTS, citations=False, most_blocks=2)), st.integers(1, 30))
def test_nothing_stays_held_back_wherever_the_upstream_breaks_off(
    case: tuple[list[Event], list[Event], list[str]], broken: int
) -> None:
    _, events, stops = case
    heard = events[: min(broken, len(events) - 1)]
    step = StopSequences(stops)
    out: list[Event] = []
    for event in heard:
        out += step.push(event)
        if step.matched:
            break
    out += step.end()
    assert merged(out, 0) == by_definition(heard, stops, 0)
    assert list(step.end()) == []


def text(*pieces: str, item: str | None = None) -> list[Event]:
    return [ev.TextStart(item_id=item), *map(ev.TextDelta, pieces), ev.TextEnd()]


def said(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ev.TextDelta))


END = ev.MessageEnd("stop", raw_stop="completed")


def test_text_is_held_back_only_as_long_as_it_may_become_a_stop_string() -> None:
    step = StopSequences(["</answer>", "ENDE"])
    step.push(START)
    step.push(ev.TextStart())
    given = [said(list(step.push(ev.TextDelta(piece)))) for piece in ("It is E", "N", "D</an", "y E", "nd")]
    assert given == ["It is ", "", "END", "</any ", "End"]


def test_of_two_that_begin_at_one_place_the_longer_is_told() -> None:
    stops = ["\n", "\n\n"]
    for pieces, told in ((["a\n", "\nb"], "\n\n"), (["a\n", "b"], "\n"), (["a\n"], "\n")):
        out = stopped([START, *text(*pieces), END], stops)
        assert (said(out), out[-1]) == ("a", ev.MessageEnd("stop_sequence", stop_sequence=told))


def test_only_the_answer_is_looked_at() -> None:
    events: list[Event] = [
        START,
        *(ev.ReasoningStart(), ev.ReasoningDelta("no END here"), ev.ReasoningEnd()),
        *(ev.RefusalStart(), ev.RefusalDelta("END"), ev.RefusalEnd()),
        *(ev.ToolCallStart("c", "END"), ev.ArgumentsDelta('{"a":"END"}'), ev.ToolCallEnd()),
        *text("all of E"),
        *(ev.ReasoningStart(), ev.ReasoningDelta("ND"), ev.ReasoningEnd()),
        *text("ND it", item="one"),
        *text(" E", item="two"),
        *text("ND", item="three"),
        ev.MessageEnd("tool_calls"),
    ]
    assert merged(stopped(events, ["END"]), 0) == merged(events, 0)


def test_a_call_before_the_stop_string_is_still_waited_for() -> None:
    call: list[Event] = [ev.ToolCallStart("c", "f"), ev.ToolCallEnd()]
    out = stopped([START, *call, *text("a END b"), END], ["END"])
    assert out[-1] == ev.MessageEnd("tool_calls", stop_sequence="END")
    out = stopped([START, *text("a END b"), *call, ev.MessageEnd("tool_calls")], ["END"])
    assert out == [START, ev.TextStart(), ev.TextDelta("a "), ev.TextEnd(), ev.MessageEnd("stop_sequence", "END")]


def test_counts_go_on_and_are_no_longer_final_when_the_upstream_is_left() -> None:
    counts = ev.UsageUpdate(Usage(input_tokens=10, output_tokens=1))
    step = StopSequences(["END"])
    for event in (ev.MessageStart("anthropic_messages", usage=counts.usage), ev.TextStart(), ev.TextDelta("a END")):
        assert not step.matched
        step.push(event)
    assert step.matched
    assert list(step.end()) == [
        ev.UsageUpdate(Usage(input_tokens=10, output_tokens=1, estimated=True)),
        ev.TextEnd(),
        ev.MessageEnd("stop_sequence", stop_sequence="END"),
    ]
    whole = stopped([START, *text("a END b"), counts, END], ["END"])
    assert whole[-3:] == [counts, ev.TextEnd(), ev.MessageEnd("stop_sequence", stop_sequence="END")]


def test_choices_end_each_on_its_own_and_the_reply_with_the_last() -> None:
    step = StopSequences(["END"], choices=3)
    out: list[Event] = []
    for event in (
        ev.MessageStart("openai_chat"),
        *(ev.TextStart(choice=1), ev.TextDelta("b END", choice=1), ev.TextDelta("more", choice=1)),
        *(ev.TextStart(), ev.TextDelta("a END")),
    ):
        out += step.push(event)
    assert not step.matched  # choice 2 has not even begun
    third: list[Event] = [ev.TextStart(choice=2), ev.TextDelta("c", choice=2), ev.TextEnd(choice=2)]
    for other in [*third, ev.ChoiceEnd("length", choice=2)]:
        assert not step.matched
        out += step.push(other)
    assert step.matched
    out += step.end()
    life = Lifecycle()
    for made in out:
        life.step(made)
    assert [event for event in out if isinstance(event, (ev.ChoiceEnd, ev.MessageEnd))] == [
        ev.ChoiceEnd("length", choice=2),
        ev.ChoiceEnd("stop_sequence", choice=1),
        ev.MessageEnd("stop_sequence", stop_sequence="END"),
    ]
    assert said(out) == "b a c"


def test_a_long_text_in_single_characters() -> None:
    step = StopSequences(["END", "\n\nHuman:", "<|im_end|>"])
    step.push(START)
    step.push(ev.TextStart())
    before = "Elephants\n\n never <|EN" * 5_000
    out = "".join(said(list(step.push(ev.TextDelta(character)))) for character in before + "\n\nHuman: and more")
    assert out == before
    assert step.matched


_WORDS = {
    "openai_chat": ("stop", "END"),
    "openai_responses": ("completed", None),
    "anthropic_messages": ("stop_sequence", "END"),
}


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", DIALECTS)
def test_every_dialect_tells_it_in_its_own_way(client: Dialect, upstream: Dialect) -> None:
    start = ev.MessageStart(upstream)
    out = stopped([start, *text("one END", " two"), *text("three"), ev.UsageUpdate(Usage(1, 1)), END], ["END", "STOP"])
    pair = Pair(client, upstream=upstream)
    stream = pair.stream(out)
    assert breaches_if_judged(client, stream) == []
    whole = json.loads(pair.whole(out))
    frames = [json.loads(line[6:]) for line in stream.decode().splitlines() if line.startswith("data: {")]
    if client == "openai_chat":
        told = [
            (choice["finish_reason"], choice["stop_reason"]) for choice in (whole["choices"][0], frames[-2]["choices"][0])
        ]
        given = whole["choices"][0]["message"]["content"]
    elif client == "openai_responses":
        told = [(response["status"], response["incomplete_details"]) for response in (whole, frames[-1]["response"])]
        given = whole["output"][0]["content"][0]["text"]
    else:
        told = [(one["stop_reason"], one["stop_sequence"]) for one in (whole, frames[-2]["delta"])]
        given = whole["content"][0]["text"]
    assert (told, given) == ([_WORDS[client]] * 2, "one ")
