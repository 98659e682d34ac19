"""The legal order of stream events, as one table.

Rules of this file:

1. Everything that decides whether an event may come now is in `TRANSITIONS`. Decoders and encoders of all dialects
   step the same table, so none of them can be laxer than another.
2. This file does not know which dialect or role it serves.

Theory of operation. A reply is a sequence of blocks, one open at a time: upstreams that interleave blocks are sorted by
their decoder, clients never see two open blocks. `UsageUpdate` and `Unknown` carry no structure and may come anywhere in
between. `UpstreamError` may come at any time before the end, also before the start, and nothing follows it. `Citation`
belongs to an open text. What the gateway's own tools do is told between blocks; which runs are open is no matter of this
table, since they overlap. Each choice of a Chat reply (`n` > 1) walks the table on its own; the reply is over when choice 0
is, which must be last.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import EncodeError

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event


class State(enum.Enum):
    """Where a reply is."""

    START = "start"
    BETWEEN = "between blocks"
    TEXT = "text"
    REASONING = "reasoning"
    REFUSAL = "refusal"
    TOOL_CALL = "tool call"
    SERVER_TOOL = "server tool"
    ENDED = "ended"
    FAILED = "failed"

    __hash__ = object.__hash__  # that of an enum is a Python function; members are single, so identity serves


_OPEN = (State.BETWEEN, State.TEXT, State.REASONING, State.REFUSAL, State.TOOL_CALL, State.SERVER_TOOL)

TRANSITIONS: Mapping[tuple[State, type[Event]], State] = {
    (State.START, ev.MessageStart): State.BETWEEN,
    (State.BETWEEN, ev.TextStart): State.TEXT,
    (State.TEXT, ev.TextDelta): State.TEXT,
    (State.TEXT, ev.Citation): State.TEXT,
    (State.TEXT, ev.TextEnd): State.BETWEEN,
    (State.BETWEEN, ev.ReasoningStart): State.REASONING,
    (State.REASONING, ev.ReasoningDelta): State.REASONING,
    (State.REASONING, ev.ReasoningEnd): State.BETWEEN,
    (State.BETWEEN, ev.RefusalStart): State.REFUSAL,
    (State.REFUSAL, ev.RefusalDelta): State.REFUSAL,
    (State.REFUSAL, ev.RefusalEnd): State.BETWEEN,
    (State.BETWEEN, ev.ToolCallStart): State.TOOL_CALL,
    (State.TOOL_CALL, ev.ArgumentsDelta): State.TOOL_CALL,
    (State.TOOL_CALL, ev.ToolCallEnd): State.BETWEEN,
    (State.BETWEEN, ev.ServerToolStart): State.SERVER_TOOL,
    (State.SERVER_TOOL, ev.ServerToolDelta): State.SERVER_TOOL,
    (State.SERVER_TOOL, ev.ServerToolEnd): State.BETWEEN,
    (State.BETWEEN, ev.ToolRunStart): State.BETWEEN,
    (State.BETWEEN, ev.ToolRunEnd): State.BETWEEN,
    (State.BETWEEN, ev.ImageOutput): State.BETWEEN,
    (State.BETWEEN, ev.ChoiceEnd): State.ENDED,
    (State.BETWEEN, ev.MessageEnd): State.ENDED,
    (State.START, ev.UpstreamError): State.FAILED,
    **{(state, ev.UpstreamError): State.FAILED for state in _OPEN},
    **{(state, ev.UsageUpdate): state for state in _OPEN},
    **{(state, ev.Unknown): state for state in _OPEN},
}

_FOLLOWING: Mapping[State, Mapping[type[Event], State]] = {
    state: {kind: following for (before, kind), following in TRANSITIONS.items() if before is state} for state in State
}
"""The same table by state: an enum is slow to hash, and nearly every event leaves its reply in the state that it found."""


class OrderError(ValueError):
    """An event came where the table has no place for it. Whoever steps the table turns this into their own error."""


class Lifecycle:
    """Steps one reply through `TRANSITIONS`. An illegal event raises `OrderError` and leaves the state as it was."""

    __slots__ = ("_following", "_further", "state")

    def __init__(self, state: State = State.START) -> None:
        self.state: State = state
        self._following: Mapping[type[Event], State] = _FOLLOWING[state]
        self._further: dict[int, State] = {}

    def step(self, event: Event) -> None:
        """Moves on by one event."""
        if event.choice:
            self._step_further(event.choice, event)
            return
        following = self._following.get(type(event))
        if following is self.state:
            return
        if following is None:
            raise OrderError(f"{type(event).__name__} is not legal in state '{self.state.value}'")
        if following is State.ENDED:
            if type(event) is ev.ChoiceEnd:
                raise OrderError("choice 0 ends with MessageEnd")
            if self._further:
                self._all_ended()
        self.state = following
        self._following = _FOLLOWING[following]

    def stays(self, kind: type[Event]) -> bool:
        """Whether events of choice 0 of this kind may come now, as many as there are, and move nothing."""
        return self._following.get(kind) is self.state

    def _all_ended(self) -> None:
        for number, state in self._further.items():
            if state is not State.ENDED:
                raise OrderError(f"MessageEnd while choice {number} is open")

    def _step_further(self, choice: int, event: Event) -> None:
        if self.state not in _OPEN:
            raise OrderError(f"choice {choice} outside a message (state '{self.state.value}')")
        state = self._further.get(choice, State.BETWEEN)
        following = _FOLLOWING[state].get(type(event))
        if following is None:
            raise OrderError(f"{type(event).__name__} of choice {choice} is not legal in state '{state.value}'")
        self._further[choice] = following

    @property
    def finished(self) -> bool:
        """Whether the reply is over, well or not."""
        return self.state is State.ENDED or self.state is State.FAILED


def walked(events: Collection[Event]) -> State:
    """Where a reply is after all these events. Raises `OrderError` as stepping them one by one does."""
    state, table = State.START, _FOLLOWING[State.START]
    for event in events:
        following = table.get(type(event))
        if following is None or event.choice or type(event) is ev.ChoiceEnd:
            return _stepped(events)
        if following is not state:
            state, table = following, _FOLLOWING[following]
    return state


def check_complete(events: Collection[Event]) -> None:
    """For encoders of whole replies. Raises `EncodeError` unless these are one complete reply that ends in `MessageEnd`."""
    try:
        state = walked(events)
    except OrderError as error:
        raise EncodeError(str(error)) from None
    if state is not State.ENDED:
        raise EncodeError("the events do not end in MessageEnd")


def _stepped(events: Collection[Event]) -> State:
    lifecycle = Lifecycle()
    for event in events:
        lifecycle.step(event)
    return lifecycle.state
