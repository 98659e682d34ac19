"""Opaque reasoning state in the two strings that Messages has for it: `signature` and `data` of a redacted block.

A blob of Anthropic's own that came by Messages stays as it is; every other one is tagged (`opaque`). Some are more than a
string: OpenAI Chat's reasoning details have fields beside it, and Gemini's signature belongs to a tool call, which has no
field for it here. Those are packed behind the tag as `packed:<base64 of a JSON object>:<blob>`; a colon is in neither
alphabet of base64. The state of a tool call travels in a thinking block without text just before the call.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from hyperinfer.formats.opaque import DEFAULT_VENDOR, TAG, Opaque, blob_from_client, blob_to_client

DIALECT = "anthropic_messages"
_PACKED = "packed:"

Kind: TypeAlias = Literal["signature", "redacted", "encrypted"]
Field: TypeAlias = Literal["signature", "redacted"]
"""Which of the two strings: the signature of a thinking block, or the data of a redacted one."""


class Carried(NamedTuple):
    """A blob that a client sent back. `of_call`: it belongs to the next tool call."""

    blob: Opaque
    of_call: bool


class _Facts(msgspec.Struct, frozen=True):
    k: Kind
    x: dict[str, Any] | None = None
    c: bool = False


def blob_text(blob: Opaque, upstream: str, field: Field, *, of_call: bool = False) -> str:
    """The string that a client gets for a blob that came by protocol `upstream`."""
    own = upstream == DIALECT and blob.vendor == DEFAULT_VENDOR[DIALECT]
    if own and not of_call:
        return blob_to_client(blob, DIALECT, upstream)
    if of_call or blob.extra or blob.kind != _plain_kind(blob.vendor, field):
        facts = base64.urlsafe_b64encode(msgspec.json.encode(_Facts(blob.kind, blob.extra, of_call))).decode()
        blob = msgspec.structs.replace(blob, data=f"{_PACKED}{facts}:{blob.data}")
    return blob_to_client(blob, DIALECT, "" if own else upstream)


def read_blob(text: str, field: Field) -> Carried:
    """The blob in a string of a request."""
    vendor, data = blob_from_client(text, DIALECT)
    if not text.startswith(TAG):
        return Carried(Opaque(vendor, field, data), False)
    if data.startswith(_PACKED):
        packed, _, rest = data[len(_PACKED) :].partition(":")
        try:
            facts = msgspec.json.decode(base64.urlsafe_b64decode(packed), type=_Facts)
        except (binascii.Error, msgspec.DecodeError, ValueError):
            pass  # not ours: taken as it stands
        else:
            return Carried(Opaque(vendor, facts.k, rest, facts.x), facts.c)
    return Carried(Opaque(vendor, _plain_kind(vendor, field), data), False)


def _plain_kind(vendor: str, field: Field) -> Kind:
    """What a blob without packed facts is. OpenAI's are encrypted items; other vendors sign or redact."""
    return "encrypted" if vendor == "openai" else field
