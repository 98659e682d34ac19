"""Anthropic Messages from a client's side: what it asks, and how it reads the answer.

Sources: the types and the stream reader of anthropic-sdk-python, Anthropic's pages on streaming and on errors.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hyperinfer.testing.conformance.event_stream import Frame, document, frames
from hyperinfer.testing.conformance.heard import Heard, HeardCall
from hyperinfer.testing.conformance.json_values import count, parsed, record, records, short, string

if TYPE_CHECKING:
    from hyperinfer.testing.conformance.said import Ask, Object

PATH = "/messages"
_STOPS = ("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded")
_DELTAS = {
    "text": {"text_delta": "text", "citations_delta": ""},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
}
_ERRORS = ("invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error")
ERRORS = (
    *_ERRORS,
    "request_too_large",
    "rate_limit_error",
    "timeout_error",
    "api_error",
    "overloaded_error",
    "conflict_error",
)
"""The types of errors that the format has."""


def body(ask: Ask, model: str, *, streamed: bool) -> Object:
    """The first request."""
    content: list[Object] = [{"type": "text", "text": ask.prompt}]
    if ask.image:
        source = {"type": "base64", "media_type": "image/png", "data": ask.image}
        content.append({"type": "image", "source": source})
    value: Object = {"model": model, "max_tokens": ask.limit, "messages": [{"role": "user", "content": content}]}
    if ask.system:
        value["system"] = ask.system
    if streamed:
        value["stream"] = True
    if ask.effort:
        value |= {"thinking": {"type": "adaptive"}, "output_config": {"effort": ask.effort}}
    if ask.schema is not None:
        value["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
    if ask.tools:
        value["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in ask.tools
        ]
    if ask.choice:
        other = {"required": {"type": "any"}, "none": {"type": "none"}}
        value["tool_choice"] = other.get(ask.choice, {"type": "tool", "name": ask.choice})
    return value


def again(before: Object, heard: Heard, results: list[tuple[str, str]]) -> Object:
    """The second request: the model's turn as it was heard, and what the tools returned."""
    told: list[Object] = [{"type": "tool_result", "tool_use_id": call, "content": text} for call, text in results]
    turns: list[Object] = [{"role": "assistant", "content": heard.turn}, {"role": "user", "content": told}]
    return {**before, "messages": [*before["messages"], *turns]}


def read_whole(value: Object) -> Heard:
    """A whole answer."""
    heard = Heard()
    _envelope(value, heard)
    heard.stop = string(value.get("stop_reason"))
    heard.must(heard.stop in _STOPS, "fields", f"stop_reason is {value.get('stop_reason')!r}")
    heard.must("stop_sequence" in value, "fields", "no stop_sequence (null is meant)")
    heard.finished = bool(heard.stop)
    heard.turn = records(value.get("content"))
    heard.must(isinstance(value.get("content"), list), "fields", f"content is {short(value.get('content'), 60)}")
    _usage(record(value.get("usage")), heard)
    _parts(heard)
    return heard


