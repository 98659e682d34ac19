"""Strict readers of the client formats: what an official SDK's accumulator makes of a response, or an AssertionError."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.faults.kit import CHAT, MESSAGES, Seen
from tests.faults.reading_responses import read_items

if TYPE_CHECKING:
    from tests.faults.reading_responses import Frames

Block: TypeAlias = dict[str, Any]
"""`type` is text, reasoning, refusal, call, or the wire's own word; with `text`, or `id`, `name` and `arguments`."""


@dataclass
class Reading:
    """A reply as its client understands it. `stop`: the format's own word. `error`: of a response or stream that failed."""

    blocks: list[Block] = field(default_factory=list[Block])
    stop: str | None = None
    stop_sequence: str | None = None
    usage: dict[str, Any] = field(default_factory=dict[str, Any])
    error: dict[str, Any] | None = None
    whole: dict[str, Any] = field(default_factory=dict[str, Any])

    def texts(self, kind: str) -> str:
        """All text of one kind of block."""
        return "".join(block["text"] for block in self.blocks if block["type"] == kind)

    @property
    def text(self) -> str:
        return self.texts("text")

    @property
    def reasoning(self) -> str:
        return self.texts("reasoning")

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """(name, arguments as JSON data) of each call."""
        return [(block["name"], parsed(block["arguments"])) for block in self.blocks if block["type"] == "call"]

    @property
    def kinds(self) -> list[str]:
        return [block["type"] for block in self.blocks]


def parsed(text: str) -> Any:
    """JSON, or an AssertionError."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise AssertionError(f"no JSON: {text!r}") from error


def read(seen: Seen, *, failed: bool = False) -> Reading:
    """The whole response of status 200. `failed`: it must end in an error; else it must not."""
    assert seen.status == 200, seen.body
    try:
        return _read(seen, failed)
    except (KeyError, TypeError) as error:
        raise AssertionError(f"missing or of another type: {error!r}") from error


def _read(seen: Seen, failed: bool) -> Reading:
    if not seen.stream:
        found = _whole(seen)
    else:
        frames = frames_of(seen.body, named=seen.client != CHAT)
        if seen.client == CHAT:
            found = _read_chat(frames)
        elif seen.client == MESSAGES:
            found = _read_messages(frames)
        else:
            found = _from_response(read_items(frames))
    assert (found.error is not None) == failed, f"error: {found.error}"
    return found


def frames_of(body: bytes, *, named: bool) -> Frames:
    """(name, data) of each event; comments are passed over. Data is JSON, but for [DONE] (as None) on Chat."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise AssertionError(f"no UTF-8: {error}") from error
    assert text.endswith("\n\n"), f"unfinished: {text[-40:]!r}"
    found: Frames = []
    for raw in text.split("\n\n"):
        lines = [line for line in raw.split("\n") if line and not line.startswith(":")]
        if not lines:
            continue
        names = [line[7:] for line in lines if line.startswith("event: ")]
        values = [line[6:] for line in lines if line.startswith("data: ")]
        assert len(names) + len(values) == len(lines), lines
        assert (len(names), len(values)) == (int(named), 1), lines
        if values == ["[DONE]"]:
            assert not named
            found.append(("", None))
            continue
        value = parsed(values[0])
        assert not named or names == [value["type"]], lines
        found.append((names[0] if names else "", value))
    return found


def _read_chat(frames: Frames) -> Reading:
    assert frames, "nothing at all"
    assert frames[-1][1] is None, "no [DONE]"
    found, calls = Reading(), dict[int, Block]()
    for _, chunk in frames[:-1]:
        assert chunk is not None, "[DONE] in the middle"
        assert found.error is None, "a chunk after the error"
        if error := chunk.get("error"):
            assert error["message"], "an error that says nothing"
            found.error = error
            continue
        if chunk.get("usage"):
            assert found.stop is not None, "usage before the finish_reason"
            assert not found.usage, "usage twice"
            found.usage = chunk["usage"]
        for choice in chunk["choices"]:
            assert found.stop is None, "a choice goes on after its finish_reason"
            reason = choice["finish_reason"]
            words = (None, "stop", "length", "tool_calls", "content_filter")
            assert reason in words, f"finish_reason {reason!r}"
            _add_chat_delta(found, calls, choice["delta"])
            found.stop = reason
    if found.error is None:
        assert found.stop, "no finish_reason"
        assert (found.stop == "tool_calls") == bool(calls) or found.stop == "length"
    else:
        assert found.stop is None, "finished, and failed all the same"
    return found


def _add_chat_delta(found: Reading, calls: dict[int, Block], delta: dict[str, Any]) -> None:
    for key, kind in (("reasoning_content", "reasoning"), ("content", "text"), ("refusal", "refusal")):
        if piece := delta.get(key):
            if not found.blocks or found.blocks[-1]["type"] != kind:
                found.blocks.append({"type": kind, "text": ""})
            found.blocks[-1]["text"] += piece
    listed: list[Any] = delta.get("tool_calls") or []
    for call in listed:
        index = call.get("index")
        assert isinstance(index, int), f"tool call without an index: {call}"
        if index not in calls:
            assert index == len(calls), "an index was left out"
            assert call["id"], "a call without an id"
            assert call["function"]["name"], "a call without a name"
            calls[index] = {"type": "call", "id": call["id"], "name": call["function"]["name"], "arguments": ""}
            found.blocks.append(calls[index])
        assert call.get("id") in (None, "", calls[index]["id"]), "another id for the same call"
        calls[index]["arguments"] += call["function"].get("arguments") or ""


