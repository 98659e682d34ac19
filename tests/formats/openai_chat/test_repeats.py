"""The hot path of the stream decoder tells exactly what the long way tells."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats import Event
from hyperinfer.formats import events as ev
from hyperinfer.formats.openai_chat import choice_decode, stream_decode
from tests.support import frame_runs
from tests.support.chat_stream import DONE, chunk
from tests.support.pair import decode_stream
from tests.support.recordings import Recording, recordings

STREAMS = [r for r in recordings() if r.dialect == "openai_chat" and r.streamed]


def both_ways(raw: bytes, size: int = 1_000_000) -> tuple[list[Event | str], list[Event | str], int]:
    return frame_runs.both_ways("openai_chat", raw, size)


@pytest.mark.parametrize("recording", STREAMS, ids=str)
def test_recordings(recording: Recording) -> None:
    for size in (1, 3, 1_000_000):
        hot, long, _ = both_ways(recording.response, size)
        assert hot == long


WORDS = st.sampled_from(["a", "", '"', "\\", "\u2028", "😀", ',"obfuscation":"x"}', '"content":', "[DONE]", "\n"])
DELTAS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    WORDS.map(lambda text: {"content": text}),
    WORDS.map(lambda text: {"reasoning_content": text}),
    WORDS.map(lambda text: {"reasoning": text}),
    st.tuples(WORDS, WORDS).map(lambda pair: {"reasoning": pair[0], "reasoning_content": pair[1]}),
    st.tuples(WORDS, WORDS).map(lambda pair: {"content": pair[0], "x": {"content": pair[1]}}),
    st.tuples(st.integers(0, 1), WORDS).map(
        lambda pair: {
            "tool_calls": [{"index": pair[0], "id": f"c{pair[0]}", "function": {"name": "f", "arguments": pair[1]}}]
        }
    ),
    st.tuples(st.integers(0, 1), WORDS).map(
        lambda pair: {"tool_calls": [{"index": pair[0], "function": {"arguments": pair[1]}}]}
    ),
)
FIELDS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {}, {"obfuscation": "a1"}, {"obfuscation": "zz9"}, {"usage": None}, {"x": 1}, {"index": 1}, {"finish": "stop"}]
)


@given(st.lists(st.tuples(DELTAS, FIELDS), max_size=12), st.sampled_from([1, 2, 1_000_000]))
def test_any_frames(frames: list[tuple[dict[str, Any], dict[str, Any]]], size: int) -> None:
    raw = b"".join(chunk(delta, **fields) for delta, fields in frames)
    hot, long, _ = both_ways(raw + DONE, size)
    assert hot == long


@pytest.mark.parametrize(
    "frame",
    [
        {"delta": {"content": "%s"}},
        {"delta": {"content": None, "reasoning_content": "%s"}},
        {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "%s"}}]}},
    ],
    ids=str,
)
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("size", [1, 2, 1_000_000])
def test_the_usual_streams_take_the_hot_path(frame: dict[str, Any], padded: bool, size: int) -> None:
    begin = chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]})
    raw = begin if "tool_calls" in frame["delta"] else b""
    for word in ("one", "two", "thrée", '"4"', "five"):
        choice = {"index": 0, "logprobs": None, "finish_reason": None, **frame}
        body: dict[str, Any] = {"id": "x", "object": "chat.completion.chunk", "choices": [choice], "usage": None}
        if padded:
            body["obfuscation"] = "p" * len(word)
        raw += b"data: " + json.dumps(body).replace("%s", json.dumps(word)[1:-1]).encode() + b"\n\n"
    hot, long, taken = both_ways(raw + DONE, size)
    assert hot == long
    assert taken >= 3


@given(
    st.lists(WORDS.filter(bool), min_size=3, max_size=6),
    st.integers(0, 400),
    st.sampled_from([b"", b"\n", b"\r", b" ", b'"', b"\n\n", b"data: ", b",", b"\\", b"\xff", b"\x00"]),
    st.integers(0, 2),
    st.booleans(),
)
def test_broken_bytes_in_a_read_of_repeats(words: list[str], place: int, other: bytes, cut: int, padded: bool) -> None:
    more: dict[str, Any] = {"obfuscation": "p4"} if padded else {}
    frames = [chunk({"content": word}, **more) for word in words]
    read = b"".join(frames[2:])
    place %= len(read) + 1
    read = read[:place] + other + read[place + cut :]
    hot = decode_stream("openai_chat", [*frames[:2], read, DONE])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_decode, "place_of", lambda data, event: None)  # pyright: ignore
        assert hot == decode_stream("openai_chat", [*frames[:2], read, DONE])


def test_deltas_of_nothing_but_text() -> None:
    """They take a way of their own, which tells what the long one tells."""
    choices: list[dict[str, Any]] = [
        {"delta": {"role": "assistant", "content": "", "refusal": None}},
        {"delta": {"content": "a"}, "logprobs": None},
        {"delta": {"content": "b"}, "x": 1},
        {"delta": {"content": None}, "logprobs": {"content": []}},
        {"delta": {"content": None, "refusal": "no"}},
        {"delta": {"content": None, "x": 1}},
        {"delta": {"reasoning": "r"}},
        {"delta": {}, "index": 1},
        {"delta": {}, "finish_reason": "stop"},
        {"delta": {"content": "c"}, "finish_reason": "length", "stop_reason": "S"},
        {"delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a'}}]}},
    ]
    for picked in itertools.product(choices, repeat=3):
        raw = b"".join(
            b"data: " + json.dumps({"id": "x", "choices": [{"index": 0, **choice}], "v": number == 1}).encode() + b"\n\n"
            for number, choice in enumerate(picked)
        )
        with pytest.MonkeyPatch.context() as patch:
            short = decode_stream("openai_chat", [raw + DONE])
            patch.setattr(choice_decode, "_NOTHING_BESIDE", ())
            assert short == decode_stream("openai_chat", [raw + DONE]), picked


def test_a_frame_with_an_effect_of_its_own_is_no_pattern() -> None:
    event = ev.TextDelta("a", extra={"delta": {"x": 1}})
    assert stream_decode.place_of(b'{"choices":[{"delta":{"content":"a","x":1}}]}', event) is None
    assert stream_decode.place_of(b'{"choices":[{"delta":{"content":"a"}}]}', ev.TextDelta("b")) is None
    assert stream_decode.place_of(b"{}", ev.TextEnd()) is None
