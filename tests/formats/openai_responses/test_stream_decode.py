"""Streams as lax upstreams send them: nothing is lost, one block is open at a time, and an end is an end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hyperinfer.formats import FORMATS
from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Wait
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from tests.formats.openai_responses.harness import decoded, encoded, judged, reply, stream, upstream

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect, Event

CREATED = {"type": "response.created", "response": {"id": "resp_u", "created_at": 7, "model": "up", "status": "in_progress"}}


def completed(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    response = {"id": "resp_u", "status": "completed", "output": list(output), **fields}
    return {"type": "response.completed", "response": response}


def shape(events: list[Event]) -> list[Any]:
    """The events in short: kind, and what they say."""
    found: list[Any] = []
    for event in events:
        match event:
            case ev.TextDelta(text=text) | ev.ArgumentsDelta(text=text) | ev.RefusalDelta(text=text):
                found.append(text)
            case ev.ReasoningDelta(text=text, form=form, part=part):
                found.append((form, part, text))
            case ev.ToolCallStart(call_id=call_id, name=name):
                found.append(("call", call_id, name))
            case ev.MessageEnd(stop=stop):
                found.append(("end", stop))
            case _:
                found.append(type(event).__name__)
    return found


def body_of(*frames: dict[str, Any], last: dict[str, Any] | None = None) -> list[Any]:
    """The events between MessageStart and MessageEnd, which also obey the grammar when they are written again."""
    events = decoded([stream(CREATED, *frames, last or completed())])
    assert judged(encoded(events)[0]) == []
    return shape(events)[1:-1]


def added(index: int | None, **item: Any) -> dict[str, Any]:
    place = {} if index is None else {"output_index": index}
    return {"type": "response.output_item.added", **place, "item": item}


def item_done(index: int | None, **item: Any) -> dict[str, Any]:
    return {**added(index, **item), "type": "response.output_item.done"}


def delta(kind: str, text: str, **place: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "delta": text, **place}


def piece(text: str) -> dict[str, Any]:
    return delta("output_text", text, output_index=0, content_index=0)


def message(text: str, item_id: str = "msg_1") -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": item_id, "role": "assistant", "status": "completed", "content": content}


def call(name: str = "f", arguments: str = "{}", call_id: str = "c1", item_id: str = "fc_1") -> dict[str, Any]:
    return {"type": "function_call", "id": item_id, "call_id": call_id, "name": name, "arguments": arguments}


def test_deltas_without_an_opening_open_their_item() -> None:
    assert body_of(
        delta("output_text", "he", output_index=0, content_index=0), delta("output_text", "y", output_index=0)
    ) == [
        "TextStart",
        "he",
        "y",
        "TextEnd",
    ]
    assert body_of(delta("reasoning_summary_text", "hm", summary_index=0)) == [
        "ReasoningStart",
        ("summary", 0, "hm"),
        "ReasoningEnd",
    ]


def test_arguments_before_their_call_wait_for_its_name() -> None:
    assert body_of(
        delta("function_call_arguments", '{"a"', output_index=0, item_id="fc_1"),
        delta("function_call_arguments", ":1}", output_index=0, item_id="fc_1"),
        item_done(0, **call(arguments='{"a":1}')),
    ) == [("call", "c1", "f"), '{"a"', ":1}", "ToolCallEnd"]


def test_items_that_come_as_done_only() -> None:
    assert body_of(item_done(0, **message("hello")), item_done(1, **call(arguments='{"a":1}'))) == [
        "TextStart",
        "hello",
        "TextEnd",
        ("call", "c1", "f"),
        '{"a":1}',
        "ToolCallEnd",
    ]


def test_items_that_come_in_the_last_response_only() -> None:
    assert body_of(last=completed(message("hello"), call())) == [
        "TextStart",
        "hello",
        "TextEnd",
        ("call", "c1", "f"),
        "{}",
        "ToolCallEnd",
    ]


def test_the_last_response_fills_in_what_deltas_left_out() -> None:
    frames = [added(0, type="message", id="msg_1", content=[]), delta("output_text", "hel", output_index=0, content_index=0)]
    assert body_of(*frames, last=completed(message("hello"))) == ["TextStart", "hel", "lo", "TextEnd"]


def test_the_last_response_under_other_ids_repeats_nothing() -> None:
    frames = [
        added(0, type="message", id="msg_1", content=[]),
        delta("output_text", "hello", output_index=0, content_index=0),
    ]
    assert body_of(*frames, last=completed(message("hello", "chatcmpl-9"))) == ["TextStart", "hello", "TextEnd"]


def test_arguments_that_come_in_their_done_only() -> None:
    assert body_of(
        added(0, **{**call(), "arguments": ""}),
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"x":2}'},
        item_done(0, **call(arguments='{"x":2}')),
    ) == [("call", "c1", "f"), '{"x":2}', "ToolCallEnd"]


def test_a_call_without_an_id_gets_one_from_the_seed() -> None:
    item = {"type": "function_call", "name": "f", "arguments": "{}"}
    assert body_of(item_done(0, **item), item_done(1, **item))[::3] == [
        ("call", "call_seed_1", "f"),
        ("call", "call_seed_2", "f"),
    ]


def test_parallel_calls_are_put_one_after_the_other() -> None:
    assert body_of(
        added(0, **{**call("f", "", "c1", "fc_1")}),
        added(1, **{**call("g", "", "c2", "fc_2")}),
        delta("function_call_arguments", "{", output_index=1, item_id="fc_2"),
        delta("function_call_arguments", "[", output_index=0, item_id="fc_1"),
        delta("function_call_arguments", "}", output_index=1, item_id="fc_2"),
        item_done(1, **call("g", "{}", "c2", "fc_2")),
        delta("function_call_arguments", "]", output_index=0, item_id="fc_1"),
        item_done(0, **call("f", "[]", "c1", "fc_1")),
    ) == [("call", "c1", "f"), "[", "]", "ToolCallEnd", ("call", "c2", "g"), "{", "}", "ToolCallEnd"]


def test_interleaved_parts_of_a_message_are_put_one_after_the_other() -> None:
    def part(event: str, index: int, text: str) -> dict[str, Any]:
        raw: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
        return {"type": f"response.content_part.{event}", "output_index": 0, "content_index": index, "part": raw}

    assert body_of(
        added(0, type="message", id="msg_1", content=[]),
        part("added", 0, ""),
        part("added", 1, ""),
        delta("output_text", "b", output_index=0, content_index=1),
        delta("output_text", "a", output_index=0, content_index=0),
        part("done", 1, "b"),
        part("done", 0, "a"),
    ) == ["TextStart", "a", "TextEnd", "TextStart", "b", "TextEnd"]


def test_llama_cpp_closes_its_items_at_the_end_only() -> None:
    """No numbers, no indexes, every `done` after the last delta, calls under other ids there: text still streams."""
    reasoning: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": ""}
    frames = [
        added(None, **reasoning),
        delta("reasoning_text", "hm", item_id="rs_1"),
        added(None, type="message", id="msg_1", role="assistant", content=[]),
        {"type": "response.content_part.added", "item_id": "msg_1", "part": {"type": "output_text", "text": ""}},
        delta("output_text", "he", item_id="msg_1"),
    ]
    decoder = OPENAI_RESPONSES.stream_decoder(upstream())
    decoder.receive_data(stream(CREATED, *frames))
    early: list[Event] = []
    while not isinstance(event := decoder.next_event(), Wait):
        early.append(event)
    assert shape(early)[-3:] == ["ReasoningEnd", "TextStart", "he"]
    more = [
        added(None, type="function_call", id="fc_X", call_id="call_X", name="f", arguments=""),
        delta("function_call_arguments", "{}", item_id="fc_X"),
        item_done(None, **{**reasoning, "content": [{"type": "reasoning_text", "text": "hm"}]}),
        {"type": "response.output_text.done", "item_id": "msg_1", "text": "he"},
        item_done(None, **message("he")),
        item_done(None, type="function_call", call_id="fc_X", name="f", arguments="{}", status="completed"),
    ]
    ends = [
        {**reasoning, "content": [{"type": "reasoning_text", "text": "hm"}]},
        message("he"),
        {"type": "function_call", "call_id": "fc_X", "name": "f", "arguments": "{}"},
    ]
    assert body_of(*frames, *more, last=completed(*ends)) == [
        "ReasoningStart",
        ("text", 0, "hm"),
        "ReasoningEnd",
        "TextStart",
        "he",
        "TextEnd",
        ("call", "call_X", "f"),
        "{}",
        "ToolCallEnd",
    ]


def test_reasoning_in_all_its_forms_with_its_blob() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "content": [{"type": "reasoning_text", "text": "c"}],
        "encrypted_content": "blob",
    }
    events = decoded([stream(CREATED, item_done(0, **item), completed(item))], vendor="xai")
    assert shape(events)[1:-2] == ["ReasoningStart", ("summary", 0, "a"), ("summary", 1, "b"), ("text", 0, "c")]
    end = events[-2]
    assert isinstance(end, ev.ReasoningEnd)
    assert end.opaque == (Opaque("xai", "encrypted", "blob"),)


def test_refusals_annotations_and_log_probabilities() -> None:
    refusal = {"type": "message", "id": "m", "content": [{"type": "refusal", "refusal": "no"}]}
    events = decoded([stream(CREATED, delta("refusal", "no", output_index=0, content_index=0), completed(refusal))])
    assert shape(events)[1:] == ["RefusalStart", "no", "RefusalEnd", ("end", "stop")]
    note = {"type": "url_citation", "url": "https://x", "title": "t", "start_index": 0, "end_index": 2}
    token = {"token": "hi", "logprob": -0.1, "bytes": [104, 105], "top_logprobs": []}
    events = decoded(
        [
            stream(
                CREATED,
                delta("output_text", "hi", output_index=0, content_index=0, logprobs=[token]),
                {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation": note},
                completed(),
            )
        ]
    )
    assert events[2] == ev.TextDelta("hi", [token])
    assert events[3] == ev.Citation("openai_responses", note, "https://x", "t", None, 0, 2)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("state", ["text", "part", "item"])
@pytest.mark.parametrize("client", ["openai_chat", "anthropic_messages", "openai_responses"])
def test_late_log_probabilities_reach_chat_or_are_one_loss(client: Dialect, state: str, early: bool) -> None:
    """`early`: the deltas have others, which stand."""
    token, other = ({"token": word, "logprob": -0.1, "bytes": [104], "top_logprobs": []} for word in ("hi", "ho"))
    at = {"item_id": "m", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "hi", "annotations": [], "logprobs": [token]}
    bare = {**part, "logprobs": []}
    of_text = {"type": "response.output_text.done", **at, "text": "hi", "logprobs": [token] if state == "text" else []}
    of_part = {"type": "response.content_part.done", **at, "part": part if state == "part" else bare}
    item = {"type": "message", "id": "m", "role": "assistant", "content": [part if state == "item" else bare]}
    said = delta("output_text", "hi", output_index=0, content_index=0, logprobs=[other] if early else [])
    events = decoded([stream(CREATED, said, of_text, of_part, completed(item))])
    streamed = FORMATS[client].stream_encoder(reply())
    out = b"".join(streamed.send(event) for event in events) + streamed.end()
    told = FORMATS[client].encode_response(events, reply())
    lost = [loss.path for loss in told.losses]
    assert lost == [loss.path for loss in streamed.losses]
    if client == "openai_chat":
        chunks = [json.loads(line[6:]) for line in out.decode().splitlines() if line.startswith("data: {")]
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        found = [choice["logprobs"]["content"] for choice in choices if choice["logprobs"]]
        assert found == [[other if early else token]]
        assert json.loads(told.body)["choices"][0]["logprobs"]["content"] == found[0]
    assert lost == (["response.output[].content[].logprobs"] if (client, early) in LOST_LOGPROBS else [])


LOST_LOGPROBS = {("openai_chat", True), ("anthropic_messages", True), ("anthropic_messages", False)}


def test_unknown_fields_and_events_are_kept() -> None:
    events = decoded(
        [
            stream(
                CREATED,
                delta("output_text", "hi", output_index=0, content_index=0, timings={"n": 1}, obfuscation="xx"),
                {"type": "response.rate_limits.updated", "sequence_number": 4, "limit": 3},
                completed(),
            )
        ]
    )
    assert events[2] == ev.TextDelta("hi", None, {"timings": {"n": 1}})
    assert events[3] == ev.Unknown(
        "openai_responses", "response.rate_limits.updated", {"type": "response.rate_limits.updated", "limit": 3}
    )
