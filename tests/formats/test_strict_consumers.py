"""Every stream that we write, read by the official SDKs: all pairs, every order of events, failures at every place."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_args

import msgspec
import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel, ValidationError

from hyperinfer.formats import FORMATS, Dialect, ErrorReport, Event
from hyperinfer.formats import events as ev
from hyperinfer.formats.server_tools import TOOL_NAMES
from hyperinfer.formats.wire import is_array, is_object
from tests.support.consumers import read
from tests.support.judge import breaches_if_judged
from tests.support.pair import ASKED, Pair
from tests.support.recordings import DIALECTS
from tests.support.strategies import Walk, event_sequences
from tests.support.tool_runs import TOOL_RUNS

PAIRS = [(client, upstream) for client in DIALECTS for upstream in DIALECTS]
REPORT = ErrorReport("provider_unavailable", "The provider closed the stream.", "r1")


def walk(client: Dialect, upstream: Dialect, *, failures: bool = False) -> Walk:
    """All that an upstream of the protocol may say.

    What no judge can know is left out: new events on a hop between equal formats, custom calls in a Chat stream (they have
    no official form), and a failure after another choice is complete.
    """
    further = 2 if upstream == "openai_chat" and not failures else 0
    return Walk(
        upstream,
        rich=True,
        unknown=client != upstream,
        failures=failures,
        custom_tools=not client == upstream == "openai_chat",
        further=further,
        item_ids=upstream == "openai_responses",
        tool_runs=TOOL_RUNS,
        most_blocks=4,
    )


def pair(client: Dialect, upstream: Dialect) -> Pair:
    """Writes to a client that asked for as many choices as a walk may have."""
    asked = FORMATS[client].decode_request(ASKED[client])
    asked = msgspec.structs.replace(asked, sampling=msgspec.structs.replace(asked.sampling, n=3))
    return Pair(client, upstream=upstream, conversation=asked)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_what_a_client_puts_together_is_the_whole_response(client: Dialect, upstream: Dialect) -> None:
    writer = pair(client, upstream)

    @settings(max_examples=20, deadline=None)
    @given(event_sequences(walk(client, upstream)))
    def check(events: tuple[Event, ...]) -> None:
        stream = writer.stream(events)
        assert breaches_if_judged(client, stream) == []
        assert mistyped(client, stream) == []
        found = read(client, stream)
        assert found.error is None
        assert said(client, found.final) == said(client, json.loads(writer.whole(events)))

    check()


_DROPPED: dict[Dialect, tuple[str, ...]] = {
    "openai_chat": ("index", "stop_reason", "hi_tool_events"),
    "openai_responses": (),
    "anthropic_messages": ("cache_creation",),
}
"""What an SDK keeps or drops by a design of its own: the `index` of a list's entry, fields of a choice and of a chunk that
are not Chat's; how what a cache holds is split by age, which it takes from `message_start` alone."""


def said(client: Dialect, value: Any) -> Any:
    """A JSON value without the above, and without what says nothing: an SDK may have "", null or an empty list."""
    if is_object(value):
        kept = {name: said(client, item) for name, item in value.items() if name not in _DROPPED[client]}
        return {name: item for name, item in kept.items() if item not in (None, [], {}, "")}
    return [said(client, item) for item in value] if is_array(value) else value


@cache
def _declared(client: Dialect) -> dict[str | None, type[BaseModel]]:
    """The SDK's type for a frame, by the frame's `type`."""
    if client == "openai_chat":
        return {None: ChatCompletionChunk}
    union = get_args(ResponseStreamEvent if client == "openai_responses" else RawMessageStreamEvent)[0]
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(union)}


def mistyped(client: Dialect, stream: bytes) -> list[str]:
    """Where frames are not of the types that the SDK declares for them."""
    found: list[str] = []
    for line in stream.split(b"\n"):
        if line.startswith(b"data: {"):
            frame = with_known_name(json.loads(line[6:]))
            kind = _declared(client).get(frame.get("type"))
            if kind is not None:
                found += _wrong(kind, frame)
    return found


def with_known_name(frame: dict[str, Any]) -> dict[str, Any]:
    """A call of a tool that Anthropic has none like: its SDK lists names of tools, which it does not enforce."""
    block = frame.get("content_block")
    if is_object(block) and block.get("type") == "server_tool_use" and block["name"] in TOOL_NAMES:
        return {**frame, "content_block": {**block, "name": "web_search"}}
    return frame


def _wrong(kind: type[BaseModel], frame: dict[str, Any]) -> list[str]:
    try:
        kind.model_validate(frame)
    except ValidationError as error:
        return [f"{kind.__name__} {wrong['loc']}: {wrong['msg']}" for wrong in error.errors()]
    return []


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_failure_is_told_wherever_it_strikes(client: Dialect, upstream: Dialect) -> None:
    writer = pair(client, upstream)

    @settings(max_examples=20, deadline=None)
    @given(event_sequences(walk(client, upstream, failures=True)), st.data())
    def check(events: tuple[Event, ...], data: st.DataObject) -> None:
        if isinstance(events[-1], ev.UpstreamError):
            check_failure(client, writer.stream(events), events[-1].message)
        encoder = writer.codec.stream_encoder(writer.reply)
        place = data.draw(st.integers(0, len(events) - 1))
        stream = b"".join(encoder.send(event) for event in events[:place])
        check_failure(client, stream + encoder.fail(REPORT), REPORT.message)

    check()


def check_failure(client: Dialect, stream: bytes, message: str) -> None:
    """A stream that ends with an error, in the form that its readers raise."""
    found = breaches_if_judged(client, stream, failed=True)
    # A call that the failure cut off has no whole arguments, and nobody may make them up.
    assert [breach for breach in found if not breach.startswith("chat.tool_args")] == []
    told = read(client, stream)
    assert (told.final, told.error) == (None, message)
    *_, last, nothing = stream.split(b"\n\n")
    assert nothing == b""
    match client:
        case "openai_chat":
            assert last == b"data: [DONE]"
            assert stream.split(b"\n\n")[-3].startswith(b'data: {"error":')
        case "openai_responses":
            assert last.startswith(b"event: response.failed\n")
        case "anthropic_messages":
            assert last.startswith(b"event: error\n")
