"""What a dialect is: the protocols that the rest of the system programs against.

Nothing here does I/O, looks at a clock or draws a random number: ids and times are arguments.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

from hyperinfer.formats.conversation import Conversation, Turn
from hyperinfer.formats.events import Burst, Dialect, Event
from hyperinfer.formats.json_depth import DEEPEST
from hyperinfer.formats.quirks import Quirks

if TYPE_CHECKING:
    from hyperinfer.formats.errors import ErrorReport


class Wait(enum.Enum):
    """The answers of a decoder that are not events."""

    NEED_DATA = "need data"
    FAILING = "failing"
    END = "end"


NEED_DATA: Final = Wait.NEED_DATA
"""No event until more bytes come."""
FAILING: Final = Wait.FAILING
"""As `NEED_DATA`, after an error that a next frame may say better: more bytes are welcome, but not worth a long wait."""
END: Final = Wait.END
"""The reply is complete and nothing will follow."""


class Loss(msgspec.Struct, frozen=True, gc=False):
    """Something that the target format cannot express. `path`: in the request (`messages[0].name`) or `response.…`."""

    path: str
    reason: str


class Target(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The upstream that a request is written for.

    `model`: the upstream's name of it. `vendor`: whose opaque blobs it understands. `quirks`: the provider's and route's
    quirks (`quirks.Quirks`). `streamed`: the reply is asked for as a stream. `native_tools`: wire types of hosted tools that
    the route runs. `max_output_tokens`: the model's limit, 0 where it is not known. `reasons`: whether the model can think
    at all; one that cannot is told nothing of it."""

    dialect: Dialect
    model: str
    vendor: str
    streamed: bool
    max_output_tokens: int
    quirks: Quirks = Quirks()
    native_tools: frozenset[str] = frozenset()
    reasons: bool = True


class ToolAlias(msgspec.Struct, frozen=True, gc=False):
    """What a tool is called upstream, where its own form could not be kept: how to put the calls back."""

    name: str
    kind: Literal["function", "custom"]
    namespace: str | None = None


class AnswerShape(msgspec.Struct, frozen=True, gc=False):
    """How an upstream that cannot be bound to a shape was asked for an answer of that shape.

    `tool`: the hidden tool whose arguments are the answer; None where the model was only told. `wrapped`: the answer is one
    member of the arguments (`answer_schema.MEMBER`), else all of them.
    """

    tool: str | None = None
    wrapped: bool = False


class Encoded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request for an upstream. `body`: JSON. `losses`: what of the caller's request is not in it. `aliases`: upstream tool
    name to the caller's tool, for `restore.ToolRestorer`. `answer`: how an answer of a demanded shape comes back, for
    `answer_reply.AnswerRestorer`; None where the upstream shapes it. `stops`: stop strings that the upstream was not sent,
    for `stop_sequences.StopSequences`."""

    body: bytes
    losses: tuple[Loss, ...] = ()
    aliases: Mapping[str, ToolAlias] = {}
    answer: AnswerShape | None = None
    stops: tuple[str, ...] = ()


class Upstream(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a decoder must know of where its bytes come from.

    `vendor`: the maker of opaque blobs. `id_seed`: makes ids for tool calls that the upstream left without one: the n-th
    becomes `call_<id_seed>_<n>`.
    """

    vendor: str
    id_seed: str
    quirks: Quirks = Quirks()


