"""The table of legal orders, pair by pair."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
from hypothesis import given

from hyperinfer.formats import events as ev
from hyperinfer.formats.events import Event
from hyperinfer.formats.lifecycle import TRANSITIONS, Lifecycle, OrderError, State
from hyperinfer.formats.server_tools import ToolImage, ToolOutcome, ToolRun
from hyperinfer.formats.usage import Usage
from tests.support.strategies import Walk, event_sequences
from tests.support.tool_runs import TOOL_RUNS

RUN = ToolRun(call_id="c", name="datetime", input={})

SAMPLES: dict[type[Event], Event] = {
    type(event): event
    for event in (
        ev.MessageStart("openai_chat"),
        ev.TextStart(),
        ev.TextDelta("a"),
        ev.Citation("openai_chat", {}),
        ev.TextEnd(),
        ev.ReasoningStart(),
        ev.ReasoningDelta("a"),
        ev.ReasoningEnd(),
        ev.RefusalStart(),
        ev.RefusalDelta("a"),
        ev.RefusalEnd(),
        ev.ToolCallStart("c", "f"),
        ev.ArgumentsDelta("{}"),
        ev.ToolCallEnd(),
        ev.ServerToolStart("openai_chat", "x", {}),
        ev.ServerToolDelta({}),
        ev.ServerToolEnd({}),
        ev.ToolRunStart(RUN),
        ev.ToolRunEnd(RUN, ToolOutcome(text="noon", summary="noon")),
        ev.ImageOutput("c", ToolImage("", "image/png")),
        ev.UsageUpdate(Usage()),
        ev.ChoiceEnd("stop", choice=0),
        ev.MessageEnd("stop"),
        ev.UpstreamError("internal_error", "x"),
        ev.Unknown("openai_chat", "x", {}),
    )
}
START, END = ev.MessageStart("openai_chat"), ev.MessageEnd("stop")


def after(*events: Event) -> Lifecycle:
    lifecycle = Lifecycle()
    for event in events:
        lifecycle.step(event)
    return lifecycle


def test_every_event_has_a_sample() -> None:
    assert set(SAMPLES) == set(get_args(Event))


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(State, SAMPLES)), ids=lambda v: getattr(v, "name", None))
def test_each_pair_is_in_the_table_or_an_error(state: State, kind: type[Event]) -> None:
    lifecycle = Lifecycle(state)
    expected = TRANSITIONS.get((state, kind))
    if expected is None or kind is ev.ChoiceEnd:  # choice 0 ends with MessageEnd alone
        with pytest.raises(OrderError):
            lifecycle.step(SAMPLES[kind])
        assert lifecycle.state is state
    else:
        lifecycle.step(SAMPLES[kind])
        assert lifecycle.state is expected


def test_each_state_is_reached_and_left_and_the_ends_are_final() -> None:
    assert {following for _, following in TRANSITIONS.items()} | {State.START} == set(State)
    assert {state for state, _ in TRANSITIONS} == set(State) - {State.ENDED, State.FAILED}


def test_finished_means_ended_or_failed() -> None:
    assert {state for state in State if Lifecycle(state).finished} == {State.ENDED, State.FAILED}


def test_choices_walk_the_table_on_their_own() -> None:
    lifecycle = after(
        START,
        ev.TextStart(),
        ev.TextStart(choice=1),
        ev.TextDelta("b", choice=1),
        ev.TextDelta("a"),
        ev.TextEnd(choice=1),
        ev.ToolCallStart("c", "f", choice=2),
        ev.ChoiceEnd("stop", choice=1),
        ev.TextEnd(),
        ev.ToolCallEnd(choice=2),
        ev.ChoiceEnd("tool_calls", choice=2),
    )
    assert not lifecycle.finished
    lifecycle.step(END)
    assert lifecycle.finished


@pytest.mark.parametrize(
    ("before", "event", "why"),
    [
        ([], ev.TextStart(choice=1), "choice 1 outside a message"),
        ([START, END], ev.TextStart(choice=1), "choice 1 outside a message"),
        ([START], ev.TextDelta("a", choice=1), "TextDelta of choice 1 is not legal in state 'between blocks'"),
        ([START, ev.TextStart(choice=1)], END, "MessageEnd while choice 1 is open"),
        ([START, ev.TextStart(choice=1), ev.TextEnd(choice=1)], END, "MessageEnd while choice 1 is open"),
        ([START, ev.ChoiceEnd("stop")], ev.TextStart(choice=1), "not legal in state 'ended'"),
        ([START, ev.ChoiceEnd("stop")], ev.ChoiceEnd("stop"), "not legal in state 'ended'"),
        ([START, ev.TextStart(choice=1)], ev.ChoiceEnd("stop"), "not legal in state 'text'"),
        ([START], ev.ChoiceEnd("stop", choice=0), "choice 0 ends with MessageEnd"),
    ],
)
def test_an_illegal_step_of_a_choice_leaves_everything_as_it_was(before: list[Event], event: Event, why: str) -> None:
    lifecycle, twin = after(*before), after(*before)
    for _ in range(2):
        with pytest.raises(OrderError, match=why):
            lifecycle.step(event)
    for other in (ev.TextStart(choice=3), ev.ChoiceEnd("stop", choice=1), END):
        assert _outcome(lifecycle, other) == _outcome(twin, other)


def _outcome(lifecycle: Lifecycle, event: Event) -> str:
    try:
        lifecycle.step(event)
    except OrderError as error:
        return str(error)
    return lifecycle.state.value


def test_an_error_may_come_while_choices_are_open() -> None:
    assert after(START, ev.TextStart(choice=1), ev.UpstreamError("internal_error", "x")).finished


@given(event_sequences(Walk(further=2, failures=True, unknown=True, tool_runs=TOOL_RUNS)))
def test_the_generated_sequences_are_legal_and_complete(events: tuple[Event, ...]) -> None:
    lifecycle = Lifecycle()
    for event in events:
        assert not lifecycle.finished
        lifecycle.step(event)
    assert lifecycle.finished
