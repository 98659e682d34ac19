"""Events to a Chat client: the frames of a stream, and the fields of a whole response (wire facts 2.2; RULES)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from hyperinfer.formats import FORMATS, Conversation, Dialect, EncodeError, ErrorReport, Event
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.usage import Usage
from tests.support.judge import breaches
from tests.support.pair import Pair, decode_stream

CHAT = FORMATS["openai_chat"]
START, END = ev.MessageStart("anthropic_messages"), ev.MessageEnd("stop")
TEXT: list[Event] = [ev.TextStart(), ev.TextDelta("Hi"), ev.TextEnd()]
HEAD = '"id":"gen-r1","object":"chat.completion.chunk","created":1700000000,"model":"a/model"'
USAGE = (
    '{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0,"prompt_tokens_details":{"cached_tokens":0},'
    '"completion_tokens_details":{"reasoning_tokens":0}}'
)


def pair(upstream: Dialect = "anthropic_messages", conversation: Conversation | None = None) -> Pair:
    return Pair("openai_chat", upstream=upstream, conversation=conversation)


def deltas(*events: Event, both: Pair | None = None) -> list[dict[str, Any]]:
    """The deltas of the chunks behind the role, up to the finish_reason; the stream obeys the grammar."""
    stream = (both or pair()).stream([START, *events, END] if not isinstance(events[0], ev.MessageStart) else events)
    found = [json.loads(line[6:]) for line in stream.split(b"\n\n")[:-2]]
    return [chunk["choices"][0]["delta"] for chunk in found[1:-2]]


def message(*events: Event, both: Pair | None = None) -> dict[str, Any]:
    """The message of the whole response."""
    found = [START, *events, END] if not isinstance(events[0], ev.MessageStart) else events
    body: dict[str, Any] = json.loads((both or pair()).whole(found))["choices"][0]["message"]
    return {name: value for name, value in body.items() if value is not None and name != "role"}


def test_the_frames_of_a_plain_reply_byte_by_byte() -> None:
    usage = ev.UsageUpdate(Usage(input_tokens=7, output_tokens=2, cache_read=3, cost=1_230_000))
    counts = '{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3},'
    counts += '"completion_tokens_details":{"reasoning_tokens":0},"cost":0.00000123}'
    rest = '"logprobs":null,"finish_reason":null}]}'
    assert pair().stream([START, *TEXT, usage, END]).decode() == (
        f'data: {{{HEAD},"choices":[{{"index":0,"delta":{{"role":"assistant","content":""}},{rest}\n\n'
        f'data: {{{HEAD},"choices":[{{"index":0,"delta":{{"content":"Hi"}},{rest}\n\n'
        f'data: {{{HEAD},"choices":[{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"stop"}}]}}\n\n'
        f'data: {{{HEAD},"choices":[],"usage":{counts}}}\n\n'
        "data: [DONE]\n\n"
    )


def test_the_usage_chunk_comes_always() -> None:
    assert pair().stream([START, END]).decode().endswith(f'{{{HEAD},"choices":[],"usage":{USAGE}}}\n\ndata: [DONE]\n\n')


def test_each_event_is_written_at_once() -> None:
    encoder = CHAT.stream_encoder(pair().reply)
    sizes = [len(encoder.send(event)) for event in (START, *TEXT)]
    assert [size > 0 for size in sizes] == [True, False, True, False]


class TestReasoning:
    """Reasoning text in both fields, blobs in `reasoning_details` (RULES)."""

    def test_text_in_both_fields(self) -> None:
        events: list[Event] = [ev.ReasoningStart(), ev.ReasoningDelta("a"), ev.ReasoningDelta("b"), ev.ReasoningEnd()]
        assert deltas(*events, *TEXT) == [
            {"reasoning": "a", "reasoning_content": "a"},
            {"reasoning": "b", "reasoning_content": "b"},
            {"content": "Hi"},
        ]
        assert message(*events, *TEXT) == {"content": "Hi", "reasoning": "ab", "reasoning_content": "ab"}

    def test_parts_and_blocks_are_set_apart(self) -> None:
        events: list[Event] = [
            ev.ReasoningStart(),
            ev.ReasoningDelta("a", "summary", 0),
            ev.ReasoningDelta("b", "summary", 1),
            ev.ReasoningEnd(),
            ev.ReasoningStart(),
            ev.ReasoningDelta("c", "summary", 0),
            ev.ReasoningEnd(),
        ]
        assert "".join(delta["reasoning"] for delta in deltas(*events)) == "a\n\nb\n\nc"
        assert message(*events)["reasoning_content"] == "a\n\nb\n\nc"

    def test_a_signature_stands_beside_its_text_and_behind_its_calls(self) -> None:
        def thought(text: str) -> list[Event]:
            signature = Opaque("anthropic", "signature", f"sig {text}")
            return [ev.ReasoningStart(), ev.ReasoningDelta(text), ev.ReasoningEnd((signature,))]

        call: list[Event] = [ev.ToolCallStart("c1", "f"), ev.ArgumentsDelta("{}"), ev.ToolCallEnd()]
        expected = [
            {"type": "reasoning.text", "text": "a", "signature": "hi1.anthropic.sig a", "index": 0},
            {"type": "reasoning.text", "text": "b", "signature": "hi1.anthropic.sig b", "index": 1, "hi_after_calls": 1},
        ]
        events: list[Event] = [*thought("a"), *call, *thought("b"), *call]
        assert message(*events)["reasoning_details"] == expected
        streamed = [delta["reasoning_details"] for delta in deltas(*events) if "reasoning_details" in delta]
        assert streamed == [[expected[0]], [expected[1]]]

    @pytest.mark.parametrize("kind", ["redacted", "encrypted"])
    def test_blobs_without_text(self, kind: Any) -> None:
        events: list[Event] = [ev.ReasoningStart(item_id="rs_1"), ev.ReasoningEnd((Opaque("openai", kind, "x"),))]
        detail = {"type": "reasoning.encrypted", "data": "hi1.openai.x", "id": "rs_1", "index": 0}
        assert deltas(*events) == [{"reasoning_details": [detail]}]
        assert message(*events) == {"content": "", "reasoning_details": [detail]}

    def test_the_default_vendors_blob_on_an_equal_hop_is_verbatim(self) -> None:
        native = Pair("openai_chat")
        events: list[Event] = [
            ev.MessageStart("openai_chat"),
            ev.ReasoningStart(),
            ev.ReasoningEnd((Opaque("openai", "encrypted", "x", {"type": "reasoning.encrypted", "format": "f"}),)),
            END,
        ]
        assert message(*events, both=native)["reasoning_details"] == [
            {"type": "reasoning.encrypted", "format": "f", "data": "x"}
        ]


class TestCalls:
    """Tool calls (faults F009, F010, F051)."""

    def test_indexes_count_up_and_empty_arguments_are_an_object(self) -> None:
        calls: list[Event] = [
            ev.ToolCallStart("a", "f"),
            ev.ToolCallEnd(),
            ev.ToolCallStart("b", "g"),
            ev.ArgumentsDelta("{}"),
            ev.ToolCallEnd(),
        ]
        assert [delta["tool_calls"][0] for delta in deltas(*calls)] == [
            {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
            {"index": 0, "function": {"arguments": "{}"}},
            {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
            {"index": 1, "function": {"arguments": "{}"}},
        ]
        assert [call["function"]["arguments"] for call in message(*calls)["tool_calls"]] == ["{}", "{}"]

    CUSTOM: tuple[Event, ...] = (
        ev.ToolCallStart("a", "sh", "custom"),
        ev.ArgumentsDelta('say "'),
        ev.ArgumentsDelta("ü\n"),
        ev.ToolCallEnd(),
    )

    def test_a_custom_call_that_nobody_declared_is_a_function(self) -> None:
        assert (
            "".join(delta["tool_calls"][0]["function"]["arguments"] for delta in deltas(*self.CUSTOM))
            == '{"input":"say \\"ü\\n"}'
        )
        call = message(*self.CUSTOM)["tool_calls"][0]
        assert (call["type"], json.loads(call["function"]["arguments"])) == ("function", {"input": 'say "ü\n'})

    def test_a_custom_call_without_input(self) -> None:
        events: tuple[Event, ...] = (ev.ToolCallStart("a", "sh", "custom"), ev.ToolCallEnd())
        assert deltas(*events)[-1]["tool_calls"][0]["function"]["arguments"] == '{"input":""}'
        assert message(*events)["tool_calls"][0]["function"]["arguments"] == '{"input":""}'

    def test_a_custom_call_of_a_declared_tool_is_custom(self) -> None:
        body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"custom","custom":{"name":"sh"}}]}'
        declared = pair(conversation=CHAT.decode_request(body))
        pieces = [delta["tool_calls"][0] for delta in deltas(*self.CUSTOM, both=declared)]
        assert pieces[0] == {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": ""}}
        assert pieces[1:] == [{"index": 0, "custom": {"input": text}} for text in ('say "', "ü\n")]
        assert message(*self.CUSTOM, both=declared)["tool_calls"][0]["custom"] == {"name": "sh", "input": 'say "ü\n'}

    def test_the_deprecated_function_call_comes_back_as_such(self) -> None:
        native = Pair("openai_chat")
        events: tuple[Event, ...] = (
            ev.MessageStart("openai_chat"),
            ev.ToolCallStart("a", "f", extra={"legacy": True}),
            ev.ArgumentsDelta("{}"),
            ev.ToolCallEnd(),
            ev.MessageEnd("tool_calls"),
        )
        assert deltas(*events, both=native) == [
            {"function_call": {"name": "f", "arguments": ""}},
            {"function_call": {"arguments": "{}"}},
        ]
        assert b'"finish_reason":"function_call"' in native.stream(events)
        assert message(*events, both=native) == {"function_call": {"name": "f", "arguments": "{}"}}
        assert json.loads(native.whole(events))["choices"][0]["finish_reason"] == "function_call"

    def test_state_of_a_call(self) -> None:
        events: tuple[Event, ...] = (
            ev.ToolCallStart("a", "f", opaque=(Opaque("google", "signature", "s"),)),
            ev.ToolCallEnd(),
        )
        expected = {"google": {"thought_signature": "hi1.google.s"}}
        assert deltas(*events)[0]["tool_calls"][0]["extra_content"] == expected
        assert message(*events)["tool_calls"][0]["extra_content"] == expected


@pytest.mark.parametrize(
    ("stop", "called", "word"),
    [
        ("stop", False, "stop"),
        ("stop", True, "tool_calls"),
        ("stop_sequence", False, "stop"),
        ("length", True, "length"),
        ("context_window", False, "length"),
        ("tool_calls", True, "tool_calls"),
        ("tool_calls", False, "stop"),
        ("pause", False, "stop"),
        ("refusal", False, "content_filter"),
        ("refusal", True, "content_filter"),
    ],
)
def test_finish_reasons(stop: Any, called: bool, word: str) -> None:
    """Wire facts 4.1; faults F109, F110."""
    call: list[Event] = [ev.ToolCallStart("a", "f"), ev.ToolCallEnd()] if called else []
    events: list[Event] = [START, *call, ev.MessageEnd(stop)]
    assert f'"finish_reason":"{word}"'.encode() in pair().stream(events)
    assert json.loads(pair().whole(events))["choices"][0]["finish_reason"] == word


def test_a_matched_stop_string_is_told_as_vllm_does() -> None:
    events: list[Event] = [START, ev.MessageEnd("stop_sequence", stop_sequence="END")]
    assert b'"stop_reason":"END","finish_reason":"stop"' in pair().stream(events)
    assert json.loads(pair().whole(events))["choices"][0]["stop_reason"] == "END"


def test_a_refusal_is_explained_once() -> None:
    explained = ev.MessageEnd("refusal", explanation="because")
    assert deltas(START, explained)[0] == {"refusal": "because"}
    assert message(START, explained) == {"refusal": "because"}
    said: list[Event] = [ev.RefusalStart(), ev.RefusalDelta("no"), ev.RefusalEnd()]
    assert [delta for delta in deltas(START, *said, explained) if "refusal" in delta] == [{"refusal": "no"}]
    assert message(START, *said, explained) == {"refusal": "no"}


def test_a_refusal_that_says_nothing_does_not_stand_for_why() -> None:
    explained = ev.MessageEnd("refusal", explanation="because")
    empty: list[Event] = [ev.RefusalStart(), ev.RefusalDelta(""), ev.RefusalEnd()]
    assert "".join(delta.get("refusal") or "" for delta in deltas(START, *empty, explained)) == "because"
    assert message(START, *empty, explained) == {"refusal": "because"}


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
def test_signed_reasoning_right_behind_unsigned_is_not_doubled_by_the_next_hop(dialect: Dialect) -> None:
    """A block without a blob has no end in a Chat stream; the signature behind it brings the text of its own block."""
    signed = ev.ReasoningEnd((Opaque("anthropic", "signature", "c2ln"),))
    events: list[Event] = [
        *(ev.MessageStart(dialect), ev.ReasoningStart(), ev.ReasoningDelta("Hm."), ev.ReasoningEnd()),
        *(ev.ReasoningStart(), ev.ReasoningDelta("a"), ev.ReasoningDelta("b"), signed),
        ev.MessageEnd("stop"),
    ]
    heard = decode_stream("openai_chat", [Pair("openai_chat", upstream=dialect).stream(events)])
    thought = "".join(event.text for event in heard if isinstance(event, ev.ReasoningDelta))
    assert "".join(thought.split()) == "Hm.ab"
    assert sum(len(event.opaque) for event in heard if isinstance(event, ev.ReasoningEnd)) == 1


def test_citations_with_an_address_and_without() -> None:
    cited = ev.Citation("anthropic_messages", {"type": "web"}, url="https://x", title="t", cited_text="q", start=1, end=2)
    page = ev.Citation("anthropic_messages", {"type": "page_location", "document_index": 0})
    events: list[Event] = [ev.TextStart(), ev.TextDelta("Hi"), cited, page, page, ev.TextEnd()]
    inner = {"url": "https://x", "title": "t", "start_index": 1, "end_index": 2, "content": "q"}
    assert deltas(*events)[1] == {"annotations": [{"type": "url_citation", "url_citation": inner, "index": 0}]}
    assert message(*events)["annotations"] == [{"type": "url_citation", "url_citation": inner}]
    encoder = CHAT.stream_encoder(pair().reply)
    for event in (START, *events, END):
        encoder.send(event)
    assert [loss.path for loss in encoder.losses] == ["response.page_location"]


def test_blocks_of_other_dialects_are_losses_and_write_nothing() -> None:
    events: list[Event] = [
        ev.ServerToolStart("anthropic_messages", "server_tool_use", {}),
        ev.ServerToolDelta({}),
        ev.ServerToolEnd({}),
        ev.Unknown("anthropic_messages", "new_event", {"x": 1}),
        *TEXT,
    ]
    encoded = CHAT.encode_response([START, *events, END], pair().reply)
    assert [loss.path for loss in encoded.losses] == ["response.server_tool_use", "response.new_event"]
    assert deltas(*events) == [{"content": "Hi"}]


class TestFailures:
    """What ends a stream that cannot go on (RULES: Streams; faults F019, F027)."""

    ERROR = ErrorReport("provider_overloaded", "busy", "r1")

    @pytest.mark.parametrize("before", [0, 1, 2, 3])
    def test_an_error_at_any_time_is_well_formed_and_the_last(self, before: int) -> None:
        encoder = CHAT.stream_encoder(pair().reply)
        stream = b"".join(encoder.send(event) for event in [START, *TEXT][:before]) + encoder.fail(self.ERROR)
        assert breaches("openai_chat", stream, failed=True) == []
        assert stream.endswith(b"data: " + CHAT.encode_error(self.ERROR) + b"\n\ndata: [DONE]\n\n")
        assert b"usage" not in stream
        assert b'"finish_reason":"' not in stream

    def test_an_error_of_the_upstream_is_told_the_same_way(self) -> None:
        encoder = CHAT.stream_encoder(pair().reply)
        encoder.send(START)
        assert (
            encoder.send(ev.UpstreamError("provider_overloaded", "busy"))
            == b"data: " + CHAT.encode_error(self.ERROR) + b"\n\ndata: [DONE]\n\n"
        )

    def test_signs_of_life_are_comments(self) -> None:
        encoder = CHAT.stream_encoder(pair().reply)
        alive = encoder.keep_alive()
        stream = alive + encoder.send(START) + encoder.send(TEXT[0]) + alive + encoder.send(TEXT[1]) + alive
        stream += encoder.send(TEXT[2]) + encoder.send(END) + alive + encoder.end()
        assert alive == b": keep-alive\n\n"
        assert breaches("openai_chat", stream) == []

    def test_an_illegal_order_is_our_fault(self) -> None:
        with pytest.raises(EncodeError, match="TextDelta"):
            CHAT.stream_encoder(pair().reply).send(ev.TextDelta("x"))
        broken: list[list[Event]] = [[START, *TEXT], [START, ev.UpstreamError("internal_error", "x")], [ev.TextStart()], []]
        for events in broken:
            with pytest.raises(EncodeError):
                CHAT.encode_response(events, pair().reply)


def test_counts_of_a_chat_upstream_keep_their_own_fields_but_not_its_prices() -> None:
    raw: dict[str, Any] = {
        "prompt_tokens": 9,
        "queue_time": 0.5,
        "cost": 3,
        "cost_details": {},
        "is_byok": True,
        "cost_in_usd_ticks": 4,
    }
    raw |= {"prompt_tokens_details": {"audio_tokens": 2, "cached_tokens": 1}}
    usage = Usage(input_tokens=9, output_tokens=1, cache_read=1, dialect="openai_chat", raw=raw, cost=5)
    wire = json.loads(Pair("openai_chat").whole([ev.MessageStart("openai_chat"), ev.UsageUpdate(usage), END]))["usage"]
    assert wire["queue_time"] == 0.5
    assert wire["prompt_tokens_details"] == {"audio_tokens": 2, "cached_tokens": 1}
    assert wire["cost"] == 5e-12
    assert not {"cost_details", "is_byok", "cost_in_usd_ticks"} & set(wire)


def test_counts_at_the_start_stand_where_no_later_ones_come() -> None:
    start = msgspec.structs.replace(START, usage=Usage(input_tokens=4, output_tokens=1))
    assert json.loads(pair().whole([start, END]))["usage"]["total_tokens"] == 5
    assert b'"total_tokens":5' in pair().stream([start, END])
