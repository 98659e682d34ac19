"""A whole reply for a Messages client, from the same events as its stream (contract, schema AnthropicMessageResponse)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.anthropic_messages.plain_reply import encode_plain
from hyperinfer.formats.anthropic_messages.reply_writer import ReplyWriter
from hyperinfer.formats.anthropic_messages.tool_input import tool_input
from hyperinfer.formats.codec import EncodedReply, Reply
from hyperinfer.formats.lifecycle import check_complete
from hyperinfer.formats.plain_reply import plain_reply

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event

Wire = dict[str, Any]


def encode_response(events: Sequence[Event], reply: Reply) -> EncodedReply:
    """The message. Raises `EncodeError` unless the events are one complete reply that ends in `MessageEnd`."""
    plain = plain_reply(events)
    if plain is not None and (encoded := encode_plain(plain, reply)) is not None:
        return encoded
    check_complete(events)
    gathered = _Message()
    writer = ReplyWriter(reply, gathered)
    for event in events:
        writer.write(event)
    return EncodedReply(body=msgspec.json.encode(gathered.message), losses=tuple(writer.losses))


class _Message:
    """A `reply_sink.Sink` that gathers a message."""

    def __init__(self) -> None:
        self.message: Wire = {}
        self._block: Wire = {}
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[Any] | None = None

    def start(self, message: Wire, beside: Wire) -> None:
        self.message = {**message, "content": []}

    def open(self, block: Wire, beside: Wire) -> None:
        self._block, self._pieces, self._citations = dict(block), {}, None

    def delta(self, delta: Wire, beside: Wire) -> None:
        if delta.get("type") == "citations_delta":
            self._citations = self._citations or []
            self._citations.append(delta["citation"])
            return
        for name, value in delta.items():
            if name != "type" and isinstance(value, str):
                self._pieces.setdefault(name, []).append(value)

    def close(self, beside: Wire, item: Wire | None = None) -> None:
        block = self._block
        if item is not None:
            block = item
        else:
            for name, pieces in self._pieces.items():
                if name == "partial_json":
                    block["input"] = tool_input("".join(pieces))
                else:
                    block[name] = "".join(pieces)
            if self._citations is not None:
                block["citations"] = self._citations
        self.message["content"].append(block)

    def other(self, name: str, raw: Wire) -> None:
        """Events have no place in a whole reply."""

    def end(self, delta: Wire, usage: Wire, beside: Wire, last: Wire) -> None:
        started = self.message.pop("usage")
        kept = {name: value for name, value in started.items() if name not in usage}
        self.message.update(delta)
        self.message.update(beside)
        self.message["usage"] = {**kept, **usage}
