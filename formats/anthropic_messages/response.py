"""A whole reply of a Messages upstream: it is taken apart into the wire events of its stream, so that both give the same
events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.anthropic_messages.plain_reply import decode_plain
from hyperinfer.formats.anthropic_messages.stream_decode import ReplyDecoder
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.upstream_errors import upstream_error
from hyperinfer.formats.wire import is_array, is_object, parse_reply

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Upstream
    from hyperinfer.formats.events import Burst

Wire = dict[str, Any]
_IN_DELTA = ("stop_reason", "stop_sequence", "stop_details", "container")
_BESIDE_DELTA = ("usage", "context_management")
_NOT_AT_START = frozenset((*_IN_DELTA, *_BESIDE_DELTA, "content"))


def decode_response(body: bytes, upstream: Upstream) -> Burst:
    """The events of a whole reply, or the one event of an error body. Raises `PeerError` for anything else."""
    message = parse_reply(body)
    if message.get("type") == "error" or message.get("error") is not None:
        return (upstream_error(message),)
    if not is_array(message.get("content")):
        raise PeerError("the reply has no content")
    if (plain := decode_plain(message)) is not None:
        return plain
    decoder = ReplyDecoder(upstream)
    for event in _wire_events(message):
        decoder.wire(event)
    return tuple(decoder.events)


def _wire_events(message: Wire) -> Iterator[Wire]:
    yield {
        "type": "message_start",
        "message": {name: value for name, value in message.items() if name not in _NOT_AT_START},
    }
    for index, block in enumerate(message["content"]):
        if not is_object(block):
            raise PeerError(f"content[{index}] is no object")
        opened, deltas = _opened(block)
        yield {"type": "content_block_start", "index": index, "content_block": opened}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {name: message[name] for name in _IN_DELTA if name in message}
    beside = {name: message[name] for name in _BESIDE_DELTA if name in message}
    yield {"type": "message_delta", "delta": delta, **beside}
    yield {"type": "message_stop"}


def _opened(block: Wire) -> tuple[Wire, list[Wire]]:
    """(the block as a stream would open it, its deltas)."""
    match block.get("type"):
        case "text":
            return _opened_text(block)
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": block.get("thinking")}]
            if block.get("signature"):
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            return {**block, "thinking": "", "signature": ""}, deltas
        case "compaction" if isinstance(block.get("content"), str):
            return {**block, "content": None}, [{"type": "compaction_delta", "content": block["content"]}]
        case _ if block.get("input") and is_object(block["input"]):
            text = msgspec.json.encode(block["input"]).decode()
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": text}]
        case _:
            return block, []


def _opened_text(block: Wire) -> tuple[Wire, list[Wire]]:
    citations = block.get("citations")
    deltas: list[Wire] = [{"type": "text_delta", "text": block.get("text")}]
    if not is_array(citations):
        return {**block, "text": ""}, deltas
    deltas += [{"type": "citations_delta", "citation": citation} for citation in citations]
    return {**block, "text": "", "citations": []}, deltas