class Reply(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an encoder must know of the reply it writes.

    `request_id`: bare; the dialect adds its prefix (`gen-`, `resp_`, `msg_`). `model`: the slug that answered. `created`:
    unix seconds. `conversation`: the request, for what a reply echoes. `upstream`: protocol of the provider.
    """

    request_id: str
    model: str
    created: int
    conversation: Conversation
    upstream: Dialect


class EncodedReply(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A whole reply for a client. `body`: JSON. `losses`: what of the upstream's reply is not in it."""

    body: bytes
    losses: tuple[Loss, ...] = ()


class StreamDecoder(Protocol):
    """Bytes of an upstream's stream to events.

    The events and the final error are a function of the concatenated bytes alone. After an error the same error is raised
    again. After `MessageEnd` or `UpstreamError` it answers `END` for ever, whatever else arrives.
    """

    def receive_data(self, data: bytes) -> None:
        """Stores bytes; raises nothing for their content."""
        ...

    def receive_eof(self) -> None:
        """The upstream has closed its stream."""
        ...

    def take_events(self, into: list[Event]) -> Wait:
        """Puts all events that the bytes complete behind `into`, as `next_event` would give them one by one, and gives
        what it says then. Raises `PeerError` in its place; the events before it are in `into`."""
        ...

    def next_event(self) -> Event | Wait:
        """The next event, `NEED_DATA`, `FAILING` or `END`. Raises `PeerError` in the place of the event that is no event."""
        ...


class StreamEncoder(Protocol):
    """Events to the bytes of a client's stream. `send` raises `EncodeError` on an illegal order."""

    @property
    def losses(self) -> Sequence[Loss]:
        """What the events so far held that this dialect cannot say."""
        ...

    def send(self, event: Event) -> bytes:
        """The bytes for one event; may be empty. Those of `MessageEnd` do not end the stream yet, but `losses` is complete
        with it."""
        ...

    def send_burst(self, burst: Sequence[Event], into: list[bytes]) -> None:
        """Puts the bytes for several events behind `into`, as `send` would give them one by one. Where it raises, those of
        the events before stand there."""
        ...

    def end(self) -> bytes:
        """The bytes that end a reply which went well, once, after `MessageEnd`."""
        ...

    def keep_alive(self) -> bytes:
        """A whole frame that says only that the stream is alive. Legal between any two sends, also before the first."""
        ...

    def fail(self, error: ErrorReport) -> bytes:
        """The bytes that end the stream with an error, legal at any time before the end. Nothing follows, not even `end`."""
        ...


class Format(Protocol):
    """One dialect, in both roles. Implementations are stateless objects: `FORMATS` has one of each."""

    @property
    def dialect(self) -> Dialect:
        """Which one it is."""
        ...

    @property
    def ingress(self) -> str:
        """The name in `/api/v1/generation`: chat_completions, responses, anthropic_messages."""
        ...

    def decode_request(self, body: bytes, depth: int = DEEPEST) -> Conversation:
        """A client's request, of at most `depth` levels of JSON. Raises `RequestError` naming the path."""
        ...

    def encode_request(self, conversation: Conversation, target: Target) -> Encoded:
        """The request for an upstream of this dialect. Raises `RequestError` for what RULES says is always a 400."""
        ...

    def stream_decoder(self, upstream: Upstream) -> StreamDecoder:
        """A new decoder for one stream of an upstream of this dialect."""
        ...

    def decode_response(self, body: bytes, upstream: Upstream) -> Burst:
        """A whole reply as the events of its stream, the last one `MessageEnd` or `UpstreamError`. Raises `PeerError`."""
        ...

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        """A new encoder for one stream to a client."""
        ...

    def encode_response(self, events: Sequence[Event], reply: Reply) -> EncodedReply:
        """A whole reply from a complete sequence of events that ends in `MessageEnd`."""
        ...

    def reply_turns(self, events: Iterable[Event], path: str) -> tuple[Turn, ...]:
        """The assistant turns, all of `path`, with which a conversation of this dialect goes on after a reply of whatever
        upstream: what that upstream, or another one, must be sent again of it.

        Opaque state is there to the byte, for its vendor; calls have their ids as the events had them. Private fields and
        ids of items are there where the reply came by this dialect. In Messages turns of one path are one message, so
        the results of its calls need another path, one for them all. None for a reply that says nothing.
        """
        ...

    def encode_error(self, error: ErrorReport) -> bytes:
        """The JSON body of an error response."""
        ...
