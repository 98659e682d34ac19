"""The hot path of the stream decoder tells exactly what the long way tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import frame_runs
from tests.support.recordings import Recording, recordings

if TYPE_CHECKING:
    from hyperinfer.formats import Event

STREAMS = [r for r in recordings() if r.dialect == "anthropic_messages" and r.streamed]


def both_ways(raw: bytes, size: int = 1_000_000) -> tuple[list[Event | str], list[Event | str], int]:
    return frame_runs.both_ways("anthropic_messages", raw, size)


@pytest.mark.parametrize("recording", STREAMS, ids=str)
def test_recordings(recording: Recording) -> None:
    for size in (1, 3, 1_000_000):
        hot, long, _ = both_ways(recording.response, size)
        assert hot == long


def frame(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + json.dumps({"type": kind, **fields}).encode() + b"\n\n"


BEGIN = frame("message_start", message={"id": "m", "role": "assistant", "model": "m", "content": [], "usage": {}})
END = frame("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1}) + frame("message_stop")
BLOCKS: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "text", "text": ""}, "text_delta", "text"),
    ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"),
    ({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}, "input_json_delta", "partial_json"),
]
WORDS = st.sampled_from(["a", "", "b", '"', "\\", "}}", '"text":', "\u2028", "😀", "\n"])
PING = frame("ping")


def delta(number: int, text: str, index: int = 0, **beside: Any) -> bytes:
    _, kind, field = BLOCKS[number]
    return frame("content_block_delta", index=index, delta={"type": kind, field: text, **beside})


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    raw = b""
    for index in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, 2))
        raw += frame("content_block_start", index=index, content_block=BLOCKS[number][0])
        for _ in range(draw(st.integers(0, 10))):
            match draw(st.sampled_from(["usual"] * 8 + ["ping", "more", "later", "other"])):
                case "ping":
                    raw += PING
                case "more":
                    raw += delta(number, draw(WORDS), index, vendor=1)
                case "later":
                    raw += delta(number, draw(WORDS), index + 1)
                case "other":
                    raw += delta(draw(st.integers(0, 2)), draw(WORDS), index)
                case _:
                    raw += delta(number, draw(WORDS), index)
        raw += frame("content_block_stop", index=index) if draw(st.integers(0, 5)) else b""
    return BEGIN + raw + END


SIZES = st.sampled_from([1, 2, 3, 1_000_000])


@given(streams(), SIZES)
def test_any_frames(raw: bytes, size: int) -> None:
    hot, long, _ = both_ways(raw, size)
    assert hot == long


BROKEN = st.sampled_from([b"", b"\n", b"\r", b" ", b'"', b"\n\n", b"data: ", b"event: x\n", b",", b"\\", b"\xff", b"\x00"])


@given(streams(), st.integers(0, 10_000), BROKEN, st.integers(0, 2), SIZES)
def test_broken_bytes(raw: bytes, place: int, other: bytes, cut: int, size: int) -> None:
    place %= len(raw) + 1
    hot, long, _ = both_ways(raw[:place] + other + raw[place + cut :], size)
    assert hot == long


@pytest.mark.parametrize("size", [1, 2, 1_000_000])
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_usual_streams_take_the_hot_path(number: int, size: int) -> None:
    deltas = b"".join(delta(number, text) for text in ["one", "two", "thrée", '"4"', "five"] * 4)
    start, stop = (
        frame("content_block_start", index=0, content_block=BLOCKS[number][0]),
        frame("content_block_stop", index=0),
    )
    hot, long, taken = both_ways(BEGIN + start + deltas + stop + END, size)
    assert hot == long
    assert taken == 19
