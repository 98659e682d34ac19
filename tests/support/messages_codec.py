"""Running the Messages codec in tests."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.codec import END, Encoded, Reply, Target, Upstream, Wait
from hyperinfer.formats.conversation import Conversation, Part, Sampling, TextPart, Turn
from hyperinfer.formats.events import Dialect, Event, UpstreamError
from hyperinfer.formats.quirks import PROTOCOL_QUIRKS, Quirks, overlay
from hyperinfer.formats.sse import SSEDecoder
from tests.support.messages_recordings import JUDGE

UPSTREAM = Upstream(vendor="anthropic", id_seed="seed")
ASKED = Conversation(dialect="anthropic_messages", model="m", turns=())


def reply(upstream: Dialect = "anthropic_messages", conversation: Conversation = ASKED) -> Reply:
    """The reply that tests write."""
    return Reply(request_id="abc", model="maker/slug", created=1, conversation=conversation, upstream=upstream)


def decode_stream(pieces: Iterable[bytes], upstream: Upstream = UPSTREAM) -> list[Event]:
    """The events of a complete stream that comes in these pieces."""
    decoder = ANTHROPIC_MESSAGES.stream_decoder(upstream)
    events: list[Event] = []

    def drain() -> bool:
        while True:
            event = decoder.next_event()
            if isinstance(event, Wait):
                return event is END
            events.append(event)

    for piece in pieces:
        decoder.receive_data(piece)
        drain()
    decoder.receive_eof()
    assert drain()
    assert decoder.next_event() is END
    return events


def encode_stream(events: Iterable[Event], answer: Reply | None = None) -> tuple[bytes, list[str]]:
    """(bytes for the client, paths of the losses)."""
    encoder = ANTHROPIC_MESSAGES.stream_encoder(answer or reply())
    data = b"".join(encoder.send(event) for event in events) + encoder.end()
    return data, [loss.path for loss in encoder.losses]


def encode_whole(events: Sequence[Event], answer: Reply | None = None) -> dict[str, Any]:
    """The whole message for the client."""
    message: dict[str, Any] = json.loads(ANTHROPIC_MESSAGES.encode_response(events, answer or reply()).body)
    return message


def wire(*events: dict[str, Any]) -> bytes:
    """The frames of wire events."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), msgspec.json.encode(event)) for event in events)


def frames(data: bytes) -> list[dict[str, Any]]:
    """The wire events in a stream."""
    decoder = SSEDecoder()
    decoder.receive_data(data)
    decoder.receive_eof()
    found: list[dict[str, Any]] = []
    while (frame := decoder.next_frame()) is not None:
        found.append(json.loads(frame.data))
    return found


def judged(data: bytes, events: Sequence[Event] = ()) -> list[str]:
    """The breaches that the strict judge of the event grammar finds; none where it is not there."""
    if not JUDGE.is_file():
        pytest.skip("no judges beside the repository")
    spec = importlib.util.spec_from_file_location("sse_grammar", JUDGE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    failed = bool(events) and isinstance(events[-1], UpstreamError)
    breaches: list[str] = module.judge("messages", data, allow_error=failed).bad
    return breaches


def target(*, vendor: str = "anthropic", streamed: bool = False, most: int = 64_000, **quirks: str) -> Target:
    """An upstream that speaks Messages."""
    return Target(
        dialect="anthropic_messages",
        model="upstream-model",
        vendor=vendor,
        streamed=streamed,
        max_output_tokens=most,
        quirks=overlay(PROTOCOL_QUIRKS["anthropic_messages"], quirks) if quirks else _QUIRKS,
    )


_QUIRKS: Quirks = PROTOCOL_QUIRKS["anthropic_messages"]


def decode(body: dict[str, Any]) -> Conversation:
    """The conversation of a Messages request."""
    return ANTHROPIC_MESSAGES.decode_request(json.dumps(body).encode())


def encode(conversation: Conversation, upstream: Target | None = None) -> tuple[dict[str, Any], list[str]]:
    """(the request for the upstream, paths of the losses)."""
    encoded = encoded_request(conversation, upstream)
    return json.loads(encoded.body), [loss.path for loss in encoded.losses]


def encoded_request(conversation: Conversation, upstream: Target | None = None) -> Encoded:
    """The request for the upstream, whole."""
    return ANTHROPIC_MESSAGES.encode_request(conversation, upstream or target())


def again(body: dict[str, Any], upstream: Target | None = None) -> tuple[dict[str, Any], list[str]]:
    """A Messages request decoded and encoded for an upstream that speaks Messages."""
    return encode(decode(body), upstream)


def chat(*turns: Turn, **fields: Any) -> Conversation:
    """A conversation of a Chat client."""
    return Conversation(dialect="openai_chat", model="m", turns=turns, **fields)


def user(text: str = "hi", path: str = "messages[0]") -> Turn:
    """A user turn of one string."""
    return Turn(role="user", parts=(TextPart(text=text),), path=path, plain=True)


def assistant(*parts: Part, path: str = "messages[1]") -> Turn:
    """An assistant turn."""
    return Turn(role="assistant", parts=parts, path=path)


def most(tokens: int | None) -> Sampling:
    """Sampling with nothing but an output limit."""
    return Sampling(max_tokens=tokens)
