"""Our encoder feeding our decoder: nothing of a reply is lost, and no byte can bring down the decoder."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Event, PeerError, Upstream
from hyperinfer.formats import events as ev
from hyperinfer.formats.lifecycle import Lifecycle
from hyperinfer.formats.opaque import TAG, Opaque, blob_from_client
from hyperinfer.formats.usage import Usage
from tests.support.judge import breaches
from tests.support.pair import Pair, decode_stream, joined
from tests.support.recordings import Recording, recordings
from tests.support.strategies import Walk, event_sequences

CHAT = FORMATS["openai_chat"]
SAYABLE = Walk(
    blocks=(ev.TextStart, ev.ReasoningStart, ev.RefusalStart, ev.ToolCallStart), citations=False, custom_tools=True
)


def sayable(events: list[Event | str]) -> list[Event | str]:
    """What Chat can say of events: no empty blocks, `{}` for no arguments, blobs and counts without their wire form."""
    out: list[Event | str] = []
    for event in joined(events):
        if isinstance(event, ev.MessageStart):
            event = ev.MessageStart("openai_chat")
        elif isinstance(event, ev.MessageEnd):
            event = ev.MessageEnd("length" if event.stop == "context_window" else event.stop)
        elif isinstance(event, ev.ReasoningEnd):
            event = ev.ReasoningEnd(tuple(_opened(blob) for blob in event.opaque), choice=event.choice)
        elif isinstance(event, ev.UsageUpdate):
            u = event.usage
            event = ev.UsageUpdate(Usage(u.input_tokens, u.output_tokens, u.cache_read, u.cache_write, 0, u.reasoning))
        opened = out[-1] if out else None
        if isinstance(event, (ev.TextEnd, ev.RefusalEnd, ev.ReasoningEnd)) and isinstance(
            opened, (ev.TextStart, ev.RefusalStart, ev.ReasoningStart)
        ):
            out.pop()
            if isinstance(event, ev.ReasoningEnd) and event.opaque:
                out += [opened, event]
            continue
        if isinstance(event, ev.ToolCallEnd) and isinstance(opened, ev.ToolCallStart) and opened.kind == "function":
            out.append(ev.ArgumentsDelta("{}", choice=event.choice))
        out.append(event)
    return out


def _opened(blob: Opaque) -> Opaque:
    """As the client's next request would be read, and without the fields of the wire."""
    if blob.data.startswith(TAG):
        vendor, data = blob_from_client(blob.data, "openai_chat")
        return Opaque(vendor, blob.kind, data)
    return Opaque(blob.vendor, blob.kind, blob.data)


def unsigned(events: list[Event | str]) -> list[Event | str]:
    """Neighbouring reasoning blocks as one, where the first has no blob: on the wire nothing parts them."""
    out: list[Event | str] = []
    for event in events:
        if isinstance(event, ev.ReasoningStart) and out and isinstance(end := out[-1], ev.ReasoningEnd) and not end.opaque:
            out.pop()
        else:
            out.append(event)
    return joined(joined(out))


@given(event_sequences(SAYABLE))
def test_a_stream_gives_back_the_events(events: tuple[Event, ...]) -> None:
    before = unsigned(sayable(list(events)))
    after = unsigned(sayable(Pair("openai_chat").through_stream(events)))
    if not any(isinstance(event, ev.UsageUpdate) for event in before):
        before = [*before[:-1], ev.UsageUpdate(Usage()), before[-1]]
    assert after == before


@given(st.one_of(event_sequences(Walk(further=2)), event_sequences(Walk(failures=True))))
@settings(max_examples=60)
def test_every_stream_obeys_the_grammar_and_the_lifecycle(events: tuple[Event, ...]) -> None:
    stream = Pair("openai_chat", upstream="openai_responses").stream(_foreign(events))
    failed = isinstance(events[-1], ev.UpstreamError)
    found = breaches("openai_chat", stream, failed=failed)
    # A call that the upstream's failure cut off has no whole arguments, and nobody may make them up.
    assert [breach for breach in found if not (failed and breach.startswith("chat.tool_args"))] == []
    lifecycle = Lifecycle()
    for event in decode_stream("openai_chat", [stream]):
        assert not isinstance(event, str), event
        lifecycle.step(event)
    assert lifecycle.finished


