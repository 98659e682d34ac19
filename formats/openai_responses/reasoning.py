"""Opaque reasoning state in the one string that a Responses item has for it: `encrypted_content`.

A blob that this hop may hand on as it is stays as it is; every other one is tagged (`opaque`). Some blobs are more than a
string: OpenAI Chat's reasoning details have fields beside it, and Gemini's signature belongs to a tool call. Those are
packed behind the tag as `packed:<base64 of a JSON object>:<blob>`; a colon is in neither alphabet of base64, so no
vendor's blob looks like this. State of a tool call travels as a reasoning item just before its call.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

import msgspec

from hyperinfer.formats.events import Dialect
from hyperinfer.formats.opaque import (
    DEFAULT_VENDOR,
    TAG,
    Opaque,
    blob_from_client,
    blob_to_client,
    mark_redacted,
    split_redacted,
)

_PACKED = "packed:"


class Carried(NamedTuple):
    """A blob that a client sent back. `of_call`: it belongs to the next tool call."""

    blob: Opaque
    of_call: bool


def blob_text(blob: Opaque, upstream: Dialect, *, of_call: bool = False) -> str:
    """The `encrypted_content` that a client gets for a blob that came by protocol `upstream`."""
    if upstream == "openai_responses" and blob.vendor == DEFAULT_VENDOR["openai_responses"]:
        return blob.data
    data = mark_redacted(blob.data) if blob.kind == "redacted" else blob.data
    if of_call or blob.extra or (upstream == "openai_chat" and blob.kind != _unmarked_kind(blob.vendor)):
        facts: dict[str, Any] = {"k": blob.kind, "x": blob.extra, "c": of_call}
        data = f"{_PACKED}{base64.urlsafe_b64encode(msgspec.json.encode(facts)).decode()}:{data}"
    return blob_to_client(msgspec.structs.replace(blob, data=data), "openai_responses", upstream)


def read_blob(text: str) -> Carried:
    """The blob in an `encrypted_content` of a request."""
    vendor, data = blob_from_client(text, "openai_responses")
    if not text.startswith(TAG):
        return Carried(Opaque(vendor, "encrypted", data), False)
    if data.startswith(_PACKED):
        packed, _, rest = data[len(_PACKED) :].partition(":")
        facts = _unpacked(packed)
        if facts is not None:
            redacted, rest = split_redacted(rest) if facts.kind == "redacted" else (False, rest)
            return Carried(Opaque(vendor, facts.kind, rest, facts.extra), facts.of_call)
    redacted, data = split_redacted(data)
    return Carried(Opaque(vendor, "redacted" if redacted else _unmarked_kind(vendor), data), False)


def _unmarked_kind(vendor: str) -> Any:
    """What a tagged blob without a mark is. OpenAI's are encrypted items; other vendors sign their text."""
    return "encrypted" if vendor == "openai" else "signature"


class _Facts(NamedTuple):
    kind: Any
    extra: dict[str, Any] | None
    of_call: bool


def _unpacked(packed: str) -> _Facts | None:
    try:
        value = msgspec.json.decode(base64.urlsafe_b64decode(packed))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        return None
    if not isinstance(value, dict) or value.get("k") not in ("signature", "redacted", "encrypted"):
        return None
    extra = value.get("x")
    return _Facts(value["k"], extra if isinstance(extra, dict) else None, bool(value.get("c")))
