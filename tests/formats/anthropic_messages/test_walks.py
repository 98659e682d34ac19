"""Random legal replies, made by walking the table of legal order: written and read back they are the same."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import events as ev
from hyperinfer.formats.lifecycle import TRANSITIONS, State
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.usage import Usage
from tests.support.messages_codec import decode_stream, encode_stream, encode_whole, judged, reply
from tests.support.tool_runs import TOOL_RUNS

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
START = ev.MessageStart("anthropic_messages")
DELTAS = (ev.TextDelta, ev.ReasoningDelta, ev.ArgumentsDelta)
FOREIGN = ev.MessageStart("openai_chat")


@st.composite
def walks(draw: st.DrawFn, start: ev.MessageStart) -> list[ev.Event]:
    """Steps through `TRANSITIONS` from the start to the end."""
    left_out: set[type[ev.Event]] = {ev.MessageEnd, ev.ChoiceEnd, ev.UpstreamError, *TOOL_RUNS}
    if start is START:
        left_out.add(ev.RefusalStart)  # Messages has refusals as text
    events: list[ev.Event] = [start]
    state, calls = State.BETWEEN, 0
    for _ in range(draw(st.integers(0, 25))):
        legal = [kind for (at, kind) in TRANSITIONS if at is state and kind not in left_out]
        kind = draw(st.sampled_from(sorted(legal, key=lambda kind: kind.__name__)))
        event: ev.Event = draw(_made(kind, f"c{calls}"))
        calls += kind is ev.ToolCallStart
        events.append(event)
        state = TRANSITIONS[state, kind]
    closers: dict[State, ev.Event] = {
        State.TEXT: ev.TextEnd(),
        State.REASONING: ev.ReasoningEnd(),
        State.TOOL_CALL: ev.ToolCallEnd(),
    }
    closers |= {State.REFUSAL: ev.RefusalEnd(), State.SERVER_TOOL: ev.ServerToolEnd({"type": "novel"})}
    if state in closers:
        events.append(closers[state])
    return [*events, ev.MessageEnd("stop")]


def _made(kind: Any, call_id: str) -> st.SearchStrategy[Any]:
    if kind in (ev.TextDelta, ev.ReasoningDelta, ev.ArgumentsDelta, ev.RefusalDelta):
        return WORDS.map(kind)
    made: dict[Any, ev.Event] = {
        ev.ToolCallStart: ev.ToolCallStart(call_id, "f"),
        ev.ServerToolStart: ev.ServerToolStart("anthropic_messages", "novel", {"type": "novel"}),
        ev.ServerToolDelta: ev.ServerToolDelta({"type": "novel_delta"}),
        ev.ServerToolEnd: ev.ServerToolEnd({"type": "novel"}),
        ev.Citation: ev.Citation("anthropic_messages", {"type": "char_location", "cited_text": "c"}, cited_text="c"),
        ev.ReasoningEnd: ev.ReasoningEnd((Opaque("anthropic", "signature", "S"),)),
        ev.UsageUpdate: ev.UsageUpdate(Usage(1, 2)),
        ev.Unknown: ev.Unknown("anthropic_messages", "novel", {"type": "novel"}),
    }
    return st.just(made[kind]) if kind in made else st.just(kind())


def _plain(events: list[ev.Event]) -> list[ev.Event]:
    """Without counts, which come back at their own places, and with neighbouring deltas joined."""
    found: list[ev.Event] = []
    for event in events:
        if isinstance(event, (ev.UsageUpdate, ev.MessageStart, ev.MessageEnd)):
            continue
        last = found[-1] if found else None
        if isinstance(event, DELTAS) and isinstance(last, DELTAS) and type(last) is type(event):
            found[-1] = msgspec.structs.replace(event, text=last.text + event.text)
        else:
            found.append(event)
    return found


@settings(max_examples=150, deadline=None)
@given(walks(START))
def test_what_is_written_reads_back(events: list[ev.Event]) -> None:
    data, losses = encode_stream(events)
    assert losses == []
    assert _plain(decode_stream([data])) == _plain(events)
    encode_whole(events)


@settings(max_examples=150, deadline=None)
@given(walks(FOREIGN))
def test_any_reply_of_another_dialect_makes_a_legal_stream(events: list[ev.Event]) -> None:
    data, _ = encode_stream(events, reply("openai_chat"))
    breaches = [breach for breach in judged(data) if not breach.startswith(("msg.tool_json", "msg.unknown_event"))]
    assert breaches == []  # the words of a model need be no JSON
    encode_whole(events, reply("openai_chat"))
