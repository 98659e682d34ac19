"""Whole replies."""

from __future__ import annotations

import msgspec

from hyperinfer.formats.codec import Upstream
from hyperinfer.formats.error_text import upstream_error
from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.events import Burst
from hyperinfer.formats.openai_responses.assemble import Assembler


def decode_response(body: bytes, upstream: Upstream) -> Burst:
    """The events of a whole reply. Raises `PeerError` for what is no reply and no error either."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise PeerError("the response is not JSON") from None
    if not isinstance(value, dict):
        raise PeerError("the response is not an object")
    if not isinstance(value.get("output"), list):
        if value.get("error") or value.get("detail") or value.get("status") == "failed":
            return (upstream_error(value),)
        raise PeerError("the response has no output")
    assembler = Assembler(upstream)
    assembler.end(value, {})
    return tuple(assembler.events)
