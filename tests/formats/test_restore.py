"""Tool calls come back in the form in which the caller declared the tool."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import ToolAlias
from hyperinfer.formats.lifecycle import Lifecycle
from hyperinfer.formats.restore import CUSTOM_PARAMETERS, ToolRestorer, unwrap_input, wrap_input
from tests.support.strategies import TEXT, Walk, event_sequences

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event

ALIASES = {
    "apply_patch": ToolAlias("apply_patch", "custom"),
    "mcp__find": ToolAlias("find", "function", "mcp"),
    "mcp__sh": ToolAlias("sh", "custom", "mcp"),
}


def restored(*events: Event) -> list[Event]:
    restorer = ToolRestorer(ALIASES)
    return [out for event in events for out in restorer.push(event)]


def call(name: str, *pieces: str, choice: int = 0) -> list[Event]:
    events: list[Event] = [
        ev.ToolCallStart("c1", name, choice=choice),
        *[ev.ArgumentsDelta(piece, choice=choice) for piece in pieces],
        ev.ToolCallEnd(choice=choice),
    ]
    return events


def test_a_custom_tool_gets_its_raw_input_back_in_one_piece() -> None:
    assert restored(*call("apply_patch", '{"inp', 'ut":"*** Begin', '\\nä"}')) == [
        ev.ToolCallStart("c1", "apply_patch", "custom"),
        ev.ArgumentsDelta("*** Begin\nä"),
        ev.ToolCallEnd(),
    ]


def test_a_namespaced_function_gets_its_name_back_and_its_arguments_pass_as_they_come() -> None:
    assert restored(*call("mcp__find", '{"a"', ":1}")) == [
        ev.ToolCallStart("c1", "find", namespace="mcp"),
        ev.ArgumentsDelta('{"a"'),
        ev.ArgumentsDelta(":1}"),
        ev.ToolCallEnd(),
    ]


def test_a_namespaced_custom_tool_gets_both() -> None:
    assert restored(*call("mcp__sh", '{"input":"ls"}'))[:2] == [
        ev.ToolCallStart("c1", "sh", "custom", namespace="mcp"),
        ev.ArgumentsDelta("ls"),
    ]


@pytest.mark.parametrize("pieces", [(), ('{"input":""}',), ("{}",)])
def test_empty_input(pieces: tuple[str, ...]) -> None:
    deltas = [event for event in restored(*call("apply_patch", *pieces)) if isinstance(event, ev.ArgumentsDelta)]
    assert deltas == []


def test_a_call_that_is_custom_already_is_not_unwrapped() -> None:
    start = ev.ToolCallStart("c1", "apply_patch", "custom")
    events: list[Event] = [start, ev.ArgumentsDelta('{"input":1}'), ev.ToolCallEnd()]
    assert restored(*events) == events


def test_choices_do_not_mix() -> None:
    one, two = call("apply_patch", '{"input":"a"}', choice=1), call("apply_patch", '{"input":"b"}', choice=2)
    mixed: list[Event] = []
    for first, second in zip(one, two, strict=True):
        mixed += [first, second]
    texts = {event.choice: event.text for event in restored(*mixed) if isinstance(event, ev.ArgumentsDelta)}
    assert texts == {1: "a", 2: "b"}


@given(event_sequences(Walk(further=1)))
def test_other_tools_and_other_events_pass_untouched(events: tuple[Event, ...]) -> None:
    assert restored(*events) == list(events)
    assert [out for event in events for out in ToolRestorer({}).push(event)] == list(events)


@given(event_sequences(Walk(further=1, custom_tools=False)))
def test_what_comes_out_is_legal(events: tuple[Event, ...]) -> None:
    restorer = ToolRestorer({"f": ToolAlias("f", "custom"), "get_weather": ToolAlias("w", "function", "ns")})
    lifecycle = Lifecycle()
    for event in events:
        for out in restorer.push(event):
            lifecycle.step(out)
    assert lifecycle.finished


@given(st.one_of(TEXT, st.just("")))
def test_wrapping_and_unwrapping_are_inverse(text: str) -> None:
    wrapped = wrap_input(text)
    assert json.loads(wrapped) == {"input": text}
    assert unwrap_input(wrapped) == text


OTHER_SHAPES = ['{"input": 1}', '{"input": null}', "[]", "no", '{"inp', "[" * 5_000, '{"other":"x"}', '"x"', "1" * 5_000]


@pytest.mark.parametrize("arguments", OTHER_SHAPES)
def test_arguments_of_another_shape_are_given_as_they_are(arguments: str) -> None:
    assert unwrap_input(arguments) == arguments


def test_the_schema_of_the_stand_in() -> None:
    assert CUSTOM_PARAMETERS["required"] == ["input"] == list(CUSTOM_PARAMETERS["properties"])
