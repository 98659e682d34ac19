"""Blocks of other dialects, ids, failures and illegal orders in a Responses stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Loss
from hyperinfer.formats.errors import CODES, EncodeError, ErrorReport
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from tests.formats.openai_responses.harness import decoded, encoded, frames, judged, reply, upstream

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event
from tests.formats.openai_responses.test_stream_encode import START, call, reasoning, story, text, told


def test_sources_with_a_url_are_annotations_and_others_a_loss() -> None:
    cited: list[Event] = [
        ev.TextStart(),
        ev.TextDelta("hello"),
        ev.Citation("anthropic_messages", {"type": "web_search_result_location"}, url="https://x", title="t"),
        ev.Citation("anthropic_messages", {"type": "char_location"}, cited_text="doc"),
        ev.TextEnd(),
    ]
    events = story(cited)
    last = told(events)
    assert last["output"][0]["content"][0]["annotations"] == [
        {"type": "url_citation", "url": "https://x", "title": "t", "start_index": 0, "end_index": 5}
    ]
    _, lost = encoded(events, reply(source="anthropic_messages"))
    assert [loss.path for loss in lost] == ["response.output.content.annotations"]


def test_blocks_of_another_format_are_a_loss_and_web_searches_are_shown() -> None:
    def block(item: dict[str, Any]) -> list[Event]:
        return [
            ev.ServerToolStart("anthropic_messages", item["type"], item),
            ev.ServerToolDelta({"type": "input_json_delta"}),
            ev.ServerToolEnd(item),
        ]

    events = story(
        block({"type": "server_tool_use", "name": "web_search", "id": "s", "input": {"query": "q"}}),
        block({"type": "web_search_tool_result", "content": []}),
        [ev.Unknown("anthropic_messages", "novelty", {})],
        text("x"),
    )
    last = told(events)
    assert last["output"][0]["action"] == {"type": "search", "query": "q"}
    _, lost = encoded(events, reply(source="anthropic_messages"))
    assert [type(loss) for loss in lost] == [Loss, Loss]
    assert all(loss.path.startswith("response.") for loss in lost)


def test_a_tool_search_of_messages_is_kept_as_items() -> None:
    use: dict[str, Any] = {
        "type": "server_tool_use",
        "name": "tool_search_tool_bm25",
        "id": "srvtoolu_1",
        "input": {"query": "q"},
    }
    result: dict[str, Any] = {
        "type": "tool_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": {"tool_references": [{"type": "tool_reference", "tool_name": "f"}]},
    }
    blocks: list[Event] = [
        event
        for item in (use, result)
        for event in (ev.ServerToolStart("anthropic_messages", str(item["type"]), item), ev.ServerToolEnd(item))
    ]
    search, found = told(story(blocks))["output"]
    assert (search["type"], search["arguments"], search["call_id"]) == ("tool_search_call", {"query": "q"}, "srvtoolu_1")
    assert (found["type"], [tool["name"] for tool in found["tools"]]) == ("tool_search_output", ["f"])


def test_ids_of_the_upstream_are_kept_and_never_twice() -> None:
    events: list[Event] = [
        ev.MessageStart("openai_responses"),
        ev.ToolCallStart("c1", "f", item_id="fc_theirs"),
        ev.ToolCallEnd(),
        ev.ToolCallStart("c2", "f", item_id="fc_theirs"),
        ev.ToolCallEnd(),
        ev.MessageEnd("tool_calls"),
    ]
    last = told(events, "openai_responses")
    assert [item["id"] for item in last["output"]] == ["fc_theirs", "fc_r1_1"]


def test_a_reply_without_output() -> None:
    assert told(story())["output"] == []


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("said", [0, 1, 3, 5])
def test_a_failure_ends_the_stream_well_formed_at_any_time(code: str, said: int) -> None:
    encoder = OPENAI_RESPONSES.stream_encoder(reply(source="anthropic_messages"))
    out = b"".join(encoder.send(event) for event in story(text("x", "y"))[:said])
    out += encoder.keep_alive() + encoder.fail(ErrorReport(code, "try again in 3s", "r1"))
    assert judged(out, allow_error=True) == []
    types = [frame["type"] for frame in frames(out)]
    assert types[:2] == ["response.created", "response.in_progress"]
    assert types[-1] == "response.failed"
    assert "response.completed" not in types
    error = frames(out)[-1]["response"]["error"]
    assert (error["hi_code"], error["message"]) == (code, "try again in 3s")
    with pytest.raises(EncodeError):
        encoder.send(ev.TextStart())


def test_codes_that_clients_act_on() -> None:
    def code(ours: str) -> Any:
        encoder = OPENAI_RESPONSES.stream_encoder(reply())
        return frames(encoder.fail(ErrorReport(ours, "m", "r1")))[-1]["response"]["error"]["code"]

    assert code("provider_rate_limit") == "rate_limit_exceeded"
    assert code("insufficient_credits") == "insufficient_quota"
    assert code("context_length_exceeded") == "context_length_exceeded"
    assert code("provider_unavailable") == "provider_unavailable"


def test_an_upstreams_error_is_a_failure() -> None:
    out, _ = encoded([START, *text("x"), ev.UpstreamError("provider_overloaded", "busy")], reply(source="openai_chat"))
    assert judged(out, allow_error=True) == []
    last = frames(out)[-1]
    assert (last["type"], last["response"]["error"]["code"]) == ("response.failed", "provider_overloaded")


def test_an_illegal_order_is_a_fault_of_the_pipeline() -> None:
    encoder = OPENAI_RESPONSES.stream_encoder(reply())
    with pytest.raises(EncodeError):
        encoder.send(ev.TextDelta("x"))
    with pytest.raises(EncodeError):
        encoder.end()
    with pytest.raises(EncodeError):
        OPENAI_RESPONSES.encode_response([START], reply())


def test_the_error_envelope() -> None:
    report = ErrorReport("invalid_request", "no", "r1", param="input[0]", details={"a": 1})
    assert json.loads(OPENAI_RESPONSES.encode_error(report)) == {
        "error": {
            "message": "no",
            "type": "invalid_request_error",
            "code": "invalid_request",
            "param": "input[0]",
            "request_id": "r1",
            "details": {"a": 1},
        }
    }


def test_what_a_client_gets_decodes_to_what_it_was_made_from() -> None:
    """Encoder into decoder: the texts, calls and stop of a foreign reply arrive."""
    events = story(reasoning("hm"), text("he", "llo"), call('{"a":1}'), stop="tool_calls")
    out, _ = encoded(events, reply(source="anthropic_messages"))
    back = decoded([out])
    assert "".join(event.text for event in back if isinstance(event, ev.TextDelta)) == "hello"
    assert "".join(event.text for event in back if isinstance(event, ev.ArgumentsDelta)) == '{"a":1}'
    assert isinstance(back[-1], ev.MessageEnd)
    assert back[-1].stop == "tool_calls"
    again = OPENAI_RESPONSES.decode_response(json.dumps(frames(out)[-1]["response"]).encode(), upstream())
    assert [type(event) for event in again if not isinstance(event, ev.TextDelta)] == [
        type(event) for event in back if not isinstance(event, ev.TextDelta)
    ]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"error":{"code":"context_length_exceeded","message":"long"}}', "context_length_exceeded"),
        (
            b'{"id":"r","status":"failed","error":{"code":"rate_limit_exceeded","message":"m"},"output":[]}',
            "provider_rate_limit",
        ),
    ],
)
def test_errors_under_a_200(raw: bytes, code: str) -> None:
    (error,) = OPENAI_RESPONSES.decode_response(raw, upstream())
    assert isinstance(error, ev.UpstreamError)
    assert error.code == code
