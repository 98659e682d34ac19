"""The first node: a body to a conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from hyperinfer.engine import Failure, Node, Sink, Stage, stage
from hyperinfer.formats import COUNTING
from hyperinfer.formats.errors import RequestError
from hyperinfer.nodes.big_bodies import BIG, BigBodies
from hyperinfer.nodes.items import Asked, Incoming
from hyperinfer.nodes.refusal import refused

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Format
    from hyperinfer.formats.conversation import Conversation


def decode(*, json_depth: int = 128, big_bodies: BigBodies | None = None) -> Node[Incoming, Asked | Failure]:
    """The first node: `Incoming`, a body as it came, in; `Asked`, what it says, out, or a `Failed` that names the path.

    Every pipeline that begins with bytes needs it; one that makes its own `Conversation` begins with `Asked`. The body is
    read in the format of its ticket. `json_depth`: levels of nesting that are read. `big_bodies`: where those of more than
    2 MB wait for each other; without it none waits.
    """
    return _reading("decode", lambda format, body: format.decode_request(body, json_depth), big_bodies)


def decode_count(*, json_depth: int = 128, big_bodies: BigBodies | None = None) -> Node[Incoming, Asked | Failure]:
    """The same for a request whose tokens are to be counted, of a format that can ask for that (`formats.COUNTING`)."""
    return _reading(
        "decode_count", lambda format, body: COUNTING[format.dialect].decode_request(body, json_depth), big_bodies
    )


class Decode(Stage[Incoming, Asked | Failure]):
    """Reads bodies. Nothing is kept from one to the next, so one object serves all runs."""

    def __init__(self, read: Callable[[Format, bytes], Conversation], big_bodies: BigBodies | None) -> None:
        self._decode, self._big_bodies = read, big_bodies

    def receive(self, item: Incoming, sink: Sink[Asked | Failure]) -> Awaitable[None]:
        """One request."""
        if self._big_bodies is not None and len(item.body) > BIG:
            return self._in_turn(self._big_bodies, item, sink)
        return sink.send(self._read(item))

    async def _in_turn(self, big_bodies: BigBodies, item: Incoming, sink: Sink[Asked | Failure]) -> None:
        await sink.send(await big_bodies.first_turn(lambda: self._read(item)))

    def _read(self, incoming: Incoming) -> Asked | Failure:
        ticket = incoming.ticket
        try:
            return Asked(ticket, self._decode(ticket.format, incoming.take()))
        except RequestError as error:
            return refused(error, ticket)


def _reading(
    name: str, read: Callable[[Format, bytes], Conversation], big_bodies: BigBodies | None
) -> Node[Incoming, Asked | Failure]:
    reader = Decode(read, big_bodies)
    return stage(lambda: reader, name=name, consumes=Incoming, produces=Asked | Failure)
