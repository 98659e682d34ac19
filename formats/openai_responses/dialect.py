"""The dialect as one object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hyperinfer.formats.json_depth import DEEPEST
from hyperinfer.formats.openai_responses.errors import encode_error
from hyperinfer.formats.openai_responses.reply_turns import reply_turns
from hyperinfer.formats.openai_responses.request_decode import decode_request
from hyperinfer.formats.openai_responses.request_encode import encode_request
from hyperinfer.formats.openai_responses.response import decode_response
from hyperinfer.formats.openai_responses.stream_decode import ResponsesStreamDecoder
from hyperinfer.formats.openai_responses.stream_encode import ResponsesStreamEncoder, encode_response

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


class OpenAIResponses:
    """OpenAI's Responses API. See `codec.Format`."""

    @property
    def dialect(self) -> Dialect:
        """`openai_responses`."""
        return "openai_responses"

    @property
    def ingress(self) -> str:
        """`responses`."""
        return "responses"

    def decode_request(self, body: bytes, depth: int = DEEPEST) -> Conversation:
        """A client's request. Raises `RequestError`."""
        return decode_request(body, depth)

    def encode_request(self, conversation: Conversation, target: Target) -> Encoded:
        """A request for an upstream. Raises `RequestError`."""
        return encode_request(conversation, target)

    def stream_decoder(self, upstream: Upstream) -> StreamDecoder:
        """A decoder of one stream."""
        return ResponsesStreamDecoder(upstream)

    def decode_response(self, body: bytes, upstream: Upstream) -> Burst:
        """The events of a whole reply. Raises `PeerError`."""
        return decode_response(body, upstream)

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        """An encoder of one stream."""
        return ResponsesStreamEncoder(reply)

    def encode_response(self, events: Sequence[Event], reply: Reply) -> EncodedReply:
        """A whole reply. Raises `EncodeError`."""
        return encode_response(events, reply)

    def reply_turns(self, events: Iterable[Event], path: str) -> tuple[Turn, ...]:
        """The turns that say a reply again."""
        return reply_turns(events, path)

    def encode_error(self, error: ErrorReport) -> bytes:
        """The body of an error response."""
        return encode_error(error)


OPENAI_RESPONSES: Format = OpenAIResponses()
