"""The dialect as one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.openai_chat import errors, reply_turns, request_decode, request_encode, response
from hyperinfer.formats.openai_chat.stream_decode import ChatStreamDecoder
from hyperinfer.formats.openai_chat.stream_encode import ChatStreamEncoder

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Format
    from hyperinfer.formats.events import Dialect


class OpenAIChat:
    """`codec.Format` for Chat Completions."""

    dialect: Dialect = "openai_chat"
    ingress = "chat_completions"
    decode_request = staticmethod(request_decode.decode_request)
    encode_request = staticmethod(request_encode.encode_request)
    stream_decoder = ChatStreamDecoder
    decode_response = staticmethod(response.decode_response)
    stream_encoder = ChatStreamEncoder
    encode_response = staticmethod(response.encode_response)
    reply_turns = staticmethod(reply_turns.reply_turns)
    encode_error = staticmethod(errors.encode_error)


OPENAI_CHAT: Format = OpenAIChat()
"""OpenAI's Chat Completions, as a client or an upstream speaks it."""