_DELTAS = {
    "text": {"text_delta": "text", "citations_delta": "citation"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
    "server_tool_use": {"input_json_delta": "partial_json"},
}


def _read_messages(frames: Frames) -> Reading:
    found, open_index, opened, ended = Reading(), None, 0, False
    blocks: list[Block] = []
    started = False
    for kind, data in frames:
        assert data is not None
        assert not ended, f"{kind} after the end"
        assert found.error is None, f"{kind} after the error"
        if kind == "ping":
            continue
        if kind == "error":
            found.error = data["error"]
        elif kind == "message_start":
            assert not started, "message_start twice"
            started = True
            found.usage = dict(data["message"]["usage"])
            assert data["message"]["content"] == []
        else:
            assert started, f"{kind} without message_start"
        if kind == "content_block_start":
            assert open_index is None, f"block {data['index']} opens while {open_index} is open"
            assert data["index"] == opened, f"index {data['index']} where {opened} was due"
            open_index, opened = opened, opened + 1
            blocks.append({**data["content_block"], "json": "", "sealed": False})
        elif kind == "content_block_delta":
            assert data["index"] == open_index, f"a delta for block {data['index']}, which is not open"
            _add_messages_delta(blocks[-1], data["delta"])
        elif kind == "content_block_stop":
            assert data["index"] == open_index, f"block {data['index']} closes, which is not open"
            open_index = None
        elif kind == "message_delta":
            assert open_index is None, "message_delta while a block is open"
            assert found.stop is None, "message_delta twice"
            found.stop, found.stop_sequence = data["delta"]["stop_reason"], data["delta"].get("stop_sequence")
            found.usage |= {"start": dict(found.usage), "closing": data["usage"], **data["usage"]}
        elif kind == "message_stop":
            ended = True
    if found.error is None:
        assert ended, "no message_stop"
        assert found.stop, "no stop_reason"
    for block in blocks:
        if block["json"]:
            block["input"] = block["json"]
        found.blocks.append(_messages_block(block))
    if found.error is None:
        assert (found.stop == "tool_use") == ("call" in found.kinds) or found.stop == "max_tokens"
    return found


def _add_messages_delta(block: Block, delta: dict[str, Any]) -> None:
    kind = delta["type"]
    fields = _DELTAS.get(block["type"], {})
    assert kind in fields, f"{kind} in a {block['type']} block"
    value = delta[fields[kind]]
    if kind == "input_json_delta":
        block["json"] += value
    elif kind != "citations_delta":
        # The Anthropic SDK sets a signature and appends everything else.
        assert not block["sealed"], "something after the signature"
        block["sealed"] = kind == "signature_delta"
        block[fields[kind]] += value


def _messages_block(block: Block) -> Block:
    kind = block["type"]
    if kind == "text":
        return {"type": "text", "text": block["text"]}
    if kind == "thinking":
        return {"type": "reasoning", "text": block["thinking"], "signature": block["signature"]}
    if kind == "tool_use":
        given = block["input"]
        arguments = given if isinstance(given, str) else json.dumps(given)
        parsed(arguments)
        return {"type": "call", "id": block["id"], "name": block["name"], "arguments": arguments}
    return {**block, "text": ""}


def _whole(seen: Seen) -> Reading:
    value = parsed(seen.body.decode())
    if error := value.get("error"):
        return Reading(error=error)
    if seen.client == CHAT:
        (choice,) = value["choices"]
        found = Reading(stop=choice["finish_reason"], usage=value["usage"], whole=value)
        message, calls = choice["message"], list(choice["message"].get("tool_calls") or [])
        indexed = [{**call, "index": index} for index, call in enumerate(calls)]
        _add_chat_delta(found, {}, {**message, "tool_calls": indexed})
        assert (found.stop == "tool_calls") == bool(calls) or found.stop == "length"
        return found
    if seen.client == MESSAGES:
        blocks = [_messages_block(block) for block in value["content"]]
        return Reading(blocks, value["stop_reason"], value["stop_sequence"], value["usage"], whole=value)
    return _from_response(value)


def _from_response(value: dict[str, Any]) -> Reading:
    stop, details = value["status"], value.get("incomplete_details")
    assert stop in ("completed", "incomplete", "failed"), stop
    assert (stop == "incomplete") == bool(details), f"{stop}, with incomplete_details {details}"
    assert (stop == "failed") == bool(value.get("error")), f"{stop}, with error {value.get('error')}"
    found = Reading(stop=stop, usage=value.get("usage") or {}, error=value.get("error"), whole=value)
    for item in value["output"]:
        if item["type"] == "message":
            for part in item["content"]:
                kind = "refusal" if part["type"] == "refusal" else "text"
                found.blocks.append(
                    {"type": kind, "text": part["refusal" if kind == "refusal" else "text"], "id": item["id"]}
                )
        elif item["type"] == "function_call":
            found.blocks.append({**item, "type": "call", "id": item["call_id"], "item_id": item["id"]})
        elif item["type"] == "reasoning":
            parts: list[Any] = [*(item.get("summary") or []), *(item.get("content") or [])]
            found.blocks.append({**item, "type": "reasoning", "text": "".join(part["text"] for part in parts)})
        else:
            found.blocks.append({**item, "text": ""})
    return found
