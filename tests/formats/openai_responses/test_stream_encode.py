"""Replies for Responses clients, from every dialect: the grammar, one story in stream and whole reply, honest ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from hyperinfer.formats import EncodeError
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from hyperinfer.formats.usage import Usage
from tests.formats.openai_responses.harness import encoded, frames, judged, reply, request, whole

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect, Event

START = ev.MessageStart("anthropic_messages", id="msg_x", model="claude")
USAGE = ev.UsageUpdate(Usage(10, 5, cache_read=4, cache_write=2, reasoning=3, cost=1_500_000))


def text(*pieces: str) -> list[Event]:
    return [ev.TextStart(), *(ev.TextDelta(piece) for piece in pieces), ev.TextEnd()]


def reasoning(said: str, *blobs: Opaque) -> list[Event]:
    return [ev.ReasoningStart(), ev.ReasoningDelta(said), ev.ReasoningEnd(blobs)]


def call(*arguments: str, call_id: str = "toolu_1", name: str = "f", **fields: Any) -> list[Event]:
    pieces = [ev.ArgumentsDelta(piece) for piece in arguments]
    return [ev.ToolCallStart(call_id, name, **fields), *pieces, ev.ToolCallEnd()]


def story(*parts: Sequence[Event], stop: Any = "stop", **end: Any) -> list[Event]:
    return [START, *(event for part in parts for event in part), USAGE, ev.MessageEnd(stop, **end)]


def told(events: Sequence[Event], source: Dialect = "anthropic_messages") -> dict[str, Any]:
    """The last response of the stream, which obeys the grammar, is what the whole reply says, and what the SDK sees."""
    to = reply(source=source)
    out, lost = encoded(events, to)
    assert judged(out) == []
    last: dict[str, Any] = frames(out)[-1]["response"]
    assert whole(events, to) == last
    assert list(OPENAI_RESPONSES.encode_response(events, to).losses) == lost
    assert sdk_output(out) == [item["type"] for item in last["output"]]
    return last


def sdk_output(out: bytes) -> list[str]:
    """The types of the output items, as the official SDK's accumulator has them at the end of the stream."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=out)

    client = openai.OpenAI(
        api_key="k", base_url="http://test", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    )
    last: Any = None
    with client.responses.stream(model="m", input="x") as events:
        for event in events:
            last = event
    return [item.type for item in last.response.output]


def test_text_reasoning_and_calls_in_order() -> None:
    blob = Opaque("anthropic", "signature", "c2ln")
    last = told(story(reasoning("hm", blob), text("he", "llo"), call('{"a"', ":1}"), stop="tool_calls"))
    thought, message, function = last["output"]
    assert thought == {
        "id": "rs_r1_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "hi1.anthropic.c2ln",
    }
    assert message == {
        "id": "msg_r1_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}],
    }
    assert function == {
        "id": "fc_r1_2",
        "type": "function_call",
        "status": "completed",
        "call_id": "toolu_1",
        "name": "f",
        "arguments": '{"a":1}',
    }


def test_the_envelope() -> None:
    conversation = request(
        instructions="Be brief.",
        temperature=0.5,
        tools=[{"type": "function", "name": "f", "parameters": {}}],
        tool_choice="required",
        metadata={"k": "v"},
        text={"format": {"type": "json_object"}},
        reasoning={"effort": "low"},
        parallel_tool_calls=False,
        max_output_tokens=9,
        truncation="auto",
    )
    last = whole(story(text("x")), reply(conversation, "anthropic_messages"))
    expected: dict[str, Any] = {
        "id": "resp_r1",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "model": "slug",
        "instructions": "Be brief.",
        "temperature": 0.5,
        "tools": [{"type": "function", "name": "f", "parameters": {}}],
        "tool_choice": "required",
        "metadata": {"k": "v"},
        "text": {"format": {"type": "json_object"}},
        "reasoning": {"effort": "low", "summary": None},
        "parallel_tool_calls": False,
        "max_output_tokens": 9,
        "truncation": "auto",
        "error": None,
        "incomplete_details": None,
        "previous_response_id": None,
        "store": False,
    }
    assert {name: last[name] for name in expected} == expected
    assert last["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 15,
        "cost": 0.0000015,
    }


def test_cost_is_printed_without_an_exponent_and_the_upstreams_never() -> None:
    usage = Usage(1, 1, cost=1, dialect="openai_responses", raw={"cost": 9, "cost_details": {}, "is_byok": False, "x": 1})
    events: list[Event] = [ev.MessageStart("openai_responses"), ev.UsageUpdate(usage), ev.MessageEnd("stop")]
    raw = OPENAI_RESPONSES.encode_response(events, reply()).body
    assert b'"cost":0.000000000001' in raw
    sent = json.loads(raw)["usage"]
    assert sent["x"] == 1
    assert "cost_details" not in sent
    assert "is_byok" not in sent


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        ("stop", "completed", None),
        ("stop_sequence", "completed", None),
        ("pause", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("context_window", "incomplete", "max_output_tokens"),
        ("refusal", "incomplete", "content_filter"),
    ],
)
def test_ends(stop: Any, status: str, reason: str | None) -> None:
    events = story(text("x"), stop=stop)
    out, _ = encoded(events, reply(source="anthropic_messages"))
    assert judged(out) == []
    last = frames(out)[-1]
    assert last["type"] == f"response.{status}"
    assert last["response"]["status"] == status
    assert last["response"]["output"][0]["status"] == status
    assert last["response"]["incomplete_details"] == (reason and {"reason": reason})


