"""The hot path of the stream decoder tells exactly what the long way tells."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import frame_runs
from tests.support.recordings import Recording, recordings

if TYPE_CHECKING:
    from hyperinfer.formats import Event

STREAMS = [r for r in recordings() if r.dialect == "openai_responses" and r.streamed]
ITEMS: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "i0", "summary": []},
    {"type": "message", "id": "i1", "role": "assistant", "status": "in_progress", "content": []},
    {"type": "function_call", "id": "i2", "call_id": "c2", "name": "f", "arguments": ""},
    {"type": "custom_tool_call", "id": "i3", "call_id": "c3", "name": "g", "input": ""},
    {"type": "message", "id": "i4", "role": "assistant", "status": "in_progress", "content": []},
]
DELTA = (
    "reasoning_summary_text.delta",
    "reasoning_text.delta",
    "output_text.delta",
    "refusal.delta",
    "function_call_arguments.delta",
    "custom_tool_call_input.delta",
)


def frame(kind: str, **fields: Any) -> bytes:
    name = f"response.{kind}"
    return f"event: {name}\ndata: ".encode() + json.dumps({"type": name, **fields}).encode() + b"\n\n"


BEGIN = frame("created", response={"id": "r", "status": "in_progress", "output": []})
END = frame("completed", response={"id": "r", "status": "completed", "output": [], "usage": None})


def both_ways(raw: bytes, size: int = 1_000_000) -> tuple[list[Event | str], list[Event | str], int]:
    return frame_runs.both_ways("openai_responses", raw, size)


@pytest.mark.parametrize("recording", STREAMS, ids=str)
def test_recordings(recording: Recording) -> None:
    for size in (1, 3, 1_000_000):
        hot, long, _ = both_ways(recording.response, size)
        assert hot == long


EDITS: dict[str, list[Any]] = {
    "kind": list(DELTA),
    "output_index": [0, 0, 1, 1, 2, -1, None, ..., True, 1.0],
    "item_id": ["i0", "i1", "i2", "new", "", None, ..., 7],
    "content_index": [0, 1, -1, None, ...],
    "summary_index": [0, 1, None, ...],
    "beside": [{}, {}, {}, {"logprobs": []}, {"logprobs": [{}]}, {"obfuscation": "x"}, {"obfuscation": 1}, {"vendor": 1}],
}
"""What one delta may have otherwise than the one before it; `...` leaves the field out."""
EDIT = st.sampled_from(list(EDITS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(EDITS[name])))
TEXTS = st.lists(st.sampled_from(["a", "", '"', "😀", "{}", "\\", None]), min_size=1, max_size=2)


def item_frame(kind: str, number: int) -> bytes:
    return frame(f"output_item.{kind}", output_index=number, item=ITEMS[number])


def part_frame(kind: str, number: int) -> bytes:
    part = {"type": "output_text"}
    return frame(f"content_part.{kind}", item_id="i1", output_index=1, content_index=number, part=part)


OTHERS = st.one_of(
    st.builds(item_frame, st.sampled_from(["added", "added", "done"]), st.integers(0, 3)),
    st.builds(part_frame, st.sampled_from(["added", "done"]), st.integers(0, 1)),
)


STARTS: list[dict[str, Any]] = [
    {"kind": "output_text.delta", "item_id": "i1", "output_index": 1, "content_index": 0, "beside": {}},
    {"kind": "output_text.delta", "item_id": "i1", "content_index": 0, "beside": {}},
    {"kind": "function_call_arguments.delta", "item_id": "i2", "output_index": 2, "beside": {}},
    {"kind": "function_call_arguments.delta", "item_id": "i2", "beside": {}},
    {"kind": "reasoning_text.delta", "item_id": "i0", "output_index": 0, "content_index": 0, "beside": {}},
    {"kind": "reasoning_summary_text.delta", "item_id": "i0", "output_index": 0, "summary_index": 0, "beside": {}},
]


def delta_frames(place: dict[str, Any], *texts: str | None) -> bytes:
    fields = {name: value for name, value in place.items() if name not in ("kind", "beside") and value is not ...}
    return b"".join(frame(place["kind"], **fields, delta=text, **place["beside"]) for text in texts)


def test_one_field_otherwise() -> None:
    for start in STARTS:
        for name, values in EDITS.items():
            for value in values:
                raw = delta_frames(start, "a", "b") + delta_frames({**start, name: value}, "c", "d")
                hot, long, taken = both_ways(BEGIN + raw + delta_frames(start, "e", "f") + END)
                assert hot == long, (start, name, value)
                assert taken


def in_any_order(before: bytes, steps: list[bytes], count: int) -> None:
    for order in itertools.product(steps, repeat=count):
        hot, long, _ = both_ways(BEGIN + before + b"".join(order) + END)
        assert hot == long, order


def test_items_that_wait_for_each_other() -> None:
    text = STARTS[0]
    other: dict[str, Any] = {**text, "item_id": "i4", "output_index": 2}
    call: dict[str, Any] = {"kind": "custom_tool_call_input.delta", "item_id": "i3", "output_index": 3, "beside": {}}
    added = item_frame("added", 1) + frame("output_item.added", output_index=2, item=ITEMS[4]) + item_frame("added", 3)
    in_any_order(added, [*(delta_frames(place, "a", "b", "c") for place in (text, other, call)), item_frame("done", 1)], 4)


def test_parts_that_wait_for_each_other() -> None:
    text = [delta_frames({**STARTS[0], "content_index": number}, "a", "b", "c") for number in (0, 1)]
    in_any_order(item_frame("added", 1), [*text, part_frame("done", 0), part_frame("done", 1)], 5)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Deltas of which each differs from the one before it in one field, with other events between some of them."""
    place = dict(draw(st.sampled_from(STARTS)))
    raw = b""
    for edit, texts, between in draw(st.lists(st.tuples(st.none() | EDIT, TEXTS, st.none() | OTHERS), max_size=12)):
        place |= [edit] if edit else []
        raw += delta_frames(place, *texts) + (between or b"")
    return raw


SIZES = st.sampled_from([1, 2, 3, 1_000_000])


@given(streams(), SIZES)
def test_any_frames(raw: bytes, size: int) -> None:
    hot, long, _ = both_ways(BEGIN + raw + END, size)
    assert hot == long


@given(streams(), st.integers(0, 10_000), st.binary(max_size=2) | st.sampled_from([b"\n", b"\r", b"\n\n"]), SIZES)
def test_broken_bytes(raw: bytes, place: int, other: bytes, size: int) -> None:
    place %= len(raw) + 1
    hot, long, _ = both_ways(BEGIN + raw[:place] + other + raw[place + 1 :] + END, size)
    assert hot == long


@pytest.mark.parametrize("size", [1, 2, 1_000_000])
@pytest.mark.parametrize(
    ("kind", "item"), [("output_text", 1), ("reasoning_summary_text", 0), ("function_call_arguments", 2)]
)
def test_the_usual_streams_take_the_hot_path(kind: str, item: int, size: int) -> None:
    place = {"output_index": 0, "item_id": f"i{item}", "content_index": 0}
    deltas = [
        frame(f"{kind}.delta", **place, delta=text, sequence_number=n, obfuscation="p") for n, text in enumerate("abcde")
    ]
    raw = BEGIN + frame("output_item.added", output_index=0, item=ITEMS[item]) + b"".join(deltas) + END
    hot, long, taken = both_ways(raw, size)
    assert hot == long
    assert taken >= len(deltas) - 2
