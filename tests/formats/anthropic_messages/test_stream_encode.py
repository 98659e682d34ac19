"""Events of any dialect as a Messages stream and message."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.anthropic_messages.reasoning_blob import read_blob
from hyperinfer.formats.conversation import Sampling, ToolCallPart
from hyperinfer.formats.errors import EncodeError, ErrorReport
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.usage import Usage
from tests.support.messages_codec import ASKED, decode, decode_stream, encode_stream, encode_whole, frames, judged, reply
from tests.support.messages_reply import CHAT, START, USAGE, Events, call, content, text, written


def test_the_frames_of_a_text() -> None:
    data, _ = encode_stream([START, *text("é\n"), USAGE, ev.MessageEnd("stop")], CHAT)
    assert data.decode() == (
        'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_abc","type":"message","role":"assistant",'
        '"model":"maker/slug","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,'
        '"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"é\\n"}}\n\n'
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        '"usage":{"input_tokens":30,"cache_creation_input_tokens":10,"cache_read_input_tokens":60,"output_tokens":20,'
        '"cache_creation":{"ephemeral_5m_input_tokens":6,"ephemeral_1h_input_tokens":4},'
        '"output_tokens_details":{"thinking_tokens":5}}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


def test_the_cost_is_exact_and_the_upstreams_own_never_goes_through() -> None:
    raw: dict[str, Any] = {
        "input_tokens": 1,
        "output_tokens": 2,
        "cost": 9,
        "cost_details": {},
        "is_byok": False,
        "service_tier": "standard",
    }
    usage = Usage(1, 2, cost=1_234_567, dialect="anthropic_messages", raw=raw)
    data, _ = encode_stream(
        [ev.MessageStart("anthropic_messages", usage=usage), ev.UsageUpdate(usage), ev.MessageEnd("stop")]
    )
    assert b'"cost":0.000001234567}' in data
    assert b"cost_details" not in data
    assert b"is_byok" not in data
    assert b'"service_tier":"standard"' in data


def test_blocks_that_hold_nothing_are_not_opened() -> None:
    empty: Events = [ev.TextStart(), ev.TextDelta(""), ev.TextEnd(), ev.ReasoningStart(), ev.ReasoningEnd()]
    assert content(*empty, *text("a")) == [{"type": "text", "text": "a"}]


def test_reasoning_text_and_calls_come_one_after_the_other() -> None:
    reasoning: Events = [ev.ReasoningStart(), ev.ReasoningDelta("h"), ev.ReasoningDelta("m"), ev.ReasoningEnd()]
    found = content(*reasoning, *call('{"a"', ":1}"), *reasoning, *text("x"))
    assert [block["type"] for block in found] == ["thinking", "tool_use", "thinking", "text"]
    assert found[0] == {"type": "thinking", "thinking": "hm", "signature": ""}


def test_thinking_that_nobody_signed_ends_with_an_empty_signature() -> None:
    """Without one the AI SDK leaves it out of the next turn."""
    thought: Events = [ev.ReasoningStart(), ev.ReasoningDelta("hm"), ev.ReasoningEnd()]
    data, _ = encode_stream([START, *thought, USAGE, ev.MessageEnd("stop")], CHAT)
    deltas = [frame["delta"] for frame in frames(data) if frame["type"] == "content_block_delta"]
    assert deltas == [{"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": ""}]
    own, _ = encode_stream([ev.MessageStart("anthropic_messages"), *thought, ev.MessageEnd("stop")])
    assert b"signature_delta" not in own


def test_parts_of_reasoning_are_set_apart() -> None:
    deltas = [ev.ReasoningDelta("a", "summary"), ev.ReasoningDelta("b", "summary"), ev.ReasoningDelta("c", "summary", 1)]
    (block,) = content(ev.ReasoningStart(), *deltas, ev.ReasoningDelta("d", "text"), ev.ReasoningEnd())
    assert block["thinking"] == "ab\n\nc\n\nd"


@pytest.mark.parametrize(
    ("pieces", "sent"),
    [
        ([], {}),
        ([""], {}),
        ([" ", '\n{"a"', ": 1}"], {"a": 1}),
        (["nu", "ll"], {}),
        (["[1", "]"], {"value": [1]}),
        (['"x"'], {"value": "x"}),
        (["oops"], {"raw_arguments": "oops"}),
    ],
)
def test_arguments_become_an_object(pieces: list[str], sent: dict[str, Any]) -> None:
    message, losses = written(*call(*pieces))
    assert message["content"] == [{"type": "tool_use", "id": "c", "name": "f", "input": sent}]
    assert message["stop_reason"] == "tool_use"
    assert losses == []


def test_a_call_always_has_a_piece_of_input() -> None:
    data, _ = encode_stream([START, *call(), USAGE, ev.MessageEnd("tool_calls")], CHAT)
    pieces = [frame["delta"]["partial_json"] for frame in frames(data) if frame["type"] == "content_block_delta"]
    assert pieces == ["{}"]


def test_arguments_that_break_off_are_told() -> None:
    events = [START, *call('{"a": '), USAGE, ev.MessageEnd("length")]
    data, losses = encode_stream(events, CHAT)
    assert judged(data) == []
    assert losses == ["response.tool_use.input"]
    assert encode_whole(events, CHAT)["stop_reason"] == "max_tokens"


def test_custom_calls_are_an_object_too() -> None:
    (block,) = content(*call("say ", '"x"', kind="custom"))
    assert block["input"] == {"input": 'say "x"'}


def test_ids_are_legal_and_never_the_same() -> None:
    found = content(*call(call_id="a b"), *call(call_id="a b"), *call(call_id="ok"))
    ids = [block["id"] for block in found]
    assert len(set(ids)) == 3
    assert ids[2] == "ok"


@pytest.mark.parametrize(
    ("upstream", "path"),
    [("openai_chat", "response.choices[0].logprobs"), ("openai_responses", "response.output[].content[].logprobs")],
)
def test_probabilities_of_tokens_are_a_loss(upstream: Any, path: str) -> None:
    """Also those of a later piece of an open block, which is written the short way."""
    told = [{"token": "b", "logprob": -0.5, "bytes": [98], "top_logprobs": []}]
    for first in ([], told):
        pieces: Events = [ev.TextDelta("a", first), ev.TextDelta("b", told), ev.TextDelta("c", told)]
        message, losses = written(ev.TextStart(), *pieces, ev.TextEnd(), answer=reply(upstream))
        assert message["content"] == [{"type": "text", "text": "abc"}]
        assert losses == [path]


def test_refusals_are_text_and_a_stop_reason() -> None:
    refusal: Events = [ev.RefusalStart(), ev.RefusalDelta("I "), ev.RefusalDelta("won't"), ev.RefusalEnd()]
    message, _ = written(*refusal)
    assert message["content"] == [{"type": "text", "text": "I won't"}]
    assert message["stop_reason"] == "refusal"
    assert message["stop_details"] == {"type": "refusal", "category": None, "explanation": "I won't"}
    message, _ = written(*refusal, end=ev.MessageEnd("length"))
    assert message["stop_reason"] == "max_tokens"


def test_a_filtered_reply_is_a_refusal() -> None:
    message, _ = written(end=ev.MessageEnd("refusal", explanation="why"))
    assert (message["content"], message["stop_reason"]) == ([], "refusal")
    assert message["stop_details"]["explanation"] == "why"


@pytest.mark.parametrize(
    ("end", "stops", "reason", "sequence"),
    [
        (ev.MessageEnd("stop"), None, "end_turn", None),
        (ev.MessageEnd("length"), None, "max_tokens", None),
        (ev.MessageEnd("context_window"), None, "model_context_window_exceeded", None),
        (ev.MessageEnd("pause"), None, "pause_turn", None),
        (ev.MessageEnd("tool_calls"), None, "end_turn", None),  # no call came
        (ev.MessageEnd("stop_sequence", stop_sequence="Z"), None, "stop_sequence", "Z"),
        (ev.MessageEnd("stop_sequence"), ("Q",), "stop_sequence", "Q"),
        (ev.MessageEnd("stop_sequence"), ("Q", "R"), "end_turn", None),
        (ev.MessageEnd("stop", raw_stop="eos"), None, "end_turn", None),
    ],
)
def test_stop_reasons(end: ev.MessageEnd, stops: tuple[str, ...] | None, reason: str, sequence: str | None) -> None:
    asked = msgspec.structs.replace(ASKED, sampling=Sampling(stop=stops))
    message, _ = written(*text("x"), end=end, answer=reply("openai_chat", asked))
    assert (message["stop_reason"], message["stop_sequence"]) == (reason, sequence)


@pytest.mark.parametrize("stop", ["stop", "stop_sequence", "tool_calls"])
def test_a_call_means_tool_use(stop: Any) -> None:
    message, _ = written(*call("{}"), end=ev.MessageEnd(stop, stop_sequence="Z" if stop == "stop_sequence" else None))
    assert (message["stop_reason"], message["stop_sequence"]) == ("tool_use", None)


def test_sources_with_a_url_are_citations() -> None:
    cited = ev.Citation("openai_chat", {"type": "url_citation"}, url="https://a", title="T", cited_text="c")
    unknown = ev.Citation("openai_responses", {"type": "file_citation"})
    message, losses = written(ev.TextStart(), cited, ev.TextDelta("x"), unknown, ev.TextEnd())
    assert message["content"][0]["citations"] == [
        {"type": "web_search_result_location", "url": "https://a", "title": "T", "cited_text": "c", "encrypted_index": ""}
    ]
    assert losses == ["response.file_citation"]


def test_what_only_other_dialects_have_is_a_loss() -> None:
    item = {"type": "web_search_call", "id": "ws"}
    message, losses = written(
        ev.ServerToolStart("openai_responses", "web_search_call", item),
        ev.ServerToolDelta({"type": "response.web_search_call.searching"}),
        ev.ServerToolEnd(item),
        ev.Unknown("openai_responses", "response.novel", {}),
        *text("x"),
        ev.TextStart(choice=1),
        ev.TextDelta("y", choice=1),
        ev.TextEnd(choice=1),
        ev.ChoiceEnd("stop"),
    )
    assert message["content"] == [{"type": "text", "text": "x"}]
    assert losses == ["response.web_search_call", "response.response.novel", "response.choices[1]"]


def test_what_comes_many_times_is_one_loss() -> None:
    progress = ev.Unknown("openai_responses", "response.novel", {})
    _, losses = written(*[progress] * 3)
    assert losses == ["response.response.novel"]


def test_blobs_of_other_vendors_are_tagged_and_signatures_come_last_and_once() -> None:
    blobs = (Opaque("openai", "encrypted", "E"), Opaque("acme", "signature", "S"), Opaque("acme", "redacted", "R"))
    found = content(
        ev.ReasoningStart(), ev.ReasoningDelta("t"), ev.ReasoningEnd(blobs), ev.ReasoningStart(), ev.ReasoningEnd(blobs[:1])
    )
    assert found == [
        {"type": "thinking", "thinking": "t", "signature": "hi1.openai.E"},
        {"type": "thinking", "thinking": "", "signature": "hi1.acme.S"},
        {"type": "redacted_thinking", "data": "hi1.acme.R"},
        {"type": "thinking", "thinking": "", "signature": "hi1.openai.E"},
    ]


def test_the_state_of_a_call_travels_before_it_and_comes_back_to_it() -> None:
    state = Opaque("google", "signature", "G", {"format": "x"})
    found = content(*call("{}", opaque=(state,)))
    assert [block["type"] for block in found] == ["thinking", "tool_use"]
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": found}]}
    (turn,) = decode(body).turns
    assert turn.parts == (ToolCallPart(call_id="c", name="f", arguments="{}", opaque=(state,)),)


def test_a_blob_that_only_looks_packed_is_taken_as_it_stands() -> None:
    assert read_blob("hi1.acme.packed:!!!:x", "signature").blob.data == "packed:!!!:x"


def test_keep_alive_is_a_comment_and_a_ping_at_any_time() -> None:
    encoder = ANTHROPIC_MESSAGES.stream_encoder(CHAT)
    alive = encoder.keep_alive()
    assert alive.startswith(b": keep-alive\n")
    data = alive
    for event in [START, *text("x"), USAGE, ev.MessageEnd("stop")]:
        data += encoder.send(event) + alive
    assert judged(data[: -len(alive)] + encoder.end()) == []
    assert frames(alive) == [{"type": "ping"}]


def test_a_failure_at_any_time_is_one_error_event() -> None:
    report = ErrorReport("rate_limit_exceeded", "slow", "abc", details={"error_code": "x"})
    data = b""
    for sent in range(4):
        encoder = ANTHROPIC_MESSAGES.stream_encoder(CHAT)
        data = b"".join(encoder.send(event) for event in [START, *text("x")][:sent]) + encoder.fail(report)
        assert judged(data, [ev.UpstreamError("x", "y")]) == []
        assert encoder.end() == b""
        for event in (ev.TextDelta("more"), ev.MessageEnd("stop")):
            with pytest.raises(EncodeError):
                encoder.send(event)
    assert frames(data)[-1] == {
        "type": "error",
        "error": {
            "type": "rate_limit_error",
            "code": "rate_limit_exceeded",
            "message": "slow",
            "details": {"error_code": "x"},
        },
        "request_id": "abc",
    }


def test_a_whole_reply_must_be_complete() -> None:
    with pytest.raises(EncodeError):
        ANTHROPIC_MESSAGES.encode_response([START, *text("x")], CHAT)
    with pytest.raises(EncodeError):
        ANTHROPIC_MESSAGES.encode_response([*text("x")], CHAT)


def test_what_was_written_reads_back_the_same() -> None:
    events: Events = [
        ev.MessageStart("anthropic_messages"),
        ev.ReasoningStart(),
        ev.ReasoningDelta("t"),
        ev.ReasoningEnd((Opaque("anthropic", "signature", "S"),)),
        *text("a"),
        *call('{"x":1}'),
        ev.MessageEnd("tool_calls", raw_stop="tool_use"),
    ]
    data, _ = encode_stream(events)
    again = [event for event in decode_stream([data]) if not isinstance(event, (ev.UsageUpdate, ev.MessageStart))]
    assert again == events[1:]
