"""Anthropic Messages (wire facts 1), in both roles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hyperinfer.formats.anthropic_messages.errors import encode_error
from hyperinfer.formats.anthropic_messages.reply_turns import reply_turns
from hyperinfer.formats.anthropic_messages.request_decode import decode_request
from hyperinfer.formats.anthropic_messages.request_encode import encode_request
from hyperinfer.formats.anthropic_messages.response import decode_response
from hyperinfer.formats.anthropic_messages.response_encode import encode_response
from hyperinfer.formats.anthropic_messages.stream_decode import MessagesStreamDecoder
from hyperinfer.formats.anthropic_messages.stream_encode import MessagesStreamEncoder
from hyperinfer.formats.json_depth import DEEPEST

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Encoded, EncodedReply, Format, Reply, StreamDecoder, StreamEncoder, Target, Upstream
    from hyperinfer.formats.conversation import Conversation, Turn
    from hyperinfer.formats.errors import ErrorReport
    from hyperinfer.formats.events import Burst, Dialect, Event

__all__ = ["ANTHROPIC_MESSAGES"]


class _AnthropicMessages:
    """The `codec.Format` of Messages."""

    @property
    def dialect(self) -> Dialect:
        return "anthropic_messages"

    @property
    def ingress(self) -> str:
        return "anthropic_messages"

    def decode_request(self, body: bytes, depth: int = DEEPEST) -> Conversation:
        return decode_request(body, depth)

    def encode_request(self, conversation: Conversation, target: Target) -> Encoded:
        return encode_request(conversation, target)

    def stream_decoder(self, upstream: Upstream) -> StreamDecoder:
        return MessagesStreamDecoder(upstream)

    def decode_response(self, body: bytes, upstream: Upstream) -> Burst:
        return decode_response(body, upstream)

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        return MessagesStreamEncoder(reply)

    def encode_response(self, events: Sequence[Event], reply: Reply) -> EncodedReply:
        return encode_response(events, reply)

    def reply_turns(self, events: Iterable[Event], path: str) -> tuple[Turn, ...]:
        return reply_turns(events, path)

    def encode_error(self, error: ErrorReport) -> bytes:
        return encode_error(error)


ANTHROPIC_MESSAGES: Format = _AnthropicMessages()
