"""Every recording through every client format: nine cells, streamed and whole, however the bytes are cut."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hyperinfer.formats import FORMATS, Dialect, Event, PeerError, Reply, Target, Upstream, Wait
from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import EncodeError
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from tests.support.chunks import byte_by_byte, two_way_splits
from tests.support.judge import breaches
from tests.support.recordings import DIALECTS, Recording, recordings

ALL = recordings()
ANSWERED = [recording for recording in ALL if recording.status == 200]
if not ALL:
    pytest.skip("the recordings are not on this machine", allow_module_level=True)

ASKED: dict[Dialect, bytes] = {
    "openai_chat": b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}',
    "openai_responses": b'{"model":"m","stream":true,"input":"x"}',
    "anthropic_messages": b'{"model":"m","stream":true,"max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
}


def upstream(dialect: Dialect) -> Upstream:
    return Upstream(vendor=DEFAULT_VENDOR[dialect], id_seed="seed")


def decoded(dialect: Dialect, pieces: list[bytes]) -> list[Event | str]:
    """The events of a stream, and the reason of the error that ended it, if one did."""
    decoder = FORMATS[dialect].stream_decoder(upstream(dialect))
    found: list[Event | str] = []
    try:
        for piece in pieces:
            decoder.receive_data(piece)
            while not isinstance(event := decoder.next_event(), Wait):
                found.append(event)
        decoder.receive_eof()
        while not isinstance(event := decoder.next_event(), Wait):
            found.append(event)
    except PeerError as error:
        found.append(error.reason)
    return found


def events_of(recording: Recording) -> list[Event]:
    if not recording.streamed:
        return list(FORMATS[recording.dialect].decode_response(recording.response, upstream(recording.dialect)))
    found = decoded(recording.dialect, [recording.response])
    assert not isinstance(found[-1], str), found[-1]
    return [event for event in found if not isinstance(event, str)]


def said(events: list[Event]) -> dict[str, str]:
    """What a reply says, without how it was cut: texts, and the arguments of its calls as values."""
    arguments: list[str] = []
    for event in events:
        if isinstance(event, ev.ToolCallStart):
            arguments.append("")
        elif isinstance(event, ev.ArgumentsDelta):
            arguments[-1] += event.text
    return {
        "text": "".join(event.text for event in events if isinstance(event, ev.TextDelta | ev.RefusalDelta)),
        "reasoning": "".join(event.text for event in events if isinstance(event, ev.ReasoningDelta)).replace("\n", ""),
        "arguments": repr([_value(text) for text in arguments]),
        "names": repr([event.name for event in events if isinstance(event, ev.ToolCallStart)]),
    }


def _value(text: str) -> Any:
    try:
        value: Any = msgspec.json.decode(text or "{}")
        return msgspec.convert(value, dict[str, str])["input"] if set(value) == {"input"} else value
    except msgspec.DecodeError:
        return text


@pytest.mark.parametrize("recording", [r for r in ANSWERED if r.streamed], ids=str)
def test_events_do_not_depend_on_how_a_stream_is_cut(recording: Recording) -> None:
    whole = decoded(recording.dialect, [recording.response])
    assert decoded(recording.dialect, byte_by_byte(recording.response)) == whole
    for pieces in two_way_splits(recording.response):
        assert decoded(recording.dialect, pieces) == whole


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("recording", ANSWERED, ids=str)
def test_every_cell_is_clean(recording: Recording, client: Dialect) -> None:
    events = events_of(recording)
    failed = isinstance(events[-1], ev.UpstreamError)
    codec = FORMATS[client]
    reply = Reply(
        request_id="r1",
        model="a/model",
        created=1_700_000_000,
        conversation=codec.decode_request(ASKED[client]),
        upstream=recording.dialect,
    )
    encoder = codec.stream_encoder(reply)
    if isinstance(end := events[-1], ev.MessageEnd) and end.stop == "unfinished":
        with pytest.raises(EncodeError):
            b"".join(encoder.send(event) for event in events)
        return
    stream = b"".join(encoder.send(event) for event in events)
    if not failed:
        stream += encoder.end()
    assert breaches(client, stream, failed=failed) == []
    if failed:
        return
    streamed = [event for event in decoded(client, [stream]) if not isinstance(event, str)]
    assert said(streamed) == said(events)
    whole = codec.encode_response(events, reply)
    assert said(list(codec.decode_response(whole.body, upstream(client)))) == said(streamed)
    assert set(whole.losses) == set(encoder.losses)


def test_the_recordings_break_the_grammar_that_the_cells_keep() -> None:
    """What has to be normalised is there: a role again, usage on choice chunks, no index, totals that do not add up."""
    found = {
        breach.partition(":")[0]
        for recording in ANSWERED
        if recording.streamed
        for breach in breaches(recording.dialect, recording.response)
    }
    assert found >= {"chat.role_again", "chat.usage_choices", "chat.tool_index", "chat.usage", "chat.finish", "resp.item_id"}


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("recording", [r for r in ALL if r.request is not None and r.status == 200], ids=str)
def test_recorded_requests_reach_every_protocol(recording: Recording, target: Dialect) -> None:
    body = recording.request
    assert body is not None
    asked: dict[str, Any] = msgspec.json.decode(body)
    if asked.get("previous_response_id") or asked.get("background"):
        pytest.skip("refused by rule: nothing is stored here")
    if "audio" in recording.path.name and target != "openai_chat":
        pytest.skip("refused by rule: only Chat takes audio")
    conversation = FORMATS[recording.dialect].decode_request(body)
    encoded = FORMATS[target].encode_request(
        conversation,
        Target(
            dialect=target,
            model="upstream-model",
            vendor=DEFAULT_VENDOR[target],
            streamed=conversation.streamed,
            max_output_tokens=8192,
        ),
    )
    sent = encoded.body.decode()
    assert msgspec.json.decode(encoded.body)["model"] == "upstream-model"
    for text in _user_texts(asked):
        assert msgspec.json.encode(text).decode()[1:-1] in sent


def _user_texts(asked: dict[str, Any]) -> list[str]:
    """The plain texts of the user's turns, in any of the three dialects."""
    found: str | list[dict[str, Any]] = asked.get("messages") or asked.get("input") or []
    turns = [{"role": "user", "content": found}] if isinstance(found, str) else found
    texts: list[str] = []
    for turn in turns:
        if turn.get("role") != "user":
            continue
        content: str | list[dict[str, Any]] = turn["content"]
        parts: list[dict[str, Any]] = [{"text": content}] if isinstance(content, str) else content
        texts += [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return texts
