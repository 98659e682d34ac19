"""What is said about a text that ends at a stop string: citations and tokens, as far as the text goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import events as ev
from tests.formats.test_stop_sequences import END, START, said, stopped, text

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event


def cited(start: int | None, end: int | None, *, nested: bool = False) -> ev.Citation:
    places = {"start_index": start, "end_index": end}
    inner: dict[str, Any] = {"url": "u", **{name: place for name, place in places.items() if place is not None}}
    raw = {"type": "url_citation", "url_citation": inner} if nested else {"type": "url_citation", **inner}
    return ev.Citation("openai_chat" if nested else "openai_responses", raw, url="u", start=start, end=end)


@pytest.mark.parametrize("nested", [False, True])
def test_citations_reach_no_further_than_the_text(nested: bool) -> None:
    before, clipped, beyond, without = cited(0, 4, nested=nested), cited(3, 9), cited(8, 12), cited(None, None)
    for first in (True, False):  # upstreams give them before the text or after it
        cites: list[Event] = [before, clipped, beyond, without]
        body: list[Event] = [ev.TextDelta("It is"), ev.TextDelta(" so END and more")]
        events: list[Event] = [START, ev.TextStart(), *(cites + body if first else body + cites), ev.TextEnd(), END]
        out = stopped(events, ["END"])
        assert said(out) == "It is so "
        found = sorted(
            (event for event in out if isinstance(event, ev.Citation)), key=lambda one: (one.start or 0, one.end or 0)
        )
        assert found == [without, before, cited(3, 9), cited(8, 9)]
        # without a match they come as they were, however far they say that they reach
        far = cited(2, 99)
        out = stopped([START, ev.TextStart(), far, ev.TextDelta("abc"), ev.TextEnd(), END], ["END"])
        assert [event for event in out if isinstance(event, ev.Citation)] == [far]


def test_citations_of_text_that_is_not_given_are_not_either() -> None:
    out = stopped([START, *text("one END two")[:-1], cited(8, 11), cited(2, 6, nested=True), ev.TextEnd(), END], ["END"])
    clipped = {"type": "url_citation", "url_citation": {"url": "u", "start_index": 2, "end_index": 4}}
    assert [event.raw for event in out if isinstance(event, ev.Citation)] == [clipped]
    out = stopped([START, *text("END two")[:-1], cited(4, 7), cited(None, None), ev.TextEnd(), END], ["END"])
    assert [event for event in out if isinstance(event, ev.Citation)] == []
    second: list[Event] = [ev.TextStart(), ev.TextDelta("more"), cited(0, 1), ev.TextEnd()]
    out = stopped([START, *text("one END two"), *second, END], ["END"])
    assert [event for event in out if isinstance(event, ev.Citation)] == []


def test_logprobs_stay_with_their_tokens() -> None:
    tokens = [{"token": token, "logprob": -1.0} for token in ("It", " is", " EN", "D", "!")]
    out = stopped([START, ev.TextStart(), ev.TextDelta("It is END!", logprobs=tokens), ev.TextEnd(), END], ["END"])
    (delta,) = [event for event in out if isinstance(event, ev.TextDelta)]
    assert (delta.text, delta.logprobs) == ("It is ", tokens[:3])
