"""Opaque reasoning state: signatures and encrypted blobs that only the vendor who made them can read.

The rule. A blob whose vendor is the default vendor of the client's format, on a hop that speaks this same format
upstream, is written as it came. Every other blob is written with the tag `hi1.<vendor>.` before it, also one that itself
begins with `hi1.` (the upstream is another such gateway). Coming back, a tagged blob goes only to its vendor (without the
tag), an untagged one only to the default vendor of the format in which it came. Elsewhere the whole item is a Loss: a
vendor rejects the blobs of another.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

TAG = "hi1."

DEFAULT_VENDOR = {"openai_chat": "openai", "openai_responses": "openai", "anthropic_messages": "anthropic"}
"""Vendor of a provider that names none, by protocol."""

_REDACTED = "redacted:"


class Opaque(msgspec.Struct, frozen=True, gc=False):
    """One blob. `kind`: `signature` belongs to visible text, `redacted` replaces it, `encrypted` accompanies an item.

    `extra`: fields beside the blob on the wire (`id`, `format`, `index` of a Chat reasoning detail).
    """

    vendor: str
    kind: Literal["signature", "redacted", "encrypted"]
    data: str
    extra: dict[str, Any] | None = None


def blob_to_client(blob: Opaque, client: str, upstream: str) -> str:
    """The string that a client of format `client` gets for a blob that came by protocol `upstream`."""
    if client == upstream and DEFAULT_VENDOR[client] == blob.vendor and not blob.data.startswith(TAG):
        return blob.data
    vendor = blob.vendor.replace("%", "%25").replace(".", "%2E")  # the first point ends the name
    return f"{TAG}{vendor}.{blob.data}"


def blob_from_client(text: str, client: str) -> tuple[str, str]:
    """(vendor, data) of a string that a client of format `client` sent back."""
    if text.startswith(TAG):
        vendor, dot, data = text[len(TAG) :].partition(".")
        if dot and vendor:
            return vendor.replace("%2E", ".").replace("%25", "%"), data
    return DEFAULT_VENDOR[client], text


def mark_redacted(data: str) -> str:
    """Marks a redacted blob for a carrier that has one string field for both kinds (Responses `encrypted_content`).

    A colon is in neither alphabet of base64, so no vendor's blob begins like this.
    """
    return _REDACTED + data


def split_redacted(data: str) -> tuple[bool, str]:
    """(was it marked, blob without the mark)."""
    return (True, data[len(_REDACTED) :]) if data.startswith(_REDACTED) else (False, data)


_CALL = "call:"


def mark_call(data: str) -> str:
    """Marks a blob that belongs to the tool call behind it, for a carrier that has no field on calls (Messages)."""
    return _CALL + data


def split_call(data: str) -> tuple[bool, str]:
    """(was it marked as belonging to the next tool call, blob without the mark)."""
    return (True, data[len(_CALL) :]) if data.startswith(_CALL) else (False, data)