def _foreign(events: tuple[Event, ...]) -> tuple[Event, ...]:
    return (ev.MessageStart("openai_responses"), *events[1:])


@given(event_sequences(Walk(unknown=True, further=1, citations=False)))
@settings(max_examples=60)
def test_a_whole_response_says_what_the_stream_says(events: tuple[Event, ...]) -> None:
    native, foreign = Pair("openai_chat"), Pair("openai_chat", upstream="openai_responses")
    for pair, told in ((native, events), (foreign, _foreign(events))):
        assert _said(pair.through_whole(told)) == _said(pair.through_stream(told))


def _said(events: list[Event] | list[Event | str]) -> dict[object, list[str]]:
    """Texts by kind of block and choice; a whole message has no order between kinds."""
    said: dict[object, list[str]] = {}
    for event in events:
        if isinstance(event, (ev.TextDelta, ev.ReasoningDelta, ev.RefusalDelta)):
            key = (type(event).__name__, event.choice)
            said[key] = ["".join([*said.get(key, []), event.text])]
        elif isinstance(event, ev.ToolCallStart):
            said.setdefault(("calls", event.choice), []).append(f"{event.call_id} {event.name} {event.kind} ")
        elif isinstance(event, ev.ArgumentsDelta):
            said[("calls", event.choice)][-1] += event.text
        elif isinstance(event, ev.ReasoningEnd):
            said.setdefault(("blobs", event.choice), []).extend(f"{b.vendor} {b.kind} {b.data}" for b in event.opaque)
        elif isinstance(event, (ev.MessageEnd, ev.ChoiceEnd)):
            said[("stop", event.choice)] = [event.stop]
        elif isinstance(event, ev.UsageUpdate):
            u = event.usage
            said["usage"] = [str((u.input_tokens, u.output_tokens, u.cache_read, u.cache_write, u.reasoning))]
    return {key: value for key, value in said.items() if value}


STREAMS = [r for r in recordings() if r.dialect == "openai_chat" and r.streamed]
SHORT = [r for r in STREAMS if len(r.response) < 4_000]


@pytest.mark.parametrize("recording", STREAMS, ids=str)
def test_every_prefix_is_a_complete_reply_or_an_error(recording: Recording) -> None:
    raw = recording.response
    whole = decode_stream("openai_chat", [raw])
    step = max(1, len(raw) // 150)
    for cut in range(0, len(raw), step):
        events = decode_stream("openai_chat", [raw[:cut]])
        assert _is_over(events), (cut, events[-1:])
        told = [event for event in events[:-1] if not isinstance(event, (ev.UsageUpdate, ev.MessageEnd))]
        assert joined(told)[:-1] == joined(whole)[: max(0, len(joined(told)) - 1)]


def _is_over(events: list[Event | str]) -> bool:
    return bool(events) and isinstance(events[-1], (str, ev.MessageEnd, ev.UpstreamError))


@pytest.mark.parametrize("recording", SHORT[:6], ids=str)
def test_a_corrupt_byte_gives_events_or_an_error_and_nothing_else(recording: Recording) -> None:
    raw = recording.response
    for place in range(0, len(raw), 3):
        for byte in (0, 0x22, 0x5C, 0x7B, 0xFF):
            events = decode_stream("openai_chat", [raw[:place], bytes([byte]), raw[place + 1 :]])
            assert _is_over(events)


@given(st.binary(max_size=80))
@settings(max_examples=300)
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    assert _is_over(decode_stream("openai_chat", [data]))
    assert _is_over(decode_stream("openai_chat", [b"data: " + data + b"\n\n"]))
    with contextlib.suppress(PeerError):
        assert CHAT.decode_response(data, Upstream(vendor="openai", id_seed="s"))
