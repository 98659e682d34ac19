"""The dialect as one object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hyperinfer.formats.json_depth import DEEPEST
from hyperinfer.formats.openai_chat import errors, reply_turns, request_decode, request_encode, response
from hyperinfer.formats.openai_chat.stream_decode import ChatStreamDecoder
from hyperinfer.formats.openai_chat.stream_encode import ChatStreamEncoder

if TYPE_CHECKING:
    from hyperinfer.formats.codec import (
        Encoded,
        EncodedReply,
        Format,
        Reply,
        StreamDecoder,
        StreamEncoder,
        Target,
        Upstream,
    )
    from hyperinfer.formats.conversation import Conversation, Turn
    from hyperinfer.formats.errors import ErrorReport
    from hyperinfer.formats.events import Burst, Dialect, Event


class OpenAIChat:
    """`codec.Format` for Chat Completions."""

    dialect: Dialect = "openai_chat"
    ingress = "chat_completions"

    def decode_request(self, body: bytes, depth: int = DEEPEST) -> Conversation:
        """See `Format`."""
        return request_decode.decode_request(body, depth)

    def encode_request(self, conversation: Conversation, target: Target) -> Encoded:
        """See `Format`."""
        return request_encode.encode_request(conversation, target)

    def stream_decoder(self, upstream: Upstream) -> StreamDecoder:
        """See `Format`."""
        return ChatStreamDecoder(upstream)

    def decode_response(self, body: bytes, upstream: Upstream) -> Burst:
        """See `Format`."""
        return response.decode_response(body, upstream)

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        """See `Format`."""
        return ChatStreamEncoder(reply)

    def encode_response(self, events: Sequence[Event], reply: Reply) -> EncodedReply:
        """See `Format`."""
        return response.encode_response(events, reply)

    def reply_turns(self, events: Iterable[Event], path: str) -> tuple[Turn, ...]:
        """See `Format`."""
        return reply_turns.reply_turns(events, path)

    def encode_error(self, error: ErrorReport) -> bytes:
        """See `Format`."""
        return errors.encode_error(error)


OPENAI_CHAT: Format = OpenAIChat()
