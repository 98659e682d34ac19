"""Streams of Messages upstreams that fail or are none."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.codec import END
from hyperinfer.formats.errors import PeerError
from tests.support.messages_codec import UPSTREAM, decode_stream, encode_stream, frames, judged, wire
from tests.support.messages_wire import START, STOP, TEXT, begin, decoded, delta, end, stop, text

ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}


@pytest.mark.parametrize("before", [[], [START], [START, begin(0, TEXT), text(0, "a")]])
def test_an_error_event_ends_the_stream(before: list[dict[str, Any]]) -> None:
    events = decoded(*before, ERROR, STOP)
    assert isinstance(events[-1], ev.UpstreamError)
    assert (events[-1].code, events[-1].retryable) == ("provider_overloaded", True)
    data, _ = encode_stream(events)
    assert judged(data, events) == []
    last = frames(data)[-1]
    assert last["error"]["type"] == "overloaded_error"
    assert last["error"]["code"] == "provider_overloaded"
    assert last["request_id"] == "abc"


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        ("rate_limit_error", "slow down", "provider_rate_limit"),
        ("api_error", "Internal", "provider_unavailable"),
        ("timeout_error", "x", "provider_timeout"),
        ("authentication_error", "invalid x-api-key", "provider_auth"),
        ("permission_error", "x", "provider_auth"),
        ("billing_error", "x", "provider_auth"),
        ("request_too_large", "x", "payload_too_large"),
        ("invalid_request_error", "prompt is too long: 9 tokens > 5", "context_length_exceeded"),
        ("invalid_request_error", "x", "invalid_request"),
        ("not_found_error", "model: y", "provider_unavailable"),
        ("novel_error", "x", "provider_unavailable"),
    ],
)
def test_error_types(kind: str, message: str, code: str) -> None:
    (event,) = decoded({"type": "error", "error": {"type": kind, "message": message}})
    assert isinstance(event, ev.UpstreamError)
    assert event.code == code


def test_an_error_in_the_shape_of_others() -> None:
    (event,) = decode_stream([b'data: {"error": {"message": "x", "code": 429}}\n\n'])
    assert isinstance(event, ev.UpstreamError)
    assert event.code == "provider_rate_limit"


@pytest.mark.parametrize(
    "events",
    [
        [begin(0, TEXT)],
        [STOP],
        [{"type": "message_start"}],
        [START, begin(0, TEXT), START],
        [START, stop(0)],
        [START, begin(0, TEXT), stop(5)],
        [START, begin(0, TEXT), stop(0), text(0, "late")],
        [START, begin(0, TEXT), begin(0, TEXT)],
        [START, delta(0, type="input_json_delta", partial_json="{}")],
        [START, begin(0, TEXT), delta(0, type="thinking_delta", thinking="x")],
        [START, begin(0, {"type": "redacted_thinking", "data": "x"}), delta(0, type="thinking_delta", thinking="x")],
        [START, begin(0, TEXT), delta(0, type="text_delta", text=5)],
        [START, begin(0, {"type": "tool_use", "id": "t", "input": {}})],
        [START, {"type": "content_block_start", "index": 0}],
        [START, {"type": "content_block_delta", "index": 0}],
        [START, text(0, "a"), end()],
        [],
    ],
)
def test_illegal_streams(events: list[dict[str, Any]]) -> None:
    decoder = ANTHROPIC_MESSAGES.stream_decoder(UPSTREAM)
    decoder.receive_data(wire(*events))
    decoder.receive_eof()

    def drain() -> None:
        while decoder.next_event() is not END:
            pass

    with pytest.raises(PeerError) as first:
        drain()
    with pytest.raises(PeerError) as second:
        decoder.next_event()
    assert str(first.value) == str(second.value)


@pytest.mark.parametrize(
    "data", [b"<html>502</html>", b"data: nonsense\n\n", b"data: [1]\n\n", b"\xff\xfe\n\n", b'{"type": "message"}']
)
def test_garbage(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_stream([data])


def test_every_corrupted_byte_gives_events_or_a_peer_error() -> None:
    data = wire(START, begin(0, {"type": "tool_use", "id": "t", "name": "f", "input": {}}), stop(0), end("tool_use"), STOP)
    for position in range(len(data)):
        for byte in (b"\x00", b"{", b'"', b"\n"):
            try:
                decode_stream([data[:position] + byte + data[position + 1 :]])
            except PeerError:
                continue


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"type": "message", "content": "x"}', b'{"content": [1]}'])
def test_whole_replies_that_are_none(body: bytes) -> None:
    with pytest.raises(PeerError):
        ANTHROPIC_MESSAGES.decode_response(body, UPSTREAM)
