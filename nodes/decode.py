"""The first node: a body to a conversation."""

from __future__ import annotations

import re
from typing import Any

from hyperinfer.engine import Failure, Node, step
from hyperinfer.formats.errors import RequestError
from hyperinfer.nodes.items import Asked, Failed, Incoming


def decode(*, json_depth: int = 128) -> Node[Incoming, Asked | Failure]:
    """Reads the body in the format of its ticket. What cannot be read becomes a failure that names the path."""

    def read(incoming: Incoming) -> Asked | Failure:
        ticket = incoming.ticket
        try:
            check_depth(incoming.body, json_depth)
            return Asked(ticket, ticket.format.decode_request(incoming.body))
        except RequestError as error:
            return refused(error, incoming)

    return step(read, name="decode", consumes=Incoming, produces=Asked | Failure)


def refused(error: RequestError, item: Any) -> Failed:
    """A request error as a failure of the item's request."""
    return Failed(error.code, error.message, param=error.param, details=dict(error.details or {}), ticket=item.ticket)


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_INNERMOST = re.compile(rb"\[\]|\{\}")
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


def check_depth(body: bytes, limit: int) -> None:
    """Raises `RequestError` for JSON nested deeper than `limit` arrays and objects. Brackets in strings do not count."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return
    brackets = _STRING.sub(b"", body).translate(None, _NO_BRACKET)
    for _ in range(limit):  # each round takes one level away, at the speed of C
        if not brackets:
            return
        brackets = _INNERMOST.sub(b"", brackets)
    if brackets and brackets.lstrip(b"[{") != brackets:  # what is no JSON at all the parser says better
        raise RequestError(f"the body is nested deeper than {limit} levels")
