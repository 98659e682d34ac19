"""Blocks that an upstream sends at the same time: put in order, and bounded in number and in bytes."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, PeerError, Upstream, backlog
from hyperinfer.formats import events as ev
from hyperinfer.formats.backlog import MOST_BLOCKS, Backlog
from hyperinfer.formats.codec import StreamDecoder, Wait
from tests.support.recordings import DIALECTS

HELD = 4_000_000
TEXT = "x" * 100_000


@pytest.fixture(autouse=True)
def few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller bound than the real one, for tests that reach it."""
    monkeypatch.setattr(backlog, "MOST_HELD", HELD)


def frame(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def chat(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'x', 'choices': [choice]})}\n\n".encode()


def start(dialect: Dialect) -> bytes:
    return {
        "openai_chat": chat({"role": "assistant"}),
        "openai_responses": frame("response.created", {"response": {"id": "r", "output": []}}),
        "anthropic_messages": frame("message_start", {"message": {"id": "m", "usage": {}}}),
    }[dialect]


def begin(dialect: Dialect, call: int) -> bytes:
    name, call_id = f"f{call}", f"c{call}"
    match dialect:
        case "openai_chat":
            return chat({"tool_calls": [{"index": call, "id": call_id, "function": {"name": name, "arguments": ""}}]})
        case "openai_responses":
            item = {"type": "function_call", "id": f"fc{call}", "call_id": call_id, "name": name, "arguments": ""}
            return frame("response.output_item.added", {"output_index": call, "item": item})
        case "anthropic_messages":
            block: dict[str, Any] = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            return frame("content_block_start", {"index": call, "content_block": block})


def piece(dialect: Dialect, call: int, text: str) -> bytes:
    match dialect:
        case "openai_chat":
            return chat({"tool_calls": [{"index": call, "function": {"arguments": text}}]})
        case "openai_responses":
            return frame("response.function_call_arguments.delta", {"output_index": call, "delta": text})
        case "anthropic_messages":
            delta = {"type": "input_json_delta", "partial_json": text}
            return frame("content_block_delta", {"index": call, "delta": delta})


def end(dialect: Dialect, call: int, arguments: str) -> bytes:
    match dialect:
        case "openai_chat":
            return b""
        case "openai_responses":
            item = {"type": "function_call", "id": f"fc{call}", "call_id": f"c{call}", "name": f"f{call}"}
            return frame("response.output_item.done", {"output_index": call, "item": {**item, "arguments": arguments}})
        case "anthropic_messages":
            return frame("content_block_stop", {"index": call})


