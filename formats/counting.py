"""Counting the tokens of a request without an answer: what two of the formats have a route for.

Chat Completions has none. What such a route takes is a request of its format without what shapes the answer alone; its
reply is one number (wire facts 1.7; OpenAI's reference, Get input token counts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.conversation import Conversation, Sampling
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.json_depth import DEEPEST
from hyperinfer.formats.usage import token_count
from hyperinfer.formats.wire import parse_reply

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Encoded


@dataclass(frozen=True, slots=True)
class Counting:
    """One format's route. `path`: behind that which generates. `not_taken`: fields of a request that this route refuses.
    `reply`: its reply without the number."""

    path: str
    not_taken: frozenset[str]
    reply: Mapping[str, str]
    decode: Callable[[bytes, int], Conversation]

    def decode_request(self, body: bytes, depth: int = DEEPEST) -> Conversation:
        """A client's request, of at most `depth` levels of JSON, without what shapes the answer alone.

        Raises `RequestError`.
        """
        conversation = self.decode(body, depth)
        return msgspec.structs.replace(conversation, sampling=Sampling(), streamed=False, stream_options=None)

    def request(self, encoded: Encoded) -> bytes:
        """The body for an upstream's route, from the request that it would be asked to answer."""
        body: dict[str, Any] = msgspec.json.decode(encoded.body)
        return msgspec.json.encode({name: value for name, value in body.items() if name not in self.not_taken})

    def encode_reply(self, tokens: int) -> bytes:
        """The reply to a client."""
        return msgspec.json.encode({**self.reply, "input_tokens": tokens})


def count_of_reply(body: bytes) -> int:
    """The number in an upstream's reply, which both formats name alike. Raises `PeerError` where there is none."""
    tokens = token_count(parse_reply(body).get("input_tokens"))
    if not tokens:
        raise PeerError("no number of input tokens")
    return tokens
