"""What a client says of the trace that its request is part of (W3C Trace Context, https://www.w3.org/TR/trace-context/)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Headers

_PARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MEMBER: Final = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_MOST_MEMBERS: Final = 32


class Parent(msgspec.Struct, frozen=True):
    """The client's span: 16 and 8 bytes. `sampled`: it is traced there. `state`: what vendors have written, as it came."""

    trace_id: bytes
    span_id: bytes
    sampled: bool
    state: str = ""


def parent_of(headers: Headers) -> Parent | None:
    """None where there is nothing, or nothing that may be used: a request is never refused for it."""
    parents = [value for name, value in headers if name == b"traceparent"]
    if len(parents) != 1:
        return None
    found = _PARENT.fullmatch(parents[0].decode("latin-1").strip(" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    state = ",".join([value.decode("latin-1") for name, value in headers if name == b"tracestate"])
    return Parent(bytes.fromhex(trace_id), bytes.fromhex(span_id), bool(int(flags, 16) & 1), _state(state))


def _state(text: str) -> str:
    """It is kept as a whole or not at all."""
    members = [member for part in text.split(",") if (member := part.strip(" \t"))]
    keys = {member.partition("=")[0] for member in members}
    usable = len(keys) == len(members) <= _MOST_MEMBERS and all(_MEMBER.fullmatch(member) for member in members)
    return ",".join(members) if usable else ""
