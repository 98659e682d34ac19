"""Every recorded exchange: decoded however it is cut, and back for a client of the same format without loss."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.codec import NEED_DATA
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.lifecycle import Lifecycle
from tests.support.chunks import byte_by_byte, two_way_splits
from tests.support.messages_codec import (
    UPSTREAM,
    again,
    decode_stream,
    encode_stream,
    encode_whole,
    frames,
    judged,
    target,
)
from tests.support.messages_recordings import (
    RECORDINGS,
    captured_requests,
    cases,
    needs_recordings,
    recorded_requests,
    without_nulls,
)

pytestmark = needs_recordings
STREAMS = cases("response.sse")
WHOLES = cases("response.json")
GROWING = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


def name(case: Path) -> str:
    return case.name


def joined(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The wire events without pings, neighbouring deltas of one kind joined."""
    found: list[dict[str, Any]] = []
    for event in events:
        if event["type"] == "ping":
            continue
        kind = event.get("delta", {}).get("type")
        if kind in GROWING and found and found[-1].get("delta", {}).get("type") == kind:
            found[-1]["delta"][GROWING[kind]] += event["delta"][GROWING[kind]]
        else:
            found.append(copy.deepcopy(event))
    return found


def rewritten(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The recorded events with what the gateway always writes itself: id, model, and input counts with every usage."""
    start = events[0]["message"]
    start["id"], start["model"] = "msg_abc", "maker/slug"
    for event in events:
        if event["type"] == "message_delta":
            for field in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"):
                event["usage"].setdefault(field, start["usage"].get(field, 0))
    return events


@pytest.mark.parametrize("case", STREAMS, ids=name)
def test_a_recorded_stream_decodes_alike_however_it_is_cut(case: Path) -> None:
    data = (case / "response.sse").read_bytes()
    events = decode_stream([data])
    order = Lifecycle()
    for event in events:
        order.step(event)
    assert order.finished
    assert decode_stream(byte_by_byte(data)) == events
    if len(data) < 2_500:
        assert all(decode_stream(pieces) == events for pieces in two_way_splits(data))


@pytest.mark.parametrize("case", STREAMS, ids=name)
def test_a_recorded_stream_comes_back_as_it_was(case: Path) -> None:
    data = (case / "response.sse").read_bytes()
    events = decode_stream([data])
    again, losses = encode_stream(events)
    assert losses == []
    assert judged(again) == []
    assert joined(frames(again)) == rewritten(joined(frames(data)))


@pytest.mark.parametrize("case", STREAMS, ids=name)
def test_a_stream_that_ends_early_is_an_error(case: Path) -> None:
    data = (case / "response.sse").read_bytes()
    terminal = data.rindex(b"event: message_stop")
    ends = range(terminal + 10) if len(data) < 2_500 else (0, 1, terminal // 3, terminal - 2, terminal, terminal + 10)
    for end in ends:
        with pytest.raises(PeerError, match="ended before"):
            decode_stream([data[:end]])


@pytest.mark.parametrize("case", WHOLES, ids=name)
def test_a_recorded_reply_comes_back_as_it_was(case: Path) -> None:
    recorded = json.loads((case / "response.json").read_bytes())
    events = ANTHROPIC_MESSAGES.decode_response(json.dumps(recorded).encode(), UPSTREAM)
    if recorded["type"] == "error":
        assert [type(event) for event in events] == [ev.UpstreamError]
        return
    expected = {**recorded, "id": "msg_abc", "model": "maker/slug"}
    assert encode_whole(events) == {**expected, "usage": {**_COUNTS, **recorded["usage"]}}

    data, losses = encode_stream(events)
    assert losses == []
    assert judged(data) == []
    assert encode_whole(decode_stream([data])) == encode_whole(events)


_COUNTS = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("anthropic-error-handling-with-raises-appropriate-auth-error", "provider_auth"),
        ("anthropic-model-name-suggestion-anthropic", "provider_unavailable"),
        ("anthropic-real-error-scenarios-handles-context-length-exceeded-errors", "context_length_exceeded"),
    ],
)
def test_recorded_errors_have_their_codes(case: str, code: str) -> None:
    (event,) = ANTHROPIC_MESSAGES.decode_response((RECORDINGS / case / "response.json").read_bytes(), UPSTREAM)
    assert isinstance(event, ev.UpstreamError)
    assert event.code == code
    assert "x-api-key" not in event.message


@pytest.mark.parametrize(("_", "body"), [*recorded_requests(), *captured_requests()])
def test_a_request_of_a_real_client_goes_through_unchanged(_: str, body: dict[str, Any]) -> None:
    sent, losses = again(body, target(streamed=bool(body.get("stream"))))
    expected = without_nulls(body)
    expected["model"] = "upstream-model"
    if not expected.get("stream"):
        expected.pop("stream", None)
    assert sent == expected
    assert losses == []


def test_waiting_is_no_end() -> None:
    decoder = ANTHROPIC_MESSAGES.stream_decoder(UPSTREAM)
    assert decoder.next_event() is NEED_DATA
    decoder.receive_data(b"event: ping\ndata: {}\n")
    assert decoder.next_event() is NEED_DATA
