"""Requests of texts alone are written in one step: with the result of the general way, to the byte."""

from __future__ import annotations

import importlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hyperinfer.formats import FORMATS, Dialect, Target
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.quirks import PROTOCOL_QUIRKS, overlay, quirk_facts
from tests.support.near import each_change, near
from tests.support.recordings import DIALECTS, recordings
from tests.support.short_ways import ShortWays, short_ways

if TYPE_CHECKING:
    from hyperinfer.formats import Conversation

QUIRKS = {fact.name: fact.values for fact in quirk_facts()}


PLAIN = {
    dialect: importlib.import_module(f"hyperinfer.formats.{dialect}.plain_request").encode_plain for dialect in DIALECTS
}
PLACES = [(importlib.import_module(f"hyperinfer.formats.{dialect}.request_encode"), "encode_plain") for dialect in DIALECTS]

CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "You answer briefly."},
        {"role": "user", "content": [{"type": "text", "text": "Hello."}]},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Who are you?"},
    ],
    "max_tokens": 512,
    "temperature": 0.5,
    "top_p": 1,
    "stream": True,
    "stream_options": {"include_usage": True},
}
RESPONSES: dict[str, Any] = {
    "model": "m",
    "instructions": "You answer briefly.",
    "input": [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": [{"type": "input_text", "text": "Who are you?"}]},
    ],
    "max_output_tokens": 512,
    "temperature": 0.5,
    "top_p": 1,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
}
MESSAGES: dict[str, Any] = {
    "model": "m",
    "system": [{"type": "text", "text": "You answer briefly."}],
    "messages": CHAT["messages"][1:],
    "max_tokens": 512,
    "temperature": 0.5,
    "top_p": 1,
    "stream": True,
}
BODIES: dict[Dialect, dict[str, Any]] = {
    "openai_chat": CHAT,
    "openai_responses": RESPONSES,
    "anthropic_messages": MESSAGES,
}
NAMES = (
    *("tools", "tool_choice", "parallel_tool_calls", "reasoning", "reasoning_effort", "thinking", "response_format", "text"),
    *("metadata", "user", "service_tier", "verbosity", "prompt_cache_key", "store", "cache_control", "include", "plugins"),
    *("stop", "stop_sequences", "n", "seed", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs"),
    *("top_logprobs", "top_k", "max_completion_tokens", "name", "phase", "id", "type", "status", "refusal", "tool_calls"),
    *("reasoning_content", "function_call", "hi_tool_events", "background", "safety_identifier", "unheard_of"),
)
VALUES = (
    *("auto", "low", "none", "user", "assistant", "system", "developer", "tool", "message", "final_answer", "msg_1", " a "),
    *(
        [{"type": "text", "text": "x"}],
        [{"type": "input_text", "text": "x"}],
        {"type": "ephemeral"},
        {"type": "text"},
        1.5,
        2,
    ),
    *({"role": "user", "content": "x"}, {"role": "system", "content": "x"}, {"role": "developer", "content": "x"}),
    *({"role": "assistant", "content": "x "}, {"role": "tool", "content": "x", "tool_call_id": "c"}, {"user_id": "u"}),
    *({"role": "user", "content": [{"type": "text", "text": "x"}]}, {"format": {"type": "text"}}, {"effort": "low"}),
)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """Upstreams, nearly all as their protocol says, others with quirks."""
    dialect = draw(st.sampled_from(DIALECTS))
    names = draw(st.one_of(st.just([]), st.lists(st.sampled_from(sorted(QUIRKS)), max_size=2, unique=True)))
    return Target(
        dialect=dialect,
        model="upstream",
        vendor=draw(st.sampled_from([DEFAULT_VENDOR[dialect], "other"])),
        streamed=draw(st.booleans()),
        max_output_tokens=draw(st.sampled_from([0, 1, 15, 400, 32_000])),
        quirks=overlay(PROTOCOL_QUIRKS[dialect], {name: draw(st.sampled_from(QUIRKS[name])) for name in names}),
        reasons=draw(st.booleans()),
    )


def written(conversation: Conversation, target: Target) -> object:
    try:
        return FORMATS[target.dialect].encode_request(conversation, target)
    except RequestError as error:
        return error.message, error.param, error.code


def check_both_ways(ways: ShortWays, client: Dialect, body: bytes, *targets: Target) -> None:
    try:
        conversation = FORMATS[client].decode_request(body)
    except RequestError:
        return
    for target in targets:
        if PLAIN[target.dialect](conversation, target) is not None:
            ways.agree(partial(written, conversation, target))


@pytest.mark.parametrize("client", DIALECTS)
def test_like_a_plain_request(client: Dialect) -> None:
    with short_ways(PLACES) as ways:

        @settings(max_examples=80, deadline=None)
        @given(near(BODIES[client], NAMES, VALUES), targets())
        def check(body: bytes, target: Target) -> None:
            check_both_ways(ways, client, body, target)

        check()


@pytest.mark.parametrize("client", DIALECTS)
def test_each_change_of_a_plain_request(client: Dialect) -> None:
    with short_ways(PLACES) as ways:
        for body in each_change(BODIES[client], NAMES, (None, True, 1, "", [], *VALUES)):
            check_both_ways(ways, client, body, *map(target, DIALECTS))


@pytest.mark.parametrize("client", DIALECTS)
def test_each_quirk(client: Dialect) -> None:
    body = json.dumps(BODIES[client]).encode()
    with short_ways(PLACES) as ways:
        for plain in map(target, DIALECTS):
            for name, values in QUIRKS.items():
                changed = [overlay(plain.quirks, {name: value}) for value in values]
                check_both_ways(ways, client, body, *(replace(plain, quirks=quirks) for quirks in changed))


def test_recorded() -> None:
    bodies = [(found, body) for found in recordings() if (body := found.request) is not None]
    if not bodies:
        pytest.skip("the recordings are not there")
    with short_ways(PLACES) as ways:
        for found, body in bodies:
            check_both_ways(ways, found.dialect, body, *map(target, DIALECTS))
        assert ways.taken


def target(dialect: Dialect) -> Target:
    return Target(
        dialect=dialect,
        model="upstream",
        vendor=DEFAULT_VENDOR[dialect],
        streamed=False,
        max_output_tokens=4096,
        quirks=PROTOCOL_QUIRKS[dialect],
    )


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("upstream", DIALECTS)
def test_a_plain_request_takes_the_short_way(client: Dialect, upstream: Dialect) -> None:
    conversation = FORMATS[client].decode_request(json.dumps(BODIES[client]).encode())
    with short_ways(PLACES) as ways:
        FORMATS[upstream].encode_request(conversation, target(upstream))
    assert ways.taken == 1