class _Reader:
    """Puts a stream together."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.state = "start"
        self.open: Object | None = None
        self.buffer = ""
        self.usage: Object = {}

    def read(self, raw: bytes) -> Heard:
        heard = self.heard
        for frame in frames(raw, heard):
            self.event(frame, document(frame, heard))
        if heard.error is None:
            heard.must(heard.finished, "terminal", "no message_stop")
            heard.must(self.open is None, "blocks", "a block is never closed")
        else:
            heard.must(not heard.finished, "terminal", "an error, and message_stop")
        for block in heard.turn:
            if block.get("type") == "tool_use":
                block["input"] = parsed(block.pop("_buffer") or "{}")
        _usage(self.usage, heard)
        _parts(heard)
        return heard

    def event(self, frame: Frame, value: Object) -> None:
        heard, kind = self.heard, string(value.get("type"))
        heard.must(frame.name == kind, "framing", f"event {frame.name!r} has type {kind!r}")
        heard.must(not heard.finished, "terminal", f"{kind} after message_stop")
        heard.must(heard.error is None, "terminal", f"{kind} after the error")
        if kind not in ("message_start", "ping", "error"):
            heard.must(self.state != "start", "order", f"{kind} before message_start")
        match kind:
            case "ping":
                pass
            case "error":
                heard.error = record(value.get("error"))
            case "message_start":
                heard.must(self.state == "start", "order", "message_start comes twice")
                message = record(value.get("message"))
                _envelope(message, heard)
                heard.must(message.get("content") == [], "order", f"message_start has content {message.get('content')!r}")
                self.usage, self.state = record(message.get("usage")), "body"
            case "content_block_start":
                self.start(value)
            case "content_block_delta":
                self.delta(value)
            case "content_block_stop":
                good = self.open is not None and value.get("index") == len(heard.turn) - 1
                heard.must(good, "blocks", f"stop of block {value.get('index')!r}, which is not open")
                self.open = None
            case "message_delta":
                heard.must(self.state == "body", "order", "message_delta comes twice or too late")
                heard.must(self.open is None, "blocks", "message_delta while a block is open")
                self.usage = {**self.usage, **{k: v for k, v in record(value.get("usage")).items() if v is not None}}
                heard.stop, self.state = string(record(value.get("delta")).get("stop_reason")), "tail"
                heard.must(heard.stop in _STOPS, "terminal", f"stop_reason {heard.stop!r}")
            case "message_stop":
                heard.must(self.state == "tail", "order", "message_stop without message_delta before it")
                heard.finished = True
            case _:
                heard.must(False, "order", f"an event of type {kind!r}")

    def start(self, value: Object) -> None:
        heard, index = self.heard, value.get("index")
        heard.must(self.state == "body", "order", "a block after message_delta")
        heard.must(self.open is None, "blocks", f"block {index!r} opens while another is open")
        heard.must(index == len(heard.turn), "blocks", f"block {index!r} opens where {len(heard.turn)} was due")
        block = dict(record(value.get("content_block")))
        kind = string(block.get("type"))
        empty = {"text": "text", "thinking": "thinking"}.get(kind)
        heard.must(not empty or block.get(empty) == "", "blocks", f"a {kind} block opens with {block!r}")
        if kind == "tool_use":
            heard.must(block.get("input") == {}, "blocks", f"a tool_use block opens with input {block.get('input')!r}")
            others = [each.get("id") for each in heard.turn]
            heard.must(string(block.get("id")) and block["id"] not in others, "ids", f"tool_use id {block.get('id')!r}")
            block["_buffer"] = ""
        self.open = block
        heard.turn.append(block)

    def delta(self, value: Object) -> None:
        heard, block = self.heard, self.open
        good = block is not None and value.get("index") == len(heard.turn) - 1
        if not heard.must(good, "blocks", f"a delta of block {value.get('index')!r}, which is not open") or block is None:
            return
        delta = record(value.get("delta"))
        kind, fields = string(delta.get("type")), _DELTAS.get(string(block.get("type")))
        if fields is None:
            return  # of a server's tools, which nothing here asks for
        if heard.must(kind in fields, "blocks", f"{kind} in a block of type {block.get('type')!r}") and fields[kind]:
            name = "_buffer" if kind == "input_json_delta" else fields[kind]
            block[name] = string(block.get(name)) + string(delta.get(fields[kind]))


def read_stream(raw: bytes) -> Heard:
    """A streamed answer."""
    return _Reader().read(raw)


def error_of(value: Object) -> tuple[Object, str]:
    """The error of an answer, and what is wrong with its envelope."""
    error = record(value.get("error"))
    if value.get("type") != "error":
        return error, f"type is {value.get('type')!r}, not 'error'"
    if error.get("type") not in ERRORS:
        return error, f"error.type is {error.get('type')!r}"
    return error, "" if string(error.get("message")) else "no error.message"


def _envelope(message: Object, heard: Heard) -> None:
    for name, wanted in (("type", "message"), ("role", "assistant")):
        heard.must(message.get(name) == wanted, "fields", f"{name} is {message.get(name)!r}")
    for name in ("id", "model"):
        heard.must(string(message.get(name)), "fields", f"{name} is {message.get(name)!r}")
    usage = record(message.get("usage"))
    for name in ("input_tokens", "output_tokens"):
        heard.must(count(usage.get(name)) is not None, "fields", f"usage.{name} is {usage.get(name)!r}")


def _parts(heard: Heard) -> None:
    """Of its blocks."""
    for block in heard.turn:
        match block.get("type"):
            case "text":
                heard.text += string(block.get("text"))
            case "thinking":
                heard.reasoning += string(block.get("thinking"))
            case "tool_use":
                arguments = json.dumps(block.get("input"), ensure_ascii=False)
                heard.calls.append(HeardCall(string(block.get("id")), string(block.get("name")), arguments))
            case _:
                pass


def _usage(told: Object, heard: Heard) -> None:
    details = record(told.get("output_tokens_details"))
    heard.usage = {
        "input": count(told.get("input_tokens")),
        "output": count(told.get("output_tokens")),
        "cached": count(told.get("cache_read_input_tokens")),
        "written": count(told.get("cache_creation_input_tokens")),
        "reasoning": count(details.get("thinking_tokens")),
    }
