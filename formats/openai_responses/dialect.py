"""The dialect as one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.openai_responses.errors import encode_error
from hyperinfer.formats.openai_responses.reply_turns import reply_turns
from hyperinfer.formats.openai_responses.request_decode import decode_request
from hyperinfer.formats.openai_responses.request_encode import encode_request
from hyperinfer.formats.openai_responses.response import decode_response
from hyperinfer.formats.openai_responses.stream_decode import ResponsesStreamDecoder
from hyperinfer.formats.openai_responses.stream_encode import ResponsesStreamEncoder, encode_response

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Format
    from hyperinfer.formats.events import Dialect


class OpenAIResponses:
    """OpenAI's Responses API. See `codec.Format`."""

    dialect: Dialect = "openai_responses"
    ingress = "responses"
    decode_request = staticmethod(decode_request)
    encode_request = staticmethod(encode_request)
    stream_decoder = ResponsesStreamDecoder
    decode_response = staticmethod(decode_response)
    stream_encoder = ResponsesStreamEncoder
    encode_response = staticmethod(encode_response)
    reply_turns = staticmethod(reply_turns)
    encode_error = staticmethod(encode_error)


OPENAI_RESPONSES: Format = OpenAIResponses()
"""OpenAI's Responses, as a client or an upstream speaks it."""
