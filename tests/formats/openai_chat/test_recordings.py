"""Every recorded reply of a Chat server comes back to a Chat client field by field, streamed and whole (RULES)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Event, Upstream
from hyperinfer.formats import events as ev
from tests.support.compare import missing
from tests.support.pair import Pair, decode_stream, joined
from tests.support.recordings import Recording, recordings

CHAT = FORMATS["openai_chat"]
ANSWERED = [r for r in recordings() if r.dialect == "openai_chat" and r.status == 200]
STREAMS = [r for r in ANSWERED if r.streamed]
WHOLES = [r for r in ANSWERED if not r.streamed and "error_body" not in r.meta["features"]]

REWRITTEN = {"id", "created", "model", "usage.cost", "usage.cost_details", "usage.is_byok", "usage.cost_in_usd_ticks"}
"""What RULES says is rewritten, and upstreams' own prices."""
IRREGULAR: dict[str, set[str]] = {
    # Thinking that is counted in the total alone.
    "google-openai-compat-compatible-api-with-tool-calls-without-id": {"usage.completion_tokens"},
    "xai-xai-grok-4-fast-tool-stream": {"usage.completion_tokens"},
    # A word that is not Chat's.
    "together-chat-legacy": {"choices[].finish_reason"},
    # Empty stand-ins beside the call that was made.
    "snowflake-thinking": {
        "choices[].logprobs",
        "choices[].message.function_call",
        "choices[].message.tool_calls[].custom",
    },
}
"""What is normalised, by recording."""
_TEXTS = ("content", "refusal", "reasoning", "reasoning_content")
_LISTS = ("reasoning_details", "annotations")


def chunks(stream: bytes) -> list[dict[str, Any]]:
    lines = stream.replace(b"\r\n", b"\n").split(b"\n")
    return [json.loads(line[5:]) for line in lines if line.startswith(b"data:") and b"[DONE]" not in line]


def added_up(found: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What the chunks of a stream say together, however they are cut: texts joined, of other fields the last value."""
    total: dict[str, Any] = {"choices": {}}
    for chunk in found:
        for name, value in chunk.items():
            if name == "choices":
                choices: list[dict[str, Any]] = value or []
                for choice in choices:
                    _add_choice(total["choices"].setdefault(choice.get("index", 0), {"message": {}, "calls": {}}), choice)
            elif value is not None and name not in ("object", "obfuscation"):
                total[name] = value
    for choice in total["choices"].values():
        choice["calls"] = list(choice["calls"].values())
    total["choices"] = list(total["choices"].values())
    return total


def _add_choice(total: dict[str, Any], choice: dict[str, Any]) -> None:
    total.update((name, value) for name, value in choice.items() if name not in ("index", "delta") and value is not None)
    message: dict[str, Any] = total["message"]
    delta: dict[str, Any] = choice.get("delta") or {}
    for name, value in delta.items():
        if value is None:
            continue
        if name in _TEXTS:
            for field, text in _texts(name, value):
                message[field] = message.get(field, "") + text
        elif name in _LISTS:
            message[name] = message.get(name, []) + value
        elif name == "tool_calls":
            pieces: list[dict[str, Any]] = value
            for piece in pieces:
                _add_call(total["calls"], piece)
        else:
            message[name] = value


def _texts(name: str, value: Any) -> Iterable[tuple[str, str]]:
    """Mistral's arrays of parts count as the texts that they hold."""
    if isinstance(value, str):
        yield name, value
        return
    parts: list[dict[str, Any]] = value
    for part in parts:
        if part["type"] == "thinking":
            yield from (("reasoning", inner["text"]) for inner in part["thinking"])
        else:
            yield "content", part["text"]


def _add_call(calls: dict[Any, dict[str, Any]], piece: dict[str, Any]) -> None:
    call = calls.setdefault(piece.get("index", len(calls)), {"function": {"arguments": ""}})
    for name, value in piece.items():
        if name == "function":
            call["function"]["arguments"] += value.get("arguments") or ""
            call["function"].update({key: item for key, item in value.items() if key != "arguments" and item})
        elif name != "index" and value:
            call[name] = value


@pytest.mark.parametrize("recording", STREAMS, ids=str)
def test_a_stream_comes_back_field_by_field(recording: Recording) -> None:
    events = [event for event in decode_stream("openai_chat", [recording.response]) if not isinstance(event, str)]
    before = added_up(chunks(recording.response))
    after = added_up(chunks(Pair("openai_chat").stream(events)))
    if isinstance(events[-1], ev.UpstreamError):
        before.pop("error", None)  # told in the gateway's own envelope
    assert missing(before, after, ignore=REWRITTEN | IRREGULAR.get(recording.path.name, set())) == []
    if not isinstance(events[-1], ev.UpstreamError):
        usage = after["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("recording", WHOLES, ids=str)
def test_a_whole_response_comes_back_field_by_field(recording: Recording) -> None:
    events = CHAT.decode_response(recording.response, Upstream(vendor="openai", id_seed="seed"))
    after = json.loads(Pair("openai_chat").whole(events))
    ignore = REWRITTEN | IRREGULAR.get(recording.path.name, set())
    assert missing(json.loads(recording.response), after, ignore=ignore) == []
    assert (after["id"], after["object"], after["created"], after["model"]) == (
        "gen-r1",
        "chat.completion",
        1_700_000_000,
        "a/model",
    )
    assert after["usage"]["total_tokens"] == after["usage"]["prompt_tokens"] + after["usage"]["completion_tokens"]
    for choice in after["choices"]:
        assert choice["finish_reason"] in ("stop", "length", "tool_calls", "content_filter")
        assert choice["message"].get("reasoning") == choice["message"].get("reasoning_content")


@pytest.mark.parametrize("recording", ANSWERED, ids=str)
def test_a_reply_sent_on_decodes_to_the_same_events(recording: Recording) -> None:
    """A gateway behind this one would read the same, from the stream as from the whole response."""
    events = events_of(recording)
    if isinstance(events[-1], ev.UpstreamError):
        return
    pair = Pair("openai_chat")
    # Text in several pieces of several forms may come as one; a hop adds usage where there was none.
    before, after = _comparable(events), _comparable(pair.through_stream(events))
    assert after == before


def events_of(recording: Recording) -> list[Event]:
    if recording.streamed:
        return [event for event in decode_stream("openai_chat", [recording.response]) if not isinstance(event, str)]
    return list(CHAT.decode_response(recording.response, Upstream(vendor="openai", id_seed="seed")))


def _comparable(events: Iterable[Event | str]) -> list[Event | str]:
    out: list[Event | str] = []
    for event in joined(events):
        if isinstance(event, (ev.MessageStart, ev.UsageUpdate)):
            continue
        if isinstance(event, ev.MessageEnd):
            event = ev.MessageEnd(event.stop, event.stop_sequence)
        out.append(event)
    return out
