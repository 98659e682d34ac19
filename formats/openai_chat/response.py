"""Whole Chat responses: to the events of their stream, and from events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyperinfer.formats.codec import EncodedReply, Reply, Upstream
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.lifecycle import OrderError, check_complete, walked
from hyperinfer.formats.openai_chat.assembler import ChatAssembler
from hyperinfer.formats.openai_chat.fold import ChatFold
from hyperinfer.formats.openai_chat.plain_reply import decode_plain, encode_plain
from hyperinfer.formats.plain_reply import plain_reply
from hyperinfer.formats.wire import parse_reply

if TYPE_CHECKING:
    from hyperinfer.formats.events import Burst, Event


def decode_response(body: bytes, upstream: Upstream) -> Burst:
    """The events of a whole response. An error under a 200 becomes `UpstreamError`. Raises `PeerError` for no response."""
    value = parse_reply(body)
    if (plain := decode_plain(value)) is not None:
        return plain
    assembler = ChatAssembler(upstream)
    assembler.chunk(value, "message")
    if not assembler.ended:
        assembler.end()
    try:
        walked(assembler.events)
    except OrderError as error:
        raise PeerError(str(error)) from None
    return tuple(assembler.events)


def encode_response(events: Sequence[Event], reply: Reply) -> EncodedReply:
    """A whole response from a complete sequence of events. Raises `EncodeError` when it is not complete."""
    plain = plain_reply(events)
    if plain is not None and (encoded := encode_plain(plain, reply)) is not None:
        return encoded
    check_complete(events)
    fold = ChatFold(reply)
    for event in events:
        fold.add(event)
    return EncodedReply(body=fold.body(), losses=tuple(fold.losses))
