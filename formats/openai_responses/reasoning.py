"""Opaque reasoning state in the one string that a Responses item has for it: `encrypted_content`.

A blob that this hop may hand on as it is stays as it is; every other one is tagged (`opaque`). A blob of OpenAI Chat's
reasoning details has fields beside it: they are packed behind the tag, `packed:<base64 of a JSON object>:<blob>`; a colon
is in neither alphabet of base64, so no vendor's blob looks like this. State of a tool call (Gemini's signature) travels as
a reasoning item just before its call.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import msgspec

from hyperinfer.formats.opaque import (
    TAG,
    Opaque,
    blob_from_client,
    blob_to_client,
    mark_call,
    mark_redacted,
    split_call,
    split_redacted,
)

if TYPE_CHECKING:
    from hyperinfer.formats.events import Dialect

Kind: TypeAlias = Literal["signature", "redacted", "encrypted"]

_PACKED = "packed:"


class Carried(NamedTuple):
    """A blob that a client sent back. `of_call`: it belongs to the next tool call."""

    blob: Opaque
    of_call: bool


def blob_text(blob: Opaque, upstream: Dialect) -> str:
    """The `encrypted_content` that a client gets for a blob that came by protocol `upstream`."""
    plain = blob_to_client(blob, "openai_responses", upstream)
    return plain if plain == blob.data else _tagged(blob, _marked(blob), upstream)


def call_state_text(blob: Opaque, upstream: Dialect) -> str:
    """The same for a blob that belongs to the tool call behind it."""
    return _tagged(blob, mark_call(_marked(blob)), upstream)


def _tagged(blob: Opaque, data: str, upstream: Dialect) -> str:
    text = blob_to_client(msgspec.structs.replace(blob, data=data), "openai_responses", upstream)
    return text if text != data else f"{TAG}{blob.vendor}.{data}"


def _marked(blob: Opaque) -> str:
    data = mark_redacted(blob.data) if blob.kind == "redacted" else blob.data
    if not blob.extra:
        return data
    facts = msgspec.json.encode({"kind": blob.kind, "extra": blob.extra})
    return f"{_PACKED}{base64.urlsafe_b64encode(facts).decode()}:{data}"


def read_blob(text: str) -> Carried:
    """The blob in an `encrypted_content` of a request."""
    vendor, data = blob_from_client(text, "openai_responses")
    if not text.startswith(TAG):
        return Carried(Opaque(vendor, "encrypted", data), False)
    of_call, data = split_call(data)
    kind: Kind = "encrypted" if vendor == "openai" else "signature"  # OpenAI's accompany an item, others sign their text
    extra: dict[str, Any] | None = None
    if data.startswith(_PACKED):
        packed, colon, rest = data[len(_PACKED) :].partition(":")
        facts = _unpacked(packed) if colon else None
        if facts is not None:
            kind, extra, data = facts.kind, facts.extra, rest
    redacted, data = split_redacted(data)
    return Carried(Opaque(vendor, "redacted" if redacted else kind, data, extra), of_call)


class _Facts(msgspec.Struct, frozen=True):
    kind: Kind
    extra: dict[str, Any]


def _unpacked(packed: str) -> _Facts | None:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(packed), type=_Facts)
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError):
        return None
