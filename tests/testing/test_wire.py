"""The bytes of scripted replies: legal by an independent judge, in the shape that the vendors' own replies have, the same
reply streamed and whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperinfer.formats.codec import Upstream
from hyperinfer.formats.events import (
    ArgumentsDelta,
    Event,
    MessageEnd,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallStart,
    UpstreamError,
    UsageUpdate,
)
from hyperinfer.formats.registry import FORMATS
from hyperinfer.testing import (
    Asked,
    Citation,
    CustomToolCall,
    EndEarly,
    ErrorEvent,
    HttpError,
    Pause,
    RawBytes,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Reply,
    Stop,
    Text,
    ToolCall,
    Usage,
    render,
)
from tests.support.judge import breaches

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

DIALECTS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic_messages")
REPLIES = {
    "text": Reply("Hello ", Text("wörld", " 🎈"), "!"),
    "nothing": Reply(),
    "cited": Reply(Text("as they say", citations=[Citation("https://a.example/", "A"), Citation("https://b.example/")])),
    "thought": Reply(Reasoning("a", "b"), "so"),
    "hidden": Reply(Reasoning(), RedactedReasoning("blob"), "so"),
    "tools": Reply("I look.", ToolCall("f", {"a": [1, "ü"]}, split=3), ToolCall("g"), ToolCall("h", "{}", id="own_id")),
    "called at once": Reply(ToolCall("f", ('{"a"', ":1}"))),
    "refused": Reply(Refusal("I will", " not.")),
    "slow": Reply("a", Pause(1.0), "b", every=0.5),
}
ENDED = {
    f"stop {stop}": Reply(
        "a",
        *([ToolCall("f")] if stop == "tool_calls" else []),
        stop=stop,
        stop_sequence="X" if stop == "stop_sequence" else None,
    )
    for stop in get_args(Stop)
}
everywhere = pytest.mark.parametrize("dialect", DIALECTS)


def asked(*, streamed: bool = True, number: int = 3, **body: Any) -> Asked:
    options = {"stream_options": {"include_usage": True}, "include": ["reasoning.encrypted_content"]}
    return Asked(model="m", streamed=streamed, body={**options, **body}, number=number)


def told(events: Iterable[Event]) -> dict[str, Any]:
    """What a reply says, whatever pieces it came in."""
    found: dict[str, Any] = {"calls": []}

    def add(key: str, piece: str) -> None:
        found[key] = found.get(key, "") + piece

    for event in events:
        match event:
            case TextDelta():
                add("text", event.text)
            case ReasoningDelta():
                add("reasoning", event.text)
            case RefusalDelta():
                add("refusal", event.text)
            case ToolCallStart():
                found["calls"].append([event.call_id, event.name, ""])
            case ArgumentsDelta():
                found["calls"][-1][2] += event.text
            case UsageUpdate():
                given = event.usage
                found["usage"] = (
                    given.input_tokens,
                    given.cache_read,
                    given.cache_write,
                    given.output_tokens,
                    given.reasoning,
                )
            case MessageEnd():
                found["end"] = (event.stop, event.stop_sequence, event.explanation)
            case _:
                pass
    return found


def decoded(dialect: Dialect, stream: bytes) -> Iterator[Event]:
    decoder = FORMATS[dialect].stream_decoder(Upstream(vendor="v", id_seed="s"))
    decoder.receive_data(stream)
    decoder.receive_eof()
    events: list[Event] = []
    decoder.take_events(events)
    yield from events


@everywhere
@pytest.mark.parametrize("name", [*REPLIES, *ENDED])
def test_a_stream_is_legal(dialect: Dialect, name: str) -> None:
    wire = render((REPLIES | ENDED)[name], dialect, asked())
    assert breaches(dialect, wire.body) == []


@everywhere
@pytest.mark.parametrize("name", [*REPLIES, *ENDED])
def test_streamed_and_whole_are_the_same_reply(dialect: Dialect, name: str) -> None:
    reply = (REPLIES | ENDED)[name]
    stream = told(decoded(dialect, render(reply, dialect, asked()).body))
    whole = told(
        FORMATS[dialect].decode_response(
            render(reply, dialect, asked(streamed=False)).body, Upstream(vendor="v", id_seed="s")
        )
    )
    for each in (stream, whole):
        for call in each["calls"]:
            call[2] = json.loads(call[2] or "{}")  # in Messages it is an object, which has no spelling
    assert stream == whole


@everywhere
def test_equal_requests_get_equal_bytes_and_others_other_ids(dialect: Dialect) -> None:
    first, again, other = (render(REPLIES["tools"], dialect, asked(number=number)).body for number in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_calls_of_custom_tools(dialect: Dialect) -> None:
    reply = Reply("I patch.", CustomToolCall("apply_patch", "*** Begin", " Patch", id="call_1"))
    stream = render(reply, dialect, asked()).body
    if dialect == "openai_responses":  # what the judge goes by has no form for it in the streams of Chat Completions
        assert breaches(dialect, stream) == []
    whole = render(reply, dialect, asked(streamed=False)).body
    found = told(FORMATS[dialect].decode_response(whole, Upstream(vendor="v", id_seed="s")))
    assert found == told(decoded(dialect, stream))
    assert found["calls"] == [["call_1", "apply_patch", "*** Begin Patch"]]
    assert found["end"][0] == "tool_calls"


@pytest.mark.parametrize("streamed", [True, False])
def test_messages_has_no_custom_tools(streamed: bool) -> None:
    with pytest.raises(ValueError, match="Messages has no custom tools"):
        render(Reply(CustomToolCall("f", "a")), "anthropic_messages", asked(streamed=streamed))


@everywhere
def test_usage_is_given_or_counted(dialect: Dialect) -> None:
    usage = Usage(input=100, output=50, cached=60, cache_written=10, reasoning=5)
    given = told(decoded(dialect, render(Reply("a", usage=usage), dialect, asked()).body))["usage"]
    assert given == (100, 60, 10, 50, 5)
    counted = told(decoded(dialect, render(Reply(Reasoning("12345"), "123456789"), dialect, asked()).body))["usage"]
    assert counted == (10, 0, 0, 5, 2)


@everywhere
@pytest.mark.parametrize("status", [429, 500, 529])
def test_an_error_within_the_stream_is_the_vendors(dialect: Dialect, status: int) -> None:
    wire = render(Reply("Hel", ErrorEvent(status, "Too much")), dialect, asked())
    if dialect != "openai_responses":
        assert breaches(dialect, wire.body, failed=True) == []
    else:
        # The judge goes by OpenAI's types, where `error` is flat and the last event; the API itself sends what is here.
        assert [kind_of(event) for event in payloads(wire.body)][-2:] == ["error ", "response.failed "]
    last = list(decoded(dialect, wire.body))[-1]
    assert isinstance(last, UpstreamError)
    assert "Too much" in repr(last)
    whole = render(Reply("Hel", ErrorEvent(status, "Too much")), dialect, asked(streamed=False))
    assert (whole.status, json.loads(whole.body)["error"]["message"]) == (status, "Too much")


@everywhere
def test_an_http_error_is_the_vendors_with_what_is_asked_of_it(dialect: Dialect) -> None:
    wire = render(HttpError(429, retry_after=1.5, code="c", headers={"X-A": "b"}, wait=2.0), dialect, asked())
    assert (wire.status, wire.wait, wire.streamed) == (429, 2.0, False)
    assert {("retry-after", "1.5"), ("x-a", "b"), ("content-type", "application/json")} <= set(wire.headers)
    error = json.loads(wire.body)["error"]
    if dialect == "anthropic_messages":
        assert (error["type"], error["details"]) == ("rate_limit_error", {"error_code": "c"})
    else:
        assert (error["type"], error["code"], error["param"]) == ("tokens", "c", None)


@everywhere
def test_raw_bytes_and_early_ends_are_as_given(dialect: Dialect) -> None:
    wire = render(Reply("Hel", RawBytes(b"data: {oops\n\n"), EndEarly()), dialect, asked())
    assert wire.body.endswith(b"data: {oops\n\n")
    assert not any(isinstance(event, MessageEnd) for event in told_so_far(dialect, wire.body[: -len(b"data: {oops\n\n")]))


def told_so_far(dialect: Dialect, stream: bytes) -> list[Event]:
    decoder = FORMATS[dialect].stream_decoder(Upstream(vendor="v", id_seed="s"))
    decoder.receive_data(stream)
    events: list[Event] = []
    decoder.take_events(events)
    return events


def test_nothing_comes_after_an_end() -> None:
    with pytest.raises(ValueError, match="nothing can come after EndEarly"):
        Reply(EndEarly(), "more")


@everywhere
@pytest.mark.parametrize("split", [1, 5, "whole", (2, 3)])
def test_cuts_keep_bytes_and_times(dialect: Dialect, split: Any) -> None:
    reply = Reply(*REPLIES["slow"].parts, every=0.5, split=split)
    wire = render(reply, dialect, asked())
    plain = render(REPLIES["slow"], dialect, asked())
    assert wire.body == plain.body
    assert times_of(wire.chunks) == times_of(plain.chunks)
    sizes = [len(chunk.data) for chunk in wire.chunks]
    if split == (2, 3):
        assert sizes[:2] == [2, 3]
    elif split == "whole":
        # Before the first delta, that, what the second one opens with after the pause (in Chat nothing), and that.
        assert len(sizes) == (3 if dialect == "openai_chat" else 4)
    else:
        assert max(sizes) == split


def times_of(chunks: Iterable[Any]) -> list[float]:
    """When each byte comes."""
    at, found = 0.0, list[float]()
    for chunk in chunks:
        at += chunk.delay
        found += [at] * len(chunk.data)
    return found


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
_PIECES = st.lists(_WORDS, min_size=1, max_size=3)


@settings(max_examples=25)
@given(
    st.lists(
        st.one_of(
            _PIECES.map(lambda pieces: Text(*pieces)),
            st.builds(ToolCall, _WORDS, st.dictionaries(_WORDS, _WORDS, min_size=1, max_size=2), _WORDS, st.integers(1, 5)),
        ),
        max_size=3,
    ),
    _PIECES,
)
def test_what_was_scripted_is_what_is_read(parts: list[Any], thought: list[str]) -> None:
    for dialect in DIALECTS:
        stream = told(decoded(dialect, render(Reply(Reasoning(*thought), *parts), dialect, asked()).body))
        assert stream["reasoning"] == "".join(thought)
        assert stream.get("text", "") == "".join(part.text for part in parts if isinstance(part, Text))
        calls = [part for part in parts if isinstance(part, ToolCall)]
        assert stream["calls"] == [[call.id, call.name, call.text] for call in calls]


OWN = {
    "openai_chat": "openai-openai-gpt-*-stream*",
    "openai_responses": "openai-openai-*-stream",
    "anthropic_messages": "anthropic-*stream*",
}
"""The vendors' own streams among the recordings."""
BEYOND = {"reasoning_content", "cache_write_tokens", "output_tokens_details", "thinking_tokens", "annotations", "summary"}
"""What the recordings are too old for, what OpenAI's own Chat Completions has not got, and what no model thought there."""


