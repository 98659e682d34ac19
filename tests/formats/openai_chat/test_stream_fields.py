"""Unmodelled fields, log probabilities, media, citations and counts in Chat streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import Event
from hyperinfer.formats import events as ev
from tests.support.chat_stream import chunk, decoded, usage_chunk
from tests.support.pair import Pair


def extras_of(events: list[Event | str]) -> list[Any]:
    return [extra for event in events if (extra := getattr(event, "extra", None))]


class TestFields:
    """Fields that are not modelled travel with the events."""

    def test_fields_that_every_chunk_repeats_come_once(self) -> None:
        frames = [chunk({"content": word}, system_fingerprint="fp") for word in ("a", "b")]
        events = decoded(*frames, chunk({}, "stop", system_fingerprint="fp"))
        assert extras_of(events) == [{"chunk": {"system_fingerprint": "fp"}}]

    def test_fields_of_single_chunks_come_with_their_events(self) -> None:
        events = decoded(
            chunk({"content": "a"}, x=1, y=1),
            chunk({"content": "b", "d": 2}, y=2, choice={"c": 3}),
            chunk({}, "stop", y=1),
        )
        assert extras_of(events) == [
            {"chunk": {"x": 1, "y": 1}},
            {"delta": {"d": 2}, "choice": {"c": 3}, "once": {"y": 2}, "chunk": {}},
            {"once": {"y": 1}},
        ]

    def test_log_probabilities(self) -> None:
        token = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
        events = decoded(
            chunk({"content": "a"}, choice={"logprobs": {"content": [token], "refusal": None}}),
            chunk({"refusal": "r"}, choice={"logprobs": {"content": None, "refusal": [token]}}),
            chunk({}, "stop", choice={"logprobs": None}),
        )
        delta, refusal = events[2], next(event for event in events if isinstance(event, ev.RefusalStart))
        assert isinstance(delta, ev.TextDelta)
        assert delta.logprobs == [token]
        assert "logprobs" in str(refusal) or "logprobs" in str(events[3])

    def test_media_of_a_reply_are_told_to_everybody(self) -> None:
        images = [{"type": "image_url", "image_url": {"url": "data:,x"}}]
        events = decoded(chunk({"content": "a"}), chunk({"images": images}), chunk({}, "stop"))
        assert ev.Unknown("openai_chat", "delta.images", {"images": images}) in events

    def test_citations(self) -> None:
        raw = {
            "type": "url_citation",
            "url_citation": {"url": "u", "title": "t", "start_index": 1, "end_index": 2, "content": "q"},
        }
        events = decoded(
            chunk({"annotations": [raw]}), chunk({"content": "a"}), chunk({"annotations": [raw]}), chunk({}, "stop")
        )
        cited = [event for event in events if isinstance(event, ev.Citation)]
        assert cited == [ev.Citation("openai_chat", raw, "u", "t", "q", 1, 2)] * 2

    def test_azure_filter_results_before_the_first_choice(self) -> None:
        first = b'data: {"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n'
        start = decoded(first, chunk({"content": "a"}, "stop"))[0]
        assert isinstance(start, ev.MessageStart)
        assert (start.id, start.extra) == ("c1", {"once": {"prompt_filter_results": [{"prompt_index": 0}]}})


LAST = usage_chunk(prompt_tokens=3, completion_tokens=4)


class TestUsage:
    """Where counts come and what is made of irregular ones."""

    @pytest.mark.parametrize(
        ("frames", "counts"),
        [
            ([usage_chunk(prompt_tokens=3, completion_tokens=2, total_tokens=5)], (3, 2)),
            ([chunk({}, None, usage={"prompt_tokens": 3, "completion_tokens": 2})], (3, 2)),
            ([chunk({}, None, usage={"prompt_tokens": 3, "completion_tokens": 1}), LAST], (3, 4)),
            ([LAST, chunk({}, None, usage=None), usage_chunk()], (3, 4)),
            ([chunk({}, None, choice={"usage": {"prompt_tokens": 3, "completion_tokens": 2}})], (3, 2)),
            ([], None),
        ],
    )
    def test_places(self, frames: list[bytes], counts: tuple[int, int] | None) -> None:
        events = decoded(chunk({"content": "a"}), chunk({}, "stop"), *frames)
        found = [(e.usage.input_tokens, e.usage.output_tokens) for e in events if isinstance(e, ev.UsageUpdate)]
        assert found == ([counts] if counts else [])


class TestSourcesBesideTheChoices:
    """Perplexity and xAI list what they cite in fields of the chunk, most of them again in every chunk."""

    URLS = ("https://a.test/", "https://b.test/")
    RESULTS = ({"url": URLS[0], "title": "A", "date": "2026-01-01"}, {"url": URLS[1], "title": "B"})

    def sources(self, *frames: bytes) -> list[tuple[str | None, str | None]]:
        return [(event.url, event.title) for event in decoded(*frames) if isinstance(event, ev.Citation)]

    def test_they_are_citations_of_the_text(self) -> None:
        fields: dict[str, Any] = {"citations": list(self.URLS), "search_results": list(self.RESULTS)}
        frames = [chunk({"content": word}, **fields) for word in ("a", "b")]
        assert self.sources(*frames, chunk({}, "stop", **fields)) == [(self.URLS[0], "A"), (self.URLS[1], "B")]

    def test_later_ones_are_told_once(self) -> None:
        frames = (
            chunk({"content": "a"}, citations=[self.URLS[0]]),
            chunk({"content": "b"}, citations=list(self.URLS)),
            chunk({}, "stop", citations=[*self.URLS, "", None, 7]),
        )
        assert self.sources(*frames) == [(self.URLS[0], None), (self.URLS[1], None)]

    def test_they_may_come_at_the_very_end(self) -> None:
        last = b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1},"citations":["https://a.test/"]}\n\n'
        assert self.sources(chunk({"content": "a"}), chunk({}, "stop"), last) == [(self.URLS[0], None)]

    def test_a_chat_client_finds_them_where_they_were(self) -> None:
        events = [
            event
            for event in decoded(chunk({"content": "a"}, "stop", citations=list(self.URLS)))
            if not isinstance(event, str)
        ]
        whole = json.loads(Pair("openai_chat").whole(events))
        assert whole["citations"] == list(self.URLS)
        assert "annotations" not in whole["choices"][0]["message"]

    def test_an_empty_stand_in_is_no_audio(self) -> None:
        silent = {"data": "", "expires_at": 0, "id": "", "transcript": ""}
        events = decoded(chunk({"content": "a", "audio": silent}, "stop"))
        assert not [event for event in events if isinstance(event, ev.Unknown)]
