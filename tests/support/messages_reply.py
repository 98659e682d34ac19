"""Replies of a Chat upstream, written for a Messages client both ways."""

from __future__ import annotations

import json
from typing import Any

from hyperinfer.formats import events as ev
from hyperinfer.formats.usage import Usage
from tests.support.messages_codec import encode_stream, encode_whole, frames, judged, reply

CHAT = reply("openai_chat")
START = ev.MessageStart("openai_chat", id="up", model="up")
USAGE = ev.UsageUpdate(
    Usage(input_tokens=100, output_tokens=20, cache_read=60, cache_write=10, cache_write_1h=4, reasoning=5)
)
Events = list[ev.Event]


def text(words: str) -> Events:
    return [ev.TextStart(), ev.TextDelta(words), ev.TextEnd()]


def call(*pieces: str, call_id: str = "c", **fields: Any) -> Events:
    return [ev.ToolCallStart(call_id, "f", **fields), *(ev.ArgumentsDelta(piece) for piece in pieces), ev.ToolCallEnd()]


def written(*events: ev.Event, end: ev.MessageEnd | None = None, answer: Any = CHAT) -> tuple[dict[str, Any], list[str]]:
    """(the message, paths of losses), after checking that stream and whole reply agree and that the stream is legal."""
    whole = [START, *events, USAGE, end or ev.MessageEnd("stop")]
    data, losses = encode_stream(whole, answer)
    assert judged(data) == []
    message = encode_whole(whole, answer)
    assert _accumulated(frames(data)) == message
    return message, losses


def _accumulated(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that the official SDK makes of a stream."""
    message: dict[str, Any] = {}
    pieces = ""
    for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(event["content_block"])
                pieces = ""
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                match delta["type"]:
                    case "text_delta":
                        block["text"] += delta["text"]
                    case "thinking_delta":
                        block["thinking"] += delta["thinking"]
                    case "signature_delta":
                        block["signature"] = delta["signature"]
                    case "citations_delta":
                        block.setdefault("citations", []).append(delta["citation"])
                    case _:
                        pieces += delta["partial_json"]
                        block["input"] = pieces
            case "content_block_stop":
                if pieces:
                    message["content"][-1]["input"] = json.loads(pieces)
            case "message_delta":
                message.update(event["delta"])
                message["usage"].update(event["usage"])
            case _:
                assert event["type"] == "message_stop"
    return message


def content(*events: ev.Event) -> list[dict[str, Any]]:
    message, losses = written(*events)
    assert losses == []
    blocks: list[dict[str, Any]] = message["content"]
    return blocks
