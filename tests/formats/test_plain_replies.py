"""Whole replies of one text are read and written in one step: with the result of the general way, to the byte."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats import FORMATS, Dialect, PeerError, Upstream
from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import EncodeError
from hyperinfer.formats.plain_reply import plain_reply
from hyperinfer.formats.usage import Usage
from tests.support.near import each_change, near
from tests.support.pair import Pair
from tests.support.recordings import DIALECTS, recordings
from tests.support.short_ways import ShortWays, short_ways
from tests.support.strategies import JSON_VALUES, TEXT

if TYPE_CHECKING:
    from hyperinfer.formats import Event

UPSTREAM = Upstream(vendor="maker", id_seed="seed")
PAIRS: list[tuple[Dialect, Dialect]] = [(client, upstream) for client in DIALECTS for upstream in DIALECTS]
WRITERS = {
    "openai_chat": "openai_chat.response",
    "openai_responses": "openai_responses.stream_encode",
    "anthropic_messages": "anthropic_messages.response_encode",
}


def module(name: str) -> Any:
    return importlib.import_module(f"hyperinfer.formats.{name}")


READING = [(module(f"{dialect}.response"), "decode_plain") for dialect in DIALECTS]
WRITING = [(module(WRITERS[dialect]), "encode_plain") for dialect in DIALECTS]

CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_755_137_921,
    "model": "gpt-5-nano",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi.", "refusal": None, "annotations": [], "audio": None},
            "logprobs": None,
            "finish_reason": "stop",
            "stop_reason": None,
        }
    ],
    "usage": {
        "prompt_tokens": 48,
        "completion_tokens": 18,
        "total_tokens": 66,
        "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 9, "accepted_prediction_tokens": 1},
    },
    "service_tier": "default",
    "system_fingerprint": "fp_1",
}
RESPONSES: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_755_137_921,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": "gpt-5",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "status": "completed",
            "phase": "final_answer",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hi."}],
            "role": "assistant",
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "billing": {"payer": "developer"},
    "usage": {
        "input_tokens": 48,
        "input_tokens_details": {"cached_tokens": 40},
        "output_tokens": 18,
        "output_tokens_details": {"reasoning_tokens": 9},
        "total_tokens": 66,
    },
}
MESSAGES: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hi.", "citations": None}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "stop_details": None,
    "container": None,
    "usage": {
        "input_tokens": 48,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
        "output_tokens": 18,
        "service_tier": "standard",
        "server_tool_use": None,
    },
    "context_management": {"applied_edits": []},
}
BODIES: dict[Dialect, dict[str, Any]] = {
    "openai_chat": CHAT,
    "openai_responses": RESPONSES,
    "anthropic_messages": MESSAGES,
}


def chat_call(call_id: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "look_up", "arguments": arguments}}


def responses_call(item_id: str, arguments: str) -> dict[str, Any]:
    call = {"type": "function_call", "call_id": f"call_{item_id}", "name": "look_up", "arguments": arguments}
    return {"id": item_id, **call, "status": "completed"}


CALLING: dict[Dialect, dict[str, Any]] = {
    "openai_chat": {
        **CHAT,
        "choices": [
            {
                **CHAT["choices"][0],
                "message": {
                    **CHAT["choices"][0]["message"],
                    "tool_calls": [chat_call("c1", '{"a": 1}'), chat_call("c2", ""), chat_call("c3", '{"b": [')],
                },
                "finish_reason": "tool_calls",
            }
        ],
    },
    "openai_responses": {
        **RESPONSES,
        "output": [*RESPONSES["output"], responses_call("fc_1", '{"a": 1}'), responses_call("fc_2", "")],
    },
    "anthropic_messages": {
        **MESSAGES,
        "content": [
            *MESSAGES["content"],
            {"type": "tool_use", "id": "t1", "name": "look_up", "input": {"a": 1}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "t2", "name": "look_up", "input": {}},
        ],
        "stop_reason": "tool_use",
    },
}
"""Replies that call tools, which are read in one step as well."""
NAMES = (
    *("error", "message", "citations", "search_results", "text", "logprobs", "reasoning", "reasoning_content", "tool_calls"),
    *("function_call", "stop_reason", "matched_stop", "usage", "phase", "status", "container", "detail", "images", "cost"),
    *("iterations", "incomplete_details", "instructions", "cached_tokens", "total_tokens", "index", "unheard_of"),
)
VALUES = (
    *("stop", "error", "length", "refusal", "failed", "incomplete", "stop_sequence", "content_filter", "max_tokens"),
    *(["https://a.b"], [{"type": "text", "text": "x"}], [{"type": "output_text", "text": "x"}], {"message": "x"}),
    *(
        "text",
        "output_text",
        "message",
        "end_turn",
        "completed",
        "tool_calls",
        "function",
        "c1",
        "fc_1",
        "custom",
        "call_fc_1",
    ),
    *([{"id": "c9", "type": "function", "function": {"name": "f", "arguments": "{}"}}], {"name": "f", "arguments": "{}"}),
    *("msg_1", {"explanation": "x"}, [{"token": "x"}]),
)


def read(dialect: Dialect, body: bytes) -> tuple[Event, ...] | str:
    try:
        return FORMATS[dialect].decode_response(body, UPSTREAM)
    except PeerError as error:
        return error.reason


REPLIES = {(client, upstream): Pair(client, upstream=upstream).reply for client, upstream in PAIRS}


def written(client: Dialect, upstream: Dialect, events: Sequence[Event]) -> object:
    try:
        return FORMATS[client].encode_response(events, REPLIES[client, upstream])
    except EncodeError as error:
        return str(error)


def with_costs(event: Event) -> Event:
    """As the meter leaves it."""
    if not isinstance(event, ev.UsageUpdate):
        return event
    return msgspec.structs.replace(event, usage=msgspec.structs.replace(event.usage, cost=1_234_567))


def check_both_ways(ways: ShortWays, dialect: Dialect, body: bytes) -> None:
    found = ways.agree(partial(read, dialect, body))  # told by repr, which tells 0 from false, and the order of fields
    if isinstance(found, str) or not isinstance(found[-1], ev.MessageEnd):
        return
    events = [with_costs(event) for event in found]
    for client in DIALECTS if plain_reply(events) is not None else ():
        ways.agree(partial(written, client, dialect, events))


@pytest.mark.parametrize("bodies", [BODIES, CALLING], ids=["text", "calls"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_like_a_plain_reply(dialect: Dialect, bodies: dict[Dialect, dict[str, Any]]) -> None:
    with short_ways([*READING, *WRITING]) as ways:

        @settings(max_examples=40, deadline=None)
        @given(near(bodies[dialect], NAMES, VALUES))
        def check(body: bytes) -> None:
            check_both_ways(ways, dialect, body)

        check()


@pytest.mark.parametrize("bodies", [BODIES, CALLING], ids=["text", "calls"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_change_of_a_plain_reply(dialect: Dialect, bodies: dict[Dialect, dict[str, Any]]) -> None:
    with short_ways([*READING, *WRITING]) as ways:
        for body in each_change(bodies[dialect], NAMES, (None, True, 0, "", [], *VALUES)):
            check_both_ways(ways, dialect, body)


def test_recorded() -> None:
    bodies = [found for found in recordings() if not found.streamed and found.status == 200]
    if not bodies:
        pytest.skip("the recordings are not there")
    with short_ways([*READING, *WRITING]) as ways:
        for found in bodies:
            check_both_ways(ways, found.dialect, found.response)
        assert ways.taken > len(bodies)


EXTRAS = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["chunk", "choice", "delta", "once", "response", "item", "part", "block", "message", "event", "x"]),
        st.dictionaries(st.sampled_from(["service_tier", "seed", "type", "billing", "status"]), JSON_VALUES, max_size=2),
        max_size=2,
    ),
)
STOPS: tuple[ev.StopReason, ...] = (
    *("stop", "stop_sequence", "length", "context_window", "tool_calls", "pause", "refusal", "unfinished"),
)


@st.composite
def six_events(draw: st.DrawFn, upstream: Dialect) -> tuple[Event, ...]:
    """A start, a text and an end, with anything that there is room for."""

    def seldom(values: st.SearchStrategy[Any], usual: Any = None) -> Any:
        return draw(values) if draw(st.integers(0, 9)) == 7 else usual

    choice = seldom(st.just(1), 0)
    logprobs = st.just([{"token": "a", "logprob": -1.0}])
    counts = Usage(48, 18, 7, 5, 3, 9, cost=draw(st.sampled_from([None, 0, 12])), dialect=upstream, raw=draw(EXTRAS))
    dialect = seldom(st.sampled_from(DIALECTS), upstream)
    return (
        ev.MessageStart(dialect, usage=seldom(st.just(counts)), extra=draw(EXTRAS)),
        ev.TextStart(seldom(TEXT), seldom(TEXT), seldom(EXTRAS), seldom(EXTRAS), choice=choice),
        ev.TextDelta(seldom(st.just(""), "Hi."), seldom(logprobs), seldom(EXTRAS), choice=choice),
        ev.TextEnd(seldom(EXTRAS), choice=choice, logprobs=seldom(logprobs)),
        ev.UsageUpdate(counts, round_over=seldom(st.just(True), False)),
        ev.MessageEnd(
            seldom(st.sampled_from(STOPS), "stop"),
            stop_sequence=seldom(TEXT),
            raw_stop=draw(st.sampled_from([None, "stop", "completed", "incomplete", "end_turn", "queued", "odd"])),
            explanation=seldom(TEXT),
            extra=seldom(EXTRAS),
        ),
    )


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_any_six_events(client: Dialect, upstream: Dialect) -> None:
    with short_ways(WRITING) as ways:

        @settings(max_examples=40, deadline=None)
        @given(six_events(upstream))
        def check(events: tuple[Event, ...]) -> None:
            ways.agree(lambda: written(client, upstream, events))

        check()


def test_the_usual_replies_take_the_short_way() -> None:
    for upstream, body in (*BODIES.items(), *CALLING.items()):
        with short_ways(READING) as reading:
            events = read(upstream, json.dumps(body).encode())
        assert not isinstance(events, str)
        with short_ways(WRITING) as writing:
            for client in DIALECTS:
                written(client, upstream, events)
        assert (reading.taken, writing.taken) == (1, 3 if body in BODIES.values() else 0)
