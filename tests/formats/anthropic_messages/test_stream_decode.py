"""Streams that the recordings do not show: irregular, broken, and of servers that only resemble Anthropic's."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.codec import END, Upstream
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.usage import Usage
from tests.support.chunks import byte_by_byte, two_way_splits
from tests.support.messages_codec import UPSTREAM, decode_stream, encode_stream, encode_whole, frames, judged, wire
from tests.support.messages_wire import START, STOP, TEXT, begin, blocks, decoded, delta, end, stop, text


def test_interleaved_blocks_are_sorted() -> None:
    found = blocks(
        begin(0, TEXT),
        begin(1, {"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        text(0, "a"),
        delta(1, type="input_json_delta", partial_json='{"x":'),
        text(0, "b"),
        delta(1, type="input_json_delta", partial_json="1}"),
        stop(1),
        stop(0),
    )
    assert found == [{"type": "text", "text": "ab"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}]


def test_an_end_that_was_left_out_comes_with_the_message() -> None:
    assert blocks(begin(0, TEXT), text(0, "a"), begin(1, TEXT), text(1, "b")) == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


def test_a_beginning_that_was_left_out_is_told_from_the_delta() -> None:
    assert blocks(text(0, "a"), stop(0), delta(1, type="thinking_delta", thinking="t"), stop(1)) == [
        {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": "t", "signature": ""},
    ]


def test_content_in_the_beginning_of_a_block() -> None:
    found = blocks(
        begin(0, {"type": "text", "text": "a"}),
        text(0, "b"),
        stop(0),
        begin(1, {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}),
        stop(1),
        begin(2, {"type": "thinking", "thinking": "h", "signature": "S"}),
        stop(2),
    )
    assert found == [
        {"type": "text", "text": "ab"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}},
        {"type": "thinking", "thinking": "h", "signature": "S"},
    ]


def test_deltas_overrule_the_input_in_the_beginning() -> None:
    found = blocks(
        begin(0, {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}),
        delta(0, type="input_json_delta", partial_json='{"x":2}'),
        stop(0),
    )
    assert found[0]["input"] == {"x": 2}


def test_calls_without_an_id_get_one_each() -> None:
    events = decoded(START, *(begin(n, {"type": "tool_use", "name": "f", "input": {}}) for n in (0, 1)), end(None), STOP)
    assert [event.call_id for event in events if isinstance(event, ev.ToolCallStart)] == ["call_seed_0", "call_seed_1"]
    assert isinstance(events[-1], ev.MessageEnd)
    assert events[-1].stop == "tool_calls"


def test_unmodelled_fields_come_back_where_they_were() -> None:
    sent: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**_full(START), "container": {"id": "c"}, "novel": 1}, "beside": 1},
        {"type": "vendor_event", "x": [1]},
        begin(0, {**TEXT, "novel": 2, "citations": None}, beside=2),
        text(0, "a", novel=3),
        {**text(0, "b"), "beside": 3},
        {**stop(0), "beside": 4},
        begin(1, {"type": "thinking", "thinking": "", "signature": "", "novel": 5}),
        delta(1, type="thinking_delta", thinking="t", estimated_tokens=1),
        delta(1, type="signature_delta", signature="S"),
        stop(1),
        begin(2, {"type": "redacted_thinking", "data": "D", "novel": 6}),
        stop(2),
        begin(3, {"type": "novel_block", "deep": {"er": 1}}),
        delta(3, type="novel_delta", piece="x"),
        stop(3),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "novel_reason", "stop_sequence": None, "stop_details": None, "novel": 7},
            "usage": {
                "output_tokens": 5,
                "input_tokens": 3,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "novel": 8,
            },
            "context_management": {"applied_edits": []},
        },
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}},
    ]
    data, losses = encode_stream(decoded(*sent))
    assert frames(data) == sent
    assert losses == []


def _full(start: dict[str, Any]) -> dict[str, Any]:
    counts = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    message = start["message"]
    return {
        **message,
        "id": "msg_abc",
        "model": "maker/slug",
        "type": "message",
        "role": "assistant",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**message["usage"], **counts},
    }


def test_a_call_without_arguments() -> None:
    call = begin(0, {"type": "tool_use", "id": "t", "name": "f", "input": {}})
    for pieces in ([], [delta(0, type="input_json_delta", partial_json="")]):
        events = decoded(START, call, *pieces, stop(0), end("tool_use"), STOP)
        assert not any(isinstance(event, ev.ArgumentsDelta) for event in events)
        data, _ = encode_stream(events)
        assert judged(data) == []
        assert [frame["delta"]["partial_json"] for frame in frames(data) if frame["type"] == "content_block_delta"] == [""]


def test_the_last_signature_counts_and_goes_out_once() -> None:
    events = decoded(
        START,
        begin(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, type="signature_delta", signature="A"),
        delta(0, type="thinking_delta", thinking="t"),
        delta(0, type="signature_delta", signature="B"),
        stop(0),
        end(),
        STOP,
    )
    ending = next(event for event in events if isinstance(event, ev.ReasoningEnd))
    assert ending.opaque == (Opaque("anthropic", "signature", "B"),)
    assert judged(encode_stream(events)[0]) == []


def test_comments_carriage_returns_and_chats_last_frame() -> None:
    data = b": hi\r\n\r\n" + wire(START, begin(0, TEXT), text(0, "é"), stop(0), end(), STOP).replace(b"\n", b"\r\n")
    data += b"data: [DONE]\r\n\r\n"
    events = decode_stream([data])
    assert events == decode_stream(byte_by_byte(data))
    assert all(decode_stream(pieces) == events for pieces in two_way_splits(data))


def test_frames_without_a_name_are_read_by_their_type() -> None:
    named = wire(START, begin(0, TEXT), text(0, "a"), stop(0), end(), STOP)
    bare = b"".join(line + b"\n" for line in named.split(b"\n") if not line.startswith(b"event:"))
    assert decode_stream([bare]) == decode_stream([named])


def test_message_start_said_twice() -> None:
    assert decoded(START, START, end(), STOP) == decoded(START, end(), STOP)


def test_a_reply_without_counts_or_reason() -> None:
    events = decoded({"type": "message_start", "message": {}}, begin(0, TEXT), text(0, "a"), stop(0), STOP)
    assert not any(isinstance(event, ev.UsageUpdate) for event in events)
    assert events[-1] == ev.MessageEnd("stop")
    assert judged(encode_stream(events)[0]) == []


def test_counts_that_come_only_at_the_start() -> None:
    events = decoded(START, begin(0, TEXT), stop(0), STOP)
    update = next(event for event in events if isinstance(event, ev.UsageUpdate))
    assert (update.usage.input_tokens, update.usage.output_tokens) == (3, 1)


def test_nothing_comes_after_the_end() -> None:
    decoder = ANTHROPIC_MESSAGES.stream_decoder(UPSTREAM)
    decoder.receive_data(wire(START, end(), STOP, begin(0, TEXT), START) + b"data: garbage\n\n")
    while decoder.next_event() is not END:
        pass
    decoder.receive_data(b"more")
    assert decoder.next_event() is END


def test_caches_are_part_of_the_canonical_input() -> None:
    usage: dict[str, Any] = {
        "input_tokens": 10,
        "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens_details": {"thinking_tokens": 4},
    }
    update = next(event for event in decoded(START, end(**usage), STOP) if isinstance(event, ev.UsageUpdate))
    raw = {"output_tokens": 5, **usage}
    assert update.usage == Usage(240, 5, 200, 30, 20, 4, dialect="anthropic_messages", raw=raw)


def test_a_zero_does_not_take_the_input_back() -> None:
    events = decoded(START, end(input_tokens=0), STOP)
    update = next(event for event in events if isinstance(event, ev.UsageUpdate))
    assert update.usage.input_tokens == 3
    assert frames(encode_stream(events)[0])[-2]["usage"]["input_tokens"] == 3


def test_the_vendor_of_blobs_is_the_providers() -> None:
    data = wire(START, begin(0, {"type": "redacted_thinking", "data": "D"}), stop(0), end(), STOP)
    events = decode_stream([data], Upstream(vendor="acme", id_seed="s"))
    assert encode_whole(events)["content"] == [{"type": "redacted_thinking", "data": "hi1.acme.D"}]
