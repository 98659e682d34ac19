"""Whatever an upstream makes of the protocol: legal events or `PeerError`, and a client's stream that ends."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.wire import is_array, is_object
from tests.formats.openai_responses.harness import decoded, encoded, frames, stream, whole

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event

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


@settings(max_examples=250, deadline=None)
@given(mutated())
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
