"""Whatever an upstream makes of the protocol: legal events or `PeerError`, and a client's stream that ends."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Loss
from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.reply_losses import CONTRADICTED
from hyperinfer.formats.wire import is_array, is_object
from tests.formats.openai_responses.harness import decoded, encoded, frames, reply, stream, whole

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect, Event

_REASONING: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": [], "status": "in_progress"}
_MESSAGE: dict[str, Any] = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}
_CALL: dict[str, Any] = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "c1",
    "name": "f",
    "arguments": "",
    "status": "in_progress",
}
_SEARCH: dict[str, Any] = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
_TEXT: dict[str, Any] = {"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}
_DONE: list[dict[str, Any]] = [
    {**_REASONING, "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "b", "status": "completed"},
    {**_SEARCH, "status": "completed"},
    {**_MESSAGE, "content": [_TEXT], "status": "completed"},
    {**_CALL, "arguments": '{"a":1}', "status": "completed"},
]


def _frame(kind: str, index: int, item_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": index, "item_id": item_id, **fields}


STREAM: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": _REASONING},
    _frame("reasoning_summary_part.added", 0, "rs_1", summary_index=0, part={"type": "summary_text", "text": ""}),
    _frame("reasoning_summary_text.delta", 0, "rs_1", summary_index=0, delta="h"),
    _frame("reasoning_summary_text.delta", 0, "rs_1", summary_index=0, delta="m"),
    _frame("reasoning_summary_text.done", 0, "rs_1", summary_index=0, text="hm"),
    {"type": "response.output_item.done", "output_index": 0, "item": _DONE[0]},
    {"type": "response.output_item.added", "output_index": 1, "item": _SEARCH},
    _frame("web_search_call.searching", 1, "ws_1"),
    {"type": "response.output_item.done", "output_index": 1, "item": _DONE[1]},
    {"type": "response.output_item.added", "output_index": 2, "item": _MESSAGE},
    _frame("content_part.added", 2, "msg_1", content_index=0, part={**_TEXT, "text": ""}),
    _frame("output_text.delta", 2, "msg_1", content_index=0, delta="he", logprobs=[]),
    _frame("output_text.delta", 2, "msg_1", content_index=0, delta="llo", logprobs=[]),
    _frame("output_text.done", 2, "msg_1", content_index=0, text="hello", logprobs=[]),
    _frame("content_part.done", 2, "msg_1", content_index=0, part=_TEXT),
    {"type": "response.output_item.done", "output_index": 2, "item": _DONE[2]},
    {"type": "response.output_item.added", "output_index": 3, "item": _CALL},
    _frame("function_call_arguments.delta", 3, "fc_1", delta='{"a":1}'),
    _frame("function_call_arguments.done", 3, "fc_1", arguments='{"a":1}'),
    {"type": "response.output_item.done", "output_index": 3, "item": _DONE[3]},
    {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": _DONE, "usage": {}}},
]
_ODD: list[Any] = [None, 7, "x", [], {}, True, -1, 1.5, [{}], {"type": "x"}]
ODD: st.SearchStrategy[Any] = st.sampled_from(_ODD)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if is_object(value):
        inner = list(value.items())
    elif is_array(value):
        inner = list(enumerate(value))
    return [place for key, item in inner for place in [(*path, key), *_places(item, (*path, key))]]


@st.composite
def mutated(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The stream with frames dropped, doubled, moved, and with fields dropped or made into something else."""
    found = copy.deepcopy(STREAM)
    for _ in range(draw(st.integers(1, 6))):
        if not found:
            break
        index = draw(st.integers(0, len(found) - 1))
        match draw(st.sampled_from(["drop", "double", "move", "field", "field"])):
            case "drop":
                del found[index]
            case "double":
                found.insert(draw(st.integers(0, len(found))), copy.deepcopy(found[index]))
            case "move":
                found.insert(draw(st.integers(0, len(found) - 1)), found.pop(index))
            case _:
                places = [place for place in _places(found[index]) if place != ("type",)]
                if places:
                    _change(found[index], draw(st.sampled_from(places)), draw(st.none() | st.tuples(ODD)))
    return found


def _change(frame: Any, place: tuple[Any, ...], odd: tuple[Any] | None) -> None:
    for key in place[:-1]:
        frame = frame[key]
    if odd is None:
        del frame[place[-1]]
    else:
        frame[place[-1]] = copy.deepcopy(odd[0])  # a later change may go into it


def _changed(*changes: tuple[tuple[Any, ...], Any]) -> list[dict[str, Any]]:
    """The stream with other values at places."""
    found = copy.deepcopy(STREAM)
    for (index, *path), value in changes:
        _change(found[index], tuple(path), (value,))
    return found


def _with(index: int, frame: dict[str, Any]) -> list[dict[str, Any]]:
    """The stream with a frame more."""
    found = copy.deepcopy(STREAM)
    found.insert(index, copy.deepcopy(frame))
    return found