def finish(dialect: Dialect) -> bytes:
    return {
        "openai_chat": chat({}, "tool_calls") + b"data: [DONE]\n\n",
        "openai_responses": frame("response.completed", {"response": {"id": "r", "status": "completed", "output": []}}),
        "anthropic_messages": frame("message_delta", {"delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}})
        + frame("message_stop", {}),
    }[dialect]


def decoder(dialect: Dialect) -> StreamDecoder:
    return FORMATS[dialect].stream_decoder(Upstream(vendor="x", id_seed="s"))


def drained(found: StreamDecoder) -> Iterator[ev.Event]:
    while not isinstance(event := found.next_event(), Wait):
        yield event


def feed(found: StreamDecoder, data: bytes, *, times: int) -> None:
    """The same bytes again and again, with all their events taken."""
    for _ in range(times):
        found.receive_data(data)
        list(drained(found))


@st.composite
def scripts(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    """(the arguments of each call, the numbers of the calls in the order in which pieces of them come)."""
    count = draw(st.integers(2, 12))
    arguments = [json.dumps({"n": number, "text": "x" * draw(st.integers(0, 30))}) for number in range(count)]
    return arguments, draw(st.permutations([number for number in range(count) for _ in range(4)]))


@settings(max_examples=25)
@given(scripts(), st.sampled_from(DIALECTS))
def test_interleaved_calls_come_out_one_after_the_other(script: tuple[list[str], list[int]], dialect: Dialect) -> None:
    arguments, order = script
    quarters = {
        call: [text[: len(text) // 4], text[len(text) // 4 : len(text) // 2], text[len(text) // 2 : -1], text[-1:]]
        for call, text in enumerate(arguments)
    }
    found = decoder(dialect)
    found.receive_data(start(dialect) + b"".join(begin(dialect, call) for call in range(len(arguments))))
    for call in order:
        found.receive_data(piece(dialect, call, quarters[call].pop(0)))
        if not quarters[call]:
            found.receive_data(end(dialect, call, arguments[call]))
    found.receive_data(finish(dialect))
    found.receive_eof()
    calls: list[list[str]] = []
    for event in drained(found):
        if isinstance(event, ev.ToolCallStart):
            calls.append([event.call_id])
        elif isinstance(event, ev.ArgumentsDelta):
            calls[-1].append(event.text)
    assert [(call[0], "".join(call[1:])) for call in calls] == [(f"c{n}", text) for n, text in enumerate(arguments)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_bytes_that_wait_are_bounded(dialect: Dialect) -> None:
    found = decoder(dialect)
    found.receive_data(start(dialect) + begin(dialect, 0) + piece(dialect, 0, "{") + begin(dialect, 1))
    list(drained(found))
    tracemalloc.start()
    with pytest.raises(PeerError, match="wait for a block that does not end") as caught:
        feed(found, piece(dialect, 1, TEXT), times=2 * HELD // len(TEXT))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * HELD
    with pytest.raises(PeerError) as again:
        found.next_event()
    assert str(again.value) == str(caught.value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_blocks_that_wait_are_bounded(dialect: Dialect) -> None:
    found = decoder(dialect)
    found.receive_data(start(dialect) + b"".join(begin(dialect, call) for call in range(MOST_BLOCKS + 1)))
    assert sum(isinstance(event, ev.ToolCallStart) for event in drained(found)) == 1
    found.receive_data(begin(dialect, MOST_BLOCKS + 1))
    with pytest.raises(PeerError, match=f"more than {MOST_BLOCKS} blocks"):
        list(drained(found))


def test_choices_are_bounded() -> None:
    found = decoder("openai_chat")
    for index in range(MOST_BLOCKS):
        found.receive_data(chat({"content": "x"}).replace(b'"index": 0', b'"index": %d' % index))
    list(drained(found))
    found.receive_data(chat({"content": "x"}).replace(b'"index": 0', b'"index": %d' % MOST_BLOCKS))
    with pytest.raises(PeerError, match="choices"):
        list(drained(found))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_goes_straight_out_is_not_bounded(dialect: Dialect) -> None:
    found = decoder(dialect)
    opening = piece(dialect, 0, '{"a":"')
    found.receive_data(start(dialect) + begin(dialect, 0) + opening + begin(dialect, 1) + piece(dialect, 1, "{}"))
    feed(found, piece(dialect, 0, TEXT), times=HELD // len(TEXT) + 2)


def test_arguments_of_a_call_without_a_name_are_bounded() -> None:
    found = decoder("openai_responses")
    found.receive_data(start("openai_responses"))
    with pytest.raises(PeerError, match="wait"):
        feed(found, piece("openai_responses", 0, TEXT), times=2 * HELD // len(TEXT))


def test_unknown_events_before_the_first_are_bounded() -> None:
    found = decoder("anthropic_messages")
    with pytest.raises(PeerError, match="wait"):
        feed(found, frame("new", {"text": TEXT}), times=2 * HELD // len(TEXT))


def test_what_was_let_go_counts_no_more() -> None:
    held = Backlog()
    for _ in range(3):
        for block in range(MOST_BLOCKS):
            held.hold(block, HELD // MOST_BLOCKS - backlog.PER_PIECE)
        for block in range(MOST_BLOCKS):
            held.free(block)
    held.hold("all", HELD - backlog.PER_PIECE)
    with pytest.raises(PeerError, match="bytes"):
        held.hold("all", 0)
