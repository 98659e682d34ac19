"""The first node: a body to a conversation."""

from __future__ import annotations

from hyperinfer.engine import Failure, Node, step
from hyperinfer.formats.errors import RequestError
from hyperinfer.nodes.items import Asked, Failed, Incoming
from hyperinfer.nodes.json_depth import deeper_than
from hyperinfer.nodes.refusal import refused


def decode(*, json_depth: int = 128) -> Node[Incoming, Asked | Failure]:
    """The first node: `Incoming`, a body as it came, in; `Asked`, what it says, out, or a `Failed` that names the path.

    Every pipeline that begins with bytes needs it; one that makes its own `Conversation` begins with `Asked`. The body is
    read in the format of its ticket. `json_depth`: levels of nesting that are read.
    """

    def read(incoming: Incoming) -> Asked | Failure:
        ticket = incoming.ticket
        if deeper_than(incoming.body, json_depth):
            message = f"The body is nested deeper than {json_depth} levels."
            return Failed("invalid_request", message, ticket=ticket)
        try:
            return Asked(ticket, ticket.format.decode_request(incoming.body))
        except RequestError as error:
            return refused(error, ticket)

    return step(read, name="decode", consumes=Incoming, produces=Asked | Failure)
