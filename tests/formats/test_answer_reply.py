"""Replies of upstreams that were asked for a shape by other means, as the answer that the client asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS
from hyperinfer.formats import events as ev
from hyperinfer.formats.answer_reply import MOST_HELD, PER_PIECE, AnswerRestorer
from hyperinfer.formats.answer_schema import MEMBER
from hyperinfer.formats.codec import AnswerShape, Reply
from hyperinfer.formats.conversation import Conversation
from hyperinfer.formats.lifecycle import Lifecycle
from tests.support.strategies import JSON_VALUES, Walk, event_sequences
from tests.support.text_cuts import pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats.events import Event

HIDDEN = "final_answer"
BY_TOOL, WRAPPED, TOLD = AnswerShape(HIDDEN), AnswerShape(HIDDEN, wrapped=True), AnswerShape()
START = ev.MessageStart("openai_chat")


def restored(shape: AnswerShape, *events: Event) -> tuple[list[Event], list[str]]:
    """The events after the step, checked for their order, and what was lost."""
    restorer, lifecycle = AnswerRestorer(shape), Lifecycle()
    found = [out for event in events for out in restorer.push(event)]
    for event in found:
        lifecycle.step(event)
    return found, [loss.path for loss in restorer.losses]


def call(name: str, *pieces: str, choice: int = 0) -> list[Event]:
    deltas = [ev.ArgumentsDelta(piece, choice=choice) for piece in pieces]
    return [ev.ToolCallStart(f"c_{name}", name, item_id="fc_1", choice=choice), *deltas, ev.ToolCallEnd(choice=choice)]


def words(*pieces: str) -> list[Event]:
    return [ev.TextStart(), *[ev.TextDelta(piece) for piece in pieces], ev.TextEnd()]


def text_of(events: Iterable[Event], choice: int = 0) -> str:
    return "".join(event.text for event in events if isinstance(event, ev.TextDelta) and event.choice == choice)


def calls_in(events: Iterable[Event]) -> list[str]:
    return [event.name for event in events if isinstance(event, ev.ToolCallStart)]


def test_the_arguments_are_the_text_as_they_come() -> None:
    end = ev.MessageEnd("tool_calls", raw_stop="tool_calls")
    found, lost = restored(BY_TOOL, START, *call(HIDDEN, "", '{"a"', ": 1}"), end)
    assert found == [START, *words('{"a"', ": 1}"), ev.MessageEnd("stop")]
    assert lost == []


def test_a_wrapped_answer_comes_without_its_wrapping() -> None:
    found, lost = restored(WRAPPED, START, *call(HIDDEN, f'{{"{MEMBER}": [1, "', 'a"]', "}"), ev.MessageEnd("stop"))
    assert found == [START, *words('[1, "', 'a"]'), ev.MessageEnd("stop")]
    assert lost == []


def test_a_call_without_arguments_is_an_empty_object() -> None:
    found, _ = restored(BY_TOOL, START, *call(HIDDEN), ev.MessageEnd("tool_calls"))
    assert found == [START, *words("{}"), ev.MessageEnd("stop")]
    cut, _ = restored(BY_TOOL, START, *call(HIDDEN), ev.MessageEnd("length"))
    assert cut == [START, ev.MessageEnd("length")]


@pytest.mark.parametrize("stop", ["length", "context_window", "refusal", "pause", "stop_sequence"])
def test_other_ends_stay(stop: ev.StopReason) -> None:
    end = ev.MessageEnd(stop, raw_stop="x", stop_sequence="s")
    assert restored(BY_TOOL, START, *call(HIDDEN, '{"a": '), end)[0] == [START, *words('{"a": '), end]


def test_words_beside_the_answer_are_left_out() -> None:
    found, lost = restored(
        BY_TOOL, START, *words("Let me ", "see."), *call(HIDDEN, "{}"), *words("Done."), ev.MessageEnd("tool_calls")
    )
    assert found == [START, *words("{}"), ev.MessageEnd("stop")]
    assert lost == ["response.text"]
    assert restored(BY_TOOL, START, *words("\n\n"), *call(HIDDEN, "{}"), ev.MessageEnd("stop"))[1] == []


def test_reasoning_passes_at_once() -> None:
    thought: list[Event] = [ev.ReasoningStart(), ev.ReasoningDelta("hm"), ev.ReasoningEnd()]
    restorer = AnswerRestorer(BY_TOOL)
    assert [list(restorer.push(event)) for event in thought] == [[event] for event in thought]


def test_calls_of_the_callers_tools_are_calls_without_text() -> None:
    found, lost = restored(BY_TOOL, START, *words("First, the weather."), *call("f", "{}"), ev.MessageEnd("tool_calls"))
    assert found == [START, *call("f", "{}"), ev.MessageEnd("tool_calls")]
    assert lost == ["response.text"]


def test_an_answer_before_the_results_of_calls_is_none() -> None:
    found, lost = restored(BY_TOOL, START, *call("f", "{}"), *call(HIDDEN, '{"a": 1}'), ev.MessageEnd("tool_calls"))
    assert found == [START, *call("f", "{}"), ev.MessageEnd("tool_calls")]
    assert lost == ["response.answer"]


def test_a_call_after_the_answer_is_waited_for() -> None:
    """The answer is with the client by then."""
    found, lost = restored(BY_TOOL, START, *call(HIDDEN, "{}"), *call("f", "{}"), ev.MessageEnd("tool_calls"))
    assert found == [START, *words("{}"), *call("f", "{}"), ev.MessageEnd("tool_calls")]
    assert lost == []


def test_the_first_of_two_answers_stands() -> None:
    found, lost = restored(BY_TOOL, START, *call(HIDDEN, "{}"), *call(HIDDEN, "[]"), ev.MessageEnd("tool_calls"))
    assert found == [START, *words("{}"), ev.MessageEnd("stop")]
    assert lost == ["response.answer"]


def test_an_answer_in_text_is_one_too() -> None:
    """Where a call cannot be forced, or was not made."""
    found, lost = restored(BY_TOOL, START, *words("Here:\n```json\n", '{"a": 1}\n```'), ev.MessageEnd("stop"))
    assert text_of(found) == '{"a": 1}'
    assert lost == ["response.text"]
    refusal: list[Event] = [ev.RefusalStart(), ev.RefusalDelta("No."), ev.RefusalEnd()]
    assert restored(BY_TOOL, START, *refusal, ev.MessageEnd("refusal"))[0] == [START, *refusal, ev.MessageEnd("refusal")]
    assert text_of(restored(BY_TOOL, START, *words("I will not."), ev.MessageEnd("stop"))[0]) == "I will not."


def test_what_was_told_streams_without_its_fence() -> None:
    restorer = AnswerRestorer(TOLD)
    said = [text_of(restorer.push(event)) for event in words("```json\n", '{"a": ', "1}", "\n```")]
    assert said == ["", "", '{"a": ', "1}", "", ""]
    found, lost = restored(TOLD, START, *words("{}"), *call("f", "{}"), ev.MessageEnd("tool_calls"))
    assert found == [START, *words("{}"), *call("f", "{}"), ev.MessageEnd("tool_calls")]
    assert lost == []


def test_text_does_not_wait_for_the_tool_for_ever() -> None:
    many = MOST_HELD // PER_PIECE + 1
    restorer = AnswerRestorer(BY_TOOL)
    said = [text_of(restorer.push(event)) for event in words('{"a": [', *["0,"] * many, "1]}")]
    assert max(map(len, said)) > many
    assert json.loads("".join(said))["a"][-1] == 1
    assert said[-2] == "1]}"
    late = [out for event in (*call(HIDDEN, "{}"), ev.MessageEnd("tool_calls")) for out in restorer.push(event)]
    assert late == [ev.MessageEnd("stop")]
    assert [loss.path for loss in restorer.losses] == ["response.answer"]


def test_every_choice_has_its_answer() -> None:
    events = [*call(HIDDEN, '{"a":', " 0}"), *call(HIDDEN, '{"a": 1}', choice=1), ev.ChoiceEnd("tool_calls")]
    found, _ = restored(BY_TOOL, START, *events, ev.MessageEnd("tool_calls"))
    assert [text_of(found, choice) for choice in (0, 1)] == ['{"a": 0}', '{"a": 1}']
    assert [event.stop for event in found if isinstance(event, (ev.ChoiceEnd, ev.MessageEnd))] == ["stop", "stop"]


def test_a_responses_client_is_told_its_own_request() -> None:
    theirs = {
        "tools": [{"type": "function", "name": HIDDEN}],
        "tool_choice": {"type": "function", "name": HIDDEN},
        "instructions": "sys and more",
        "text": {"format": {"type": "text"}},
        "temperature": 1.0,
    }
    request = {
        "model": "m",
        "instructions": "sys",
        "input": "hi",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "array"}}},
    }
    conversation = FORMATS["openai_responses"].decode_request(json.dumps(request).encode())
    events: list[Event] = [
        ev.MessageStart("openai_responses", extra={"response": theirs}),
        *call(HIDDEN, "{}"),
        ev.MessageEnd("tool_calls", raw_stop="completed", extra={"response": {**theirs, "x": 1}}),
    ]
    found, _ = restored(BY_TOOL, *events)
    reply = Reply(request_id="r", model="m", created=1, conversation=conversation, upstream="openai_responses")
    body = FORMATS["openai_responses"].encode_response(found, reply).body
    assert HIDDEN.encode() not in body
    said = json.loads(body)
    assert (said["tools"], said["tool_choice"], said["instructions"]) == ([], "auto", "sys")
    assert said["text"] == {"format": {"type": "json_schema", "name": "n", "schema": {"type": "array"}}}
    assert (said["temperature"], said["x"], said["status"]) == (1.0, 1, "completed")
    assert [item["type"] for item in said["output"]] == ["message"]


@given(st.one_of(st.none(), JSON_VALUES), st.booleans(), st.data())
def test_the_text_is_the_answer_however_it_comes(value: Any, wrapped: bool, data: st.DataObject) -> None:
    arguments = {MEMBER: value} if wrapped else {"a": value}
    text = json.dumps(arguments, ensure_ascii=data.draw(st.booleans()))
    found, lost = restored(
        WRAPPED if wrapped else BY_TOOL, START, *call(HIDDEN, *data.draw(pieces_of(text))), ev.MessageEnd("tool_calls")
    )
    assert json.loads(text_of(found)) == (value if wrapped else arguments)
    assert (lost, calls_in(found)) == ([], [])


def _shaped(events: Iterable[Event]) -> list[Event]:
    """The events with the calls of one of the caller's tools as calls of the hidden one."""
    return [
        ev.ToolCallStart(event.call_id, HIDDEN, choice=event.choice)
        if isinstance(event, ev.ToolCallStart) and event.name == "f"
        else event
        for event in events
    ]


