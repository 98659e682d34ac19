"""Anthropic Messages (wire facts 1), in both roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.anthropic_messages.errors import encode_error
from hyperinfer.formats.anthropic_messages.reply_turns import reply_turns
from hyperinfer.formats.anthropic_messages.request_decode import decode_request
from hyperinfer.formats.anthropic_messages.request_encode import encode_request
from hyperinfer.formats.anthropic_messages.response import decode_response
from hyperinfer.formats.anthropic_messages.response_encode import encode_response
from hyperinfer.formats.anthropic_messages.stream_decode import MessagesStreamDecoder
from hyperinfer.formats.anthropic_messages.stream_encode import MessagesStreamEncoder

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Format
    from hyperinfer.formats.events import Dialect

__all__ = ["ANTHROPIC_MESSAGES"]


class _AnthropicMessages:
    """The `codec.Format` of Messages."""

    dialect: Dialect = "anthropic_messages"
    ingress = "anthropic_messages"
    decode_request = staticmethod(decode_request)
    encode_request = staticmethod(encode_request)
    stream_decoder = MessagesStreamDecoder
    decode_response = staticmethod(decode_response)
    stream_encoder = MessagesStreamEncoder
    encode_response = staticmethod(encode_response)
    reply_turns = staticmethod(reply_turns)
    encode_error = staticmethod(encode_error)


ANTHROPIC_MESSAGES: Format = _AnthropicMessages()
"""Anthropic's Messages, as a client or an upstream speaks it."""