def test_why_it_was_refused_is_a_refusal_part() -> None:
    out, _ = encoded(story(text("so"), stop="refusal", explanation="not this"), reply(source="anthropic_messages"))
    assert judged(out) == []
    (message,) = frames(out)[-1]["response"]["output"]
    assert [part["type"] for part in message["content"]] == ["output_text", "refusal"]
    assert message["content"][1]["refusal"] == "not this"


def test_a_refusal_that_says_nothing_does_not_stand_for_why() -> None:
    empty: list[Event] = [ev.RefusalStart(), ev.RefusalDelta(""), ev.RefusalEnd()]
    out, _ = encoded(story(empty, stop="refusal", explanation="not this"), reply(source="openai_chat"))
    assert judged(out) == []
    (message,) = frames(out)[-1]["response"]["output"]
    assert "".join(part["refusal"] for part in message["content"]) == "not this"


def test_a_call_that_was_cut_short_is_not_complete() -> None:
    out, _ = encoded(story(call('{"a":'), stop="length"), reply(source="openai_chat"))
    assert judged(out) == []
    (function,) = frames(out)[-1]["response"]["output"]
    assert (function["status"], function["arguments"]) == ("incomplete", '{"a":')


def test_a_call_without_arguments_has_an_empty_object() -> None:
    out, _ = encoded(story(call(), stop="tool_calls"), reply(source="openai_chat"))
    assert judged(out) == []
    deltas = [frame["delta"] for frame in frames(out) if frame["type"] == "response.function_call_arguments.delta"]
    assert deltas == ["{}"]


def test_neighbouring_texts_are_parts_of_one_message() -> None:
    last = told(story(text("a"), text("b"), [ev.RefusalStart(), ev.RefusalDelta("no"), ev.RefusalEnd()]))
    (message,) = last["output"]
    assert [part["type"] for part in message["content"]] == ["output_text", "output_text", "refusal"]


def test_custom_tools_namespaces_and_equal_call_ids() -> None:
    last = told(
        story(
            call("raw ", "input", call_id="c", name="patch", kind="custom"),
            call("{}", call_id="c", namespace="ns"),
            call("{}", call_id="x" * 80),
            stop="tool_calls",
        )
    )
    custom, function, long = last["output"]
    assert (custom["type"], custom["input"], custom["id"]) == ("custom_tool_call", "raw input", "ctc_r1_0")
    assert function["namespace"] == "ns"
    assert function["call_id"] != custom["call_id"]
    assert len(long["call_id"]) <= 64


def test_reasoning_text_then_reasoning_again() -> None:
    last = told(story(reasoning("a"), text("b"), reasoning("c"), call("{}"), stop="tool_calls"))
    assert [item["type"] for item in last["output"]] == ["reasoning", "message", "reasoning", "function_call"]
    assert len({item["id"] for item in last["output"]}) == 4


def test_blobs_come_back_to_their_vendor_byte_for_byte() -> None:
    blobs = (
        Opaque("anthropic", "signature", "c2ln+/="),
        Opaque("anthropic", "redacted", "cmVk"),
        Opaque("openrouter", "encrypted", "ZW5j", {"type": "reasoning.encrypted", "format": "v1", "id": "x"}),
    )
    call_state = Opaque("google", "signature", "Z2Vt")
    events = story(reasoning("hm", *blobs), call("{}", opaque=(call_state,)), stop="tool_calls")
    output = told(events, "openai_chat")["output"]
    again = OPENAI_RESPONSES.decode_request(json.dumps({"model": "m", "input": output}).encode())
    carried = [part for turn in again.turns for part in turn.parts]
    found = tuple(blob for part in carried[:-1] for blob in getattr(part, "opaque", ()))
    assert found == blobs
    assert getattr(carried[-1], "opaque", None) == (call_state,)
    assert len(carried) == 4


def test_an_own_blob_stays_as_it_is_only_on_a_hop_of_its_format() -> None:
    def blob_for(vendor: str, source: Dialect) -> str:
        events = [
            ev.MessageStart(source),
            *reasoning("", Opaque(vendor, "encrypted", "YQ==")),
            ev.MessageEnd("stop"),
        ]
        found = whole(events, reply(source=source))["output"][0]["encrypted_content"]
        assert isinstance(found, str)
        return found

    assert blob_for("openai", "openai_responses") == "YQ=="
    assert blob_for("xai", "openai_responses") == "hi1.xai.YQ=="
    assert blob_for("openai", "openai_chat") == "hi1.openai.YQ=="


def test_an_upstreams_error_behind_the_end_is_out_of_order() -> None:
    """Also while the end is not written yet."""
    encoder = OPENAI_RESPONSES.stream_encoder(reply(source="openai_chat"))
    for event in story(text("so")):
        encoder.send(event)
    with pytest.raises(EncodeError):
        encoder.send(ev.UpstreamError("provider_overloaded", "busy"))
    assert b"response.completed" in encoder.end()