_ODD_PART = {**_DONE[2], "content": [{**_TEXT, "type": "x"}]}
_AT_ODDS = [(15, "part", "type"), (16, "item", "content", 0, "type"), (21, "response", "output", 2, "content", 0, "type")]


@settings(max_examples=250, deadline=None)
@given(mutated())
@example(_changed(*((place, "x") for place in _AT_ODDS)))
@example(_changed((_AT_ODDS[1], "x")))
@example(_changed((_AT_ODDS[0], "refusal"), (_AT_ODDS[1], [])))
@example(_with(16, {"type": "response.output_item.done", "output_index": 0, "item": _ODD_PART}))
@example(_with(20, {"type": "response.output_item.done", "output_index": 1, "item": _ODD_PART}))
def test_any_stream_ends_one_way_or_the_other(found: list[dict[str, Any]]) -> None:
    raw = stream(*found)
    events = _outcome([raw])
    assert _outcome([raw[:90], raw[90:200], raw[200:]]) == events
    if isinstance(events, str):
        return
    out, _ = encoded(events)
    told = frames(out)
    assert [frame["sequence_number"] for frame in told] == list(range(len(told)))
    assert told[-1]["type"] in ("response.completed", "response.incomplete", "response.failed")
    if isinstance(events[-1], ev.MessageEnd):
        assert whole(events)["output"] == told[-1]["response"]["output"] == _done_items(told)
        assert _words(events) == _words(decoded([out]))


_SAID = [index for index, frame in enumerate(STREAM) if not frame["type"].endswith(".delta")]


@pytest.mark.parametrize("index", _SAID)
def test_what_is_told_twice_is_said_once(index: int) -> None:
    """All of these frames but the deltas tell a state. It says nothing more the second time, wherever that is."""
    for place in range(index, len(STREAM) + 1):
        assert _words(decoded([stream(*_with(place, STREAM[index]))])) == "hmhello"


_NUMBERS = ("output_index", "content_index", "summary_index")


@pytest.mark.parametrize("number", [0, 1, 3, 9, None, "x"])
@pytest.mark.parametrize("index", [index for index in _SAID if set(_NUMBERS) & STREAM[index].keys()])
def test_a_state_with_a_wrong_number_says_nothing_twice(index: int, number: object) -> None:
    """Its id and its text say whose it is."""
    for name in _NUMBERS:
        if name in STREAM[index]:
            assert _words(decoded([stream(*_changed(((index, name), number)))])) == "hmhello"


@pytest.mark.parametrize("number", [1, 9])
@pytest.mark.parametrize("deltas", [(3, 4), (12, 13), (4,), (13,)])
def test_deltas_with_a_wrong_number_are_not_said_again(deltas: tuple[int, ...], number: int) -> None:
    for name in _NUMBERS:
        changes = [((index, name), number) for index in deltas if name in STREAM[index]]
        assert _words(decoded([stream(*_changed(*changes))])) == "hmhello"


@pytest.mark.parametrize(
    ("place", "value", "lost"),
    [
        ((14, "text"), "goodbye", "output[].content[].text"),
        ((16, "item", "content", 0, "text"), "hell", "output[].content[].text"),
        ((5, "text"), "so", "output[].summary[].text"),
        ((6, "item", "summary", 0, "text"), "so", "output[].summary[].text"),
        ((20, "item", "arguments"), '{"a":2}', "output[].arguments"),
        ((19, "arguments"), '{"a": 1}', None),
        ((14, "text"), "", None),
    ],
)
@pytest.mark.parametrize("client", ["openai_responses", "openai_chat", "anthropic_messages"])
def test_what_contradicts_the_deltas_is_a_loss(
    place: tuple[Any, ...], value: str, lost: str | None, client: Dialect
) -> None:
    """They were said already, and stand."""
    events = decoded([stream(*_changed((place, value)))])
    encoder = FORMATS[client].stream_encoder(reply())
    for event in events:
        encoder.send(event)
    told = [loss for loss in encoder.losses if loss.reason == CONTRADICTED]
    assert told == ([Loss(f"response.{lost}", CONTRADICTED)] if lost else [])


@pytest.mark.parametrize("kind", ["x", "refusal"])
def test_a_part_that_becomes_another_is_told_as_it_is(kind: str) -> None:
    """To a client of the same format; to others it is a loss, where the text was said before."""
    events = decoded([stream(*_changed(*((place, kind) for place in _AT_ODDS)))])
    assert whole(events)["output"][2]["content"] == [{**_TEXT, "type": kind}]
    encoder = FORMATS["openai_chat"].stream_encoder(reply())
    for event in events:
        encoder.send(event)
    assert Loss("response.output[].content[]", CONTRADICTED) in encoder.losses


def _outcome(pieces: list[bytes]) -> list[Event] | str:
    """The events, or why there are none."""
    try:
        return decoded(pieces)
    except PeerError as error:
        return error.reason


def _done_items(told: list[dict[str, Any]]) -> list[Any]:
    return [frame["item"] for frame in told if frame["type"] == "response.output_item.done"]


def _words(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, (ev.TextDelta, ev.ReasoningDelta, ev.RefusalDelta)))
