"""Each check of the kit passes an answer that is as its vendor sends it, and fails one in which only that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperinfer.testing.conformance.checks import CHECKS
from hyperinfer.testing.conformance.json_values import record
from hyperinfer.testing.conformance.said import FORMATS
from hyperinfer.testing.conformance.scenes import OPAQUE, PIXEL, SCENES
from tests.testing.conformance.honest import all_played, answered, cell, last, played, put, sent, twice, without

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.exchange import Turn
    from hyperinfer.testing.conformance.said import Format
    from tests.testing.conformance.honest import Doctor

BY_ID = {check.id: check for check in CHECKS}


def _held_back(turn: Turn) -> None:
    turn.early = False


def _stays_open(turn: Turn) -> None:
    turn.left = None


def _too_late(turn: Turn) -> None:
    turn.late = True


DOCTORED: list[tuple[str, Format, bool, str, Doctor]] = [
    # What reaches the client
    ("text.equal", "chat", True, "text", put('" upon"', '"upon"')),
    ("text.equal", "messages", False, "text", put("a time,\\n", "a time, ")),
    ("text.unicode", "responses", True, "unicode", put("好", "\ufffd")),
    ("text.unicode", "chat", False, "unicode", put("e\u0301", "\u00e9")),
    ("text.lines", "messages", True, "crlf", without('" upon"')),
    ("stop.end", "chat", False, "text", put('"finish_reason": "stop"', '"finish_reason": "length"')),
    ("stop.length", "messages", True, "length", put('"max_tokens"', '"end_turn"')),
    ("stop.length", "responses", False, "length", put('"reason": "max_output_tokens"', '"reason": "content_filter"')),
    ("stop.refusal", "chat", True, "refusal", put('"content_filter"', '"stop"')),
    ("stop.tool", "messages", False, "tool", put('"stop_reason": "tool_use"', '"stop_reason": "end_turn"')),
    ("tools.call", "chat", True, "tool", put("is, 75\\\\u00b0", "is")),
    ("tools.call", "messages", False, "tool", put("toolu_01Conformance0001", "")),
    ("tools.parallel", "chat", True, "parallel", put('"index":2,', '"index":1,')),
    ("tools.parallel", "messages", False, "parallel", put("get_time", "get_weather")),
    ("tools.mixed", "chat", True, "mixed", without('" both."')),
    ("tools.mixed", "messages", False, "mixed", put("I look.", "")),
    ("tools.mixed", "responses", True, "mixed", put('"name": "get_time", "arguments"', '"name": "get_date", "arguments"')),
    ("reasoning.text", "chat", True, "thinking", put('"reasoning_content"', '"thoughts"')),
    ("reasoning.text", "responses", False, "thinking", put("First I think", "First, I think")),
    ("usage.counts", "chat", True, "text", put('"total_tokens":55', '"total_tokens":35')),
    ("usage.counts", "messages", True, "text", put('"input_tokens": 18', '"input_tokens": 35')),
    ("usage.counts", "responses", False, "text", put('"usage": {', '"usage": null, "counts": {')),
    ("usage.cached", "messages", False, "text", put("cache_read_input_tokens", "cached")),
    ("usage.written", "chat", False, "text", put('"cache_write_tokens": 5', '"cache_write_tokens": 0')),
    ("usage.reasoning", "responses", True, "text", put('"reasoning_tokens": 8', '"reasoning_tokens": 0')),
    # What reaches the upstream
    ("request.prompt", "chat", True, "unicode", sent(lambda b: b["messages"][-1].update(content="?n?c?d?"))),
    ("request.system", "messages", False, "text", sent(lambda b: b.pop("system"))),
    ("request.system", "chat", False, "text", sent(lambda b: b["messages"][0].update(role="user"))),
    ("request.limit", "responses", True, "text", sent(lambda b: b.update(max_output_tokens=4096))),
    ("request.image", "chat", False, "image", sent(lambda b: b["messages"][0]["content"].pop())),
    ("request.image", "messages", True, "image", sent(lambda b: b["messages"][0].update(content=PIXEL))),
    ("request.schema", "messages", True, "schema", sent(lambda b: b.pop("output_config"))),
    ("request.schema", "chat", False, "schema", sent(lambda b: b.update(response_format={"type": "json_object"}))),
    (
        "request.schema",
        "responses",
        True,
        "schema",
        sent(lambda b: b["text"]["format"]["schema"]["properties"].pop("unit")),
    ),
    ("tools.declared", "chat", True, "tool", sent(lambda b: b["tools"].pop())),
    (
        "tools.declared",
        "messages",
        True,
        "tool",
        sent(lambda b: b["tools"][0]["input_schema"]["properties"]["unit"].pop("enum")),
    ),
    ("tools.required", "messages", False, "required", sent(lambda b: b.update(tool_choice={"type": "auto"}))),
    ("tools.named", "responses", False, "named", sent(lambda b: b.update(tool_choice="required"))),
    ("tools.none", "chat", True, "none", sent(lambda b: b.pop("tool_choice"))),
    ("tools.result", "messages", True, "tool", sent(lambda b: b["messages"][-1]["content"][0].update(content="22 °C"))),
    ("tools.result", "chat", True, "tool", sent(lambda b: b["messages"][-1].update(tool_call_id="call_other"))),
    ("tools.results", "responses", False, "parallel", sent(lambda b: b["input"].pop())),
    ("reasoning.effort", "messages", True, "thinking", sent(lambda b: b["output_config"].update(effort="low"))),
    ("reasoning.opaque", "messages", True, "thinking_tool", sent(lambda b: b["messages"][1]["content"].pop(0))),
    (
        "reasoning.opaque",
        "responses",
        False,
        "thinking_tool",
        sent(lambda b: b["input"][1].update(encrypted_content=OPAQUE[:-1])),
    ),
    # The form of streams
    ("stream.framing", "chat", True, "text", put("data: [DONE]\n\n", "data: [DONE]\n")),
    ("stream.framing", "chat", True, "text", put("data: {", "event: chunk\ndata: {", 1)),
    ("stream.framing", "chat", True, "text", put("data: {", "data: : PROCESSING\n\ndata: {", 1)),
    ("stream.framing", "messages", True, "text", put("event: message_stop\n", "")),
    ("stream.framing", "responses", True, "text", put("event: response.created\n", "event: created\n")),
    ("stream.framing", "responses", True, "text", answered(200)),
    ("stream.order", "chat", True, "text", put('"role":"assistant"', '"role":null')),
    ("stream.order", "chat", True, "text", twice('"role":"assistant"')),
    ("stream.order", "chat", True, "text", twice('"finish_reason":"stop"')),
    ("stream.order", "chat", True, "text", put('"choices":[],"usage"', '"choices":[{"index":0,"delta":{}}],"usage"')),
    ("stream.order", "messages", True, "text", without("message_start")),
    ("stream.order", "messages", True, "text", last("event: message_delta")),
    ("stream.order", "responses", True, "text", without("event: response.created")),
    ("stream.terminal", "chat", True, "text", put("data: [DONE]\n\n", "")),
    ("stream.terminal", "chat", True, "text", without('"finish_reason":"stop"')),
    ("stream.terminal", "chat", True, "text", put('"finish_reason":"stop"', '"finish_reason":"end_turn"')),
    ("stream.terminal", "chat", True, "text", twice("[DONE]")),
    ("stream.terminal", "messages", True, "text", without("event: message_stop")),
    ("stream.terminal", "messages", True, "text", twice("event: message_stop")),
    ("stream.terminal", "responses", True, "text", without("event: response.completed")),
    ("stream.terminal", "responses", True, "text", twice("event: response.completed")),
    ("stream.terminal", "responses", True, "length", put("response.incomplete", "response.completed")),
    ("stream.ids", "chat", True, "text", put('"id":"chatcmpl-', '"id":"cmpl-', 1)),
    ("stream.ids", "chat", True, "tool", put('"id":"call_Conformance0001",', "")),
    ("stream.ids", "messages", True, "parallel", put("toolu_01Conformance0002", "toolu_01Conformance0001")),
    ("stream.ids", "responses", True, "text", put('"id": "resp_', '"id": "other_', 1)),
    ("stream.ids", "responses", True, "text", put('"item_id": "msg_', '"item_id": "chatcmpl_', 1)),
    ("stream.ids", "responses", True, "tool", put('"call_id": "call_', '"call_id": "other_', 1)),
    ("stream.blocks", "chat", True, "parallel", put('"index":2,', '"index":3,')),
    ("stream.blocks", "chat", True, "tool", put('"tool_calls":[{"index":0,', '"tool_calls":[{')),
    ("stream.blocks", "messages", True, "text", without("content_block_stop")),
    ("stream.blocks", "messages", True, "tool", without("content_block_stop")),
    ("stream.blocks", "messages", True, "tool", put('"index": 1', '"index": 2')),
    ("stream.blocks", "messages", True, "thinking", put('"thinking_delta", "thinking"', '"text_delta", "text"')),
    ("stream.blocks", "responses", True, "text", without("output_item.added")),
    ("stream.blocks", "responses", True, "text", without("content_part.added")),
    ("stream.blocks", "responses", True, "text", without("output_item.done")),
    ("stream.blocks", "responses", True, "thinking", without("reasoning_summary_part.added")),
    ("stream.blocks", "responses", True, "tool", without("function_call_arguments.delta")),
    ("stream.numbers", "responses", True, "text", without("output_text.delta")),
    ("stream.numbers", "responses", True, "text", put('"sequence_number": 4', '"number": 4')),
    ("stream.fields", "chat", True, "text", put("chat.completion.chunk", "chat.completion")),
    ("stream.fields", "chat", True, "text", put(',"finish_reason":null', "")),
    ("stream.fields", "messages", True, "text", put('"model": "conformance-messages"', '"model": null')),
    ("stream.fields", "responses", True, "text", put('"parallel_tool_calls": true', '"parallel_tool_calls": null')),
    ("stream.early", "chat", True, "waiting", _held_back),
    ("whole.fields", "chat", False, "text", put('"created": 1764000000', '"created": null')),
    ("whole.fields", "responses", False, "tool", put('"object": "response"', '"object": "chat.completion"')),
    ("whole.fields", "messages", False, "text", put('"stop_sequence": null', '"stop": null')),
    ("whole.fields", "messages", False, "text", put('"role": "assistant"', '"role": "model"')),
    # Failures
    ("errors.400", "chat", True, "bad_request", answered(500)),
    ("errors.400", "messages", False, "bad_request", put('"type": "error"', '"type": "failure"')),
    ("errors.401", "responses", False, "bad_key", put('"message"', '"detail"')),
    ("errors.401", "messages", False, "bad_key", answered(429)),
    ("errors.429", "chat", True, "rate_limit", answered(503)),
    ("errors.retry_after", "chat", True, "rate_limit", answered(429)),
    ("errors.retry_after", "messages", False, "rate_limit", answered(429, **{"retry-after": "1"})),
    ("errors.429", "messages", True, "rate_limit", answered(500, **{"retry-after": "17"})),
    ("errors.500", "responses", True, "server_error", answered(200)),
    ("errors.500", "chat", False, "server_error", put('"type"', '"kind"')),
    ("errors.overloaded", "messages", True, "overloaded", put('"overloaded_error"', '"busy"')),
    ("errors.overloaded", "chat", False, "overloaded", answered(400)),
    ("errors.error", "chat", True, "broken_error", put('"error":{', '"fault":{')),
    ("errors.error", "messages", True, "broken_error", put('"overloaded_error"', '"server_error"')),
    ("errors.eof", "responses", True, "broken_eof", without("event: response.failed")),
    ("errors.eof", "chat", False, "broken_eof", answered(200)),
    ("errors.drop", "messages", True, "broken_drop", without("event: error")),
    ("errors.drop", "messages", False, "broken_drop", answered(404)),
    ("cancel.upstream", "chat", True, "leaving", _stays_open),
    ("cancel.upstream", "messages", False, "leaving", _too_late),
]


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("form", FORMATS)
def test_an_honest_gateway_passes_all(form: Format, streamed: bool) -> None:
    where = cell(form, streamed=streamed)
    turns = all_played(where)
    found = {check.id: check.of(where, turns) for check in CHECKS if check.applies(where)}
    assert {name: finding for name, finding in found.items() if finding.verdict != "pass"} == {}
    assert len(found) > 30


@pytest.mark.parametrize(
    ("name", "form", "streamed", "scene", "doctor"), DOCTORED, ids=[f"{n}-{row[0]}" for n, row in enumerate(DOCTORED)]
)
def test_a_doctored_answer_fails(name: str, form: Format, streamed: bool, scene: str, doctor: Doctor) -> None:
    check, where = BY_ID[name], cell(form, streamed=streamed)
    assert scene in check.scenes
    assert check.applies(where)
    turns = all_played(where)
    turns[scene] = played(SCENES[scene], where, doctor, check.turn)
    finding = check.of(where, turns)
    assert finding.verdict == "fail", finding
    assert finding.expected
    assert finding.seen


def test_every_check_is_seen_to_fail() -> None:
    assert {row[0] for row in DOCTORED} == set(BY_ID)


def test_a_refusal_of_the_gateways_own_is_no_failure() -> None:
    where = cell("chat", streamed=False)

    def refuse(turn: Turn) -> None:
        turn.asked.clear()
        turn.status, turn.body = 400, b'{"error": {"message": "images are not supported", "type": "invalid_request_error"}}'

    turns = {"image": played(SCENES["image"], where, refuse)}
    finding = BY_ID["request.image"].of(where, turns)
    assert (finding.verdict, finding.seen) == ("unsupported", "400: images are not supported")


def test_an_upstream_asked_in_another_protocol_is_unknown() -> None:
    where = cell("chat", streamed=False)

    def elsewhere(turn: Turn) -> None:
        turn.asked[-1].protocol = "responses"

    assert BY_ID["text.equal"].of(where, {"text": played(SCENES["text"], where, elsewhere)}).verdict == "unknown"


def test_an_answer_that_the_upstream_was_not_asked_for_is_unknown() -> None:
    where = cell("messages", streamed=True)
    turns = {"text": played(SCENES["text"], where, lambda turn: turn.asked.clear())}
    assert BY_ID["text.equal"].of(where, turns).verdict == "unknown"


def test_chat_that_carries_no_signature_is_unsupported_not_failed() -> None:
    check, where = BY_ID["reasoning.opaque"], cell("messages", streamed=False)
    turns = played(SCENES["thinking_tool"], where)
    record(turns[1].asked[-1].body["messages"][1]["content"][0])["signature"] = ""
    turns[1].asked[-1].opaque.clear()
    turns[0].body = b"{}"
    chat = type(where)("chat", "messages", streamed=False)
    assert check.of(chat, {"thinking_tool": turns}).verdict == "unsupported"