@settings(deadline=None)
@given(
    event_sequences(Walk(further=1, failures=True, unknown=True, item_ids=True)), st.sampled_from([BY_TOOL, WRAPPED, TOLD])
)
def test_any_reply_stays_legal_and_hides_the_tool(events: tuple[Event, ...], shape: AnswerShape) -> None:
    sent = _shaped(events) if shape.tool else list(events)
    found, _ = restored(shape, *sent)
    assert HIDDEN not in repr(found)
    assert (type(found[-1]), isinstance(found[-1], (ev.MessageEnd, ev.UpstreamError))) == (type(events[-1]), True)
    assert calls_in(found) == [name for name in calls_in(sent) if name != HIDDEN]
    kept = (ev.ReasoningDelta, ev.RefusalDelta, ev.UsageUpdate, ev.Unknown, ev.ServerToolEnd)
    assert [event for event in found if isinstance(event, kept)] == [event for event in sent if isinstance(event, kept)]
    if isinstance(found[-1], ev.MessageEnd) and shape.tool:
        for dialect in FORMATS:
            conversation = Conversation(dialect=dialect, model="m", turns=())
            reply = Reply(request_id="r", model="m", created=1, conversation=conversation, upstream="openai_chat")
            encoder = FORMATS[dialect].stream_encoder(reply)
            assert HIDDEN.encode() not in b"".join([*map(encoder.send, found), encoder.end()])
