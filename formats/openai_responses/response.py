"""Whole replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.openai_responses.assemble import Assembler
from hyperinfer.formats.openai_responses.plain_reply import decode_plain
from hyperinfer.formats.upstream_errors import upstream_error
from hyperinfer.formats.wire import is_array, parse_reply

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Upstream
    from hyperinfer.formats.events import Burst


def decode_response(body: bytes, upstream: Upstream) -> Burst:
    """The events of a whole reply. Raises `PeerError` for what is no reply and no error either."""
    value = parse_reply(body)
    if not is_array(value.get("output")):
        if value.get("error") or value.get("detail") or value.get("status") == "failed":
            return (upstream_error(value),)
        raise PeerError("the response has no output")
    if (plain := decode_plain(value)) is not None:
        return plain
    assembler = Assembler(upstream)
    assembler.end(value)
    return tuple(assembler.events)
