"""The first node: a body to a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.engine import Failure, Node, step
from hyperinfer.formats import COUNTING
from hyperinfer.formats.errors import RequestError
from hyperinfer.nodes.items import Asked, Incoming
from hyperinfer.nodes.refusal import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.formats.codec import Format
    from hyperinfer.formats.conversation import Conversation


def decode(*, json_depth: int = 128) -> Node[Incoming, Asked | Failure]:
    """The first node: `Incoming`, a body as it came, in; `Asked`, what it says, out, or a `Failed` that names the path.

    Every pipeline that begins with bytes needs it; one that makes its own `Conversation` begins with `Asked`. The body is
    read in the format of its ticket. `json_depth`: levels of nesting that are read.
    """
    return _reading("decode", lambda format, body: format.decode_request(body, json_depth))


def decode_count(*, json_depth: int = 128) -> Node[Incoming, Asked | Failure]:
    """The same for a request whose tokens are to be counted, of a format that can ask for that (`formats.COUNTING`)."""
    return _reading("decode_count", lambda format, body: COUNTING[format.dialect].decode_request(body, json_depth))


def _reading(name: str, read: Callable[[Format, bytes], Conversation]) -> Node[Incoming, Asked | Failure]:
    def push(incoming: Incoming) -> Asked | Failure:
        ticket, body = incoming.ticket, incoming.take()
        try:
            return Asked(ticket, read(ticket.format, body))
        except RequestError as error:
            return refused(error, ticket)

    return step(push, name=name, consumes=Incoming, produces=Asked | Failure)