@everywhere
def test_events_have_the_keys_that_the_vendors_have(dialect: Dialect, shared: Path) -> None:
    real = dict[str, set[str]]()
    for folder in (shared / "recordings" / dialect).glob(OWN[dialect]):
        if (folder / "response.sse").is_file():
            for event in payloads((folder / "response.sse").read_bytes()):
                real.setdefault(kind_of(event), set()).update(paths_of(event))
    assert real
    compared = 0
    for name in ("text", "thought", "tools", "called at once"):
        for event in payloads(render(REPLIES[name], dialect, asked()).body):
            if (kind := kind_of(event)) in real:
                compared += 1
                odd = {path for path in paths_of(event) - real[kind] if not BEYOND & set(path.split("."))}
                assert not odd, (kind, odd)
    assert compared > 20


def payloads(stream: bytes) -> Iterator[dict[str, Any]]:
    for line in stream.decode().splitlines():
        if line.startswith("data: {"):
            yield json.loads(line[6:])


def kind_of(event: dict[str, Any]) -> str:
    inner: Any = event.get("item") or event.get("content_block") or event.get("delta")
    return f"{event.get('type', 'chunk')} {cast('Any', inner).get('type', '') if isinstance(inner, dict) else ''}"


def paths_of(value: Any, path: str = "") -> set[str]:
    """The path of every member."""
    found = set[str]()
    if isinstance(value, list):
        for item in cast("Iterable[Any]", value):
            found |= paths_of(item, path)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            found.add(f"{path}.{key}")
            # What the caller's own schemas and arguments hold is no member of the event.
            found |= paths_of(item, f"{path}.{key}") if key not in ("input", "tools", "metadata") else set()
    return found
