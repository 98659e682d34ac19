"""Chat streams to events: ends, stop reasons and errors (wire facts 2.2, 6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hyperinfer.formats import events as ev
from tests.support.chat_stream import DONE, blocks, call, chunk, decoded, usage_chunk
from tests.support.chunks import byte_by_byte, two_way_splits
from tests.support.pair import decode_stream


def test_the_plain_stream() -> None:
    events = decoded(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({"content": " wörld"}),
        chunk({}, "stop"),
        usage_chunk(prompt_tokens=3, completion_tokens=2, total_tokens=5),
    )
    assert [type(event).__name__ for event in events] == [
        *["MessageStart", "TextStart", "TextDelta", "TextDelta", "TextDelta", "TextEnd", "UsageUpdate", "MessageEnd"]
    ]
    start, end = events[0], events[-1]
    assert isinstance(start, ev.MessageStart)
    assert isinstance(end, ev.MessageEnd)
    assert (start.id, start.model, start.created) == ("c1", "m", 7)
    assert (end.stop, end.raw_stop) == ("stop", "stop")


class TestEnds:
    """What is an end and what is none (wire facts 6; faults F021, F023, F024)."""

    def test_a_finish_reason_alone(self) -> None:
        assert blocks(decoded(chunk({"content": "a"}, "stop"), end=b"")) == ["text a", "end stop"]

    def test_done_alone(self) -> None:
        assert blocks(decoded(chunk({"content": "a"}))) == ["text a", "end stop"]

    def test_neither(self) -> None:
        assert blocks(decoded(chunk({"content": "a"}), end=b"")) == ["text a", "error the stream ended before the reply did"]

    @pytest.mark.parametrize("raw", [b"", b": hi\n\n", b"data: [DONE]\n\n", usage_chunk(prompt_tokens=1) + DONE])
    def test_an_empty_stream(self, raw: bytes) -> None:
        assert len(decode_stream("openai_chat", [raw])) == 1
        assert isinstance(decode_stream("openai_chat", [raw])[0], str)

    def test_a_further_choice_that_does_not_end(self) -> None:
        frames = [chunk({"content": "b"}, index=1), chunk({"content": "a"}, "stop")]
        assert blocks(decoded(*frames, end=b""))[-1] == "error the stream ended before the reply did"

    def test_nothing_comes_after_the_end(self) -> None:
        raw = chunk({"content": "a"}, "stop") + DONE + chunk({"content": "b"}) + b"garbage"
        assert blocks(decode_stream("openai_chat", byte_by_byte(raw))) == ["text a", "end stop"]

    def test_a_finish_reason_twice_and_an_empty_one(self) -> None:
        events = decoded(chunk({"content": "a"}, ""), chunk({}, "length"), chunk({"content": ""}, "length"))
        assert blocks(events) == ["text a", "end length"]

    @pytest.mark.parametrize(
        ("word", "called", "stop"),
        [
            ("stop", False, "stop"),
            ("stop", True, "tool_calls"),
            ("tool_calls", True, "tool_calls"),
            ("tool_calls", False, "stop"),
            ("function_call", True, "tool_calls"),
            ("length", True, "length"),
            ("content_filter", True, "refusal"),
            ("content_filter", False, "refusal"),
            ("max_tokens", False, "length"),
            ("model_length", False, "length"),
            ("STOP", False, "stop"),
            ("SAFETY", False, "refusal"),
            ("eos", False, "stop"),
            ("some_new_word", True, "tool_calls"),
        ],
    )
    def test_finish_reasons(self, word: str, called: bool, stop: str) -> None:
        delta = call(0, "{}", "a", "f") if called else {"content": "x"}
        end = decoded(chunk(delta), chunk({}, word))[-1]
        assert isinstance(end, ev.MessageEnd)
        assert (end.stop, end.raw_stop) == (stop, word)

    @pytest.mark.parametrize(
        ("fields", "sequence"),
        [
            ({"stop_reason": "END"}, "END"),
            ({"matched_stop": "\n"}, "\n"),
            ({"stop_reason": 128_009}, None),
            ({"stop_reason": "end_turn"}, None),
            ({"stop_reason": None}, None),
        ],
    )
    def test_the_matched_stop_string(self, fields: dict[str, Any], sequence: str | None) -> None:
        """Faults F113, F114."""
        end = decoded(chunk({"content": "x"}), chunk({}, "stop", choice=fields))[-1]
        assert isinstance(end, ev.MessageEnd)
        assert (end.stop, end.stop_sequence) == ("stop_sequence" if sequence else "stop", sequence)


class TestErrors:
    """Errors in the stream, and bytes that are no stream."""

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            ({"error": {"message": "Overloaded", "type": "overloaded_error"}}, "provider_overloaded"),
            ({"error": {"message": "slow down", "code": 429}}, "provider_rate_limit"),
            ({"error": "no capacity"}, "provider_overloaded"),
            ({"object": "error", "message": "boom", "code": 500}, "provider_unavailable"),
            ({"detail": "Not Found"}, "provider_unavailable"),
            ({"choices": [{"delta": {}, "finish_reason": "error", "error": {"code": 503}}]}, "provider_overloaded"),
            ({"choices": [], "error": {"message": "x", "code": 504}}, "provider_timeout"),
        ],
    )
    @pytest.mark.parametrize("early", [True, False])
    def test_error_frames(self, frame: dict[str, Any], code: str, early: bool) -> None:
        before = b"" if early else chunk({"content": "a"})
        events = decoded(before, b"event: error\ndata: " + json.dumps(frame).encode() + b"\n\n", chunk({"content": "b"}))
        assert blocks(events) == ([] if early else ["text a"]) + [f"failed {code}"]

    @pytest.mark.parametrize(
        "data",
        [
            *[b"{", b"[]", b"null", b"\xff", b"<html>", b"1e999", b"[" * 9_000],
            *[b'{"choices": 1}', b'{"choices": [1]}', b'{"choices":[{"delta": 5}]}'],
            *[b'{"choices":[{"delta":{"tool_calls":[1]}}]}', b'{"choices":[{"delta":{"content":"\xff"}}]}'],
        ],
    )
    def test_frames_that_are_none(self, data: bytes) -> None:
        events = decoded(chunk({"content": "a"}), b"data: " + data + b"\n\n", chunk({"content": "b"}))
        assert blocks(events)[0] == "text a"
        assert blocks(events)[1].startswith("error ")
        assert len(blocks(events)) == 2

    def test_the_error_stays(self) -> None:
        raw = chunk({"content": "a"}) + b"data: {\n\n"
        for pieces in two_way_splits(raw):
            assert blocks(decode_stream("openai_chat", pieces)) == blocks(decode_stream("openai_chat", [raw]))

    def test_events_before_the_fault_of_one_chunk_are_told(self) -> None:
        body = {"choices": [{"index": 0, "delta": {"content": "a"}}, 5]}
        assert blocks(decoded(b"data: " + json.dumps(body).encode() + b"\n\n"))[0] == "text a"

    def test_a_choice_that_goes_on_after_nothing_is_wrong(self) -> None:
        """An odd index, odd names and odd types of unimportant fields are no reason to fail."""
        body: dict[str, Any] = {
            "id": 5,
            "model": None,
            "created": "x",
            "choices": [{"index": "0", "delta": {"content": "a", "role": 3}}],
        }
        assert blocks(decoded(b"data: " + json.dumps(body).encode() + b"\n\n")) == ["text a", "end stop"]
