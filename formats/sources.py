"""Where the bytes of an image or a document of a request are."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec


class Base64Source(msgspec.Struct, frozen=True, gc=False):
    """Bytes in the request itself. `data`: base64, as the caller wrote it. `media_type`: an IANA type; None when the caller
    gave none."""

    data: str
    media_type: str | None = None


class UrlSource(msgspec.Struct, frozen=True, gc=False):
    """An https URL that the upstream fetches, never the gateway. `field`: `file_url` for a file's URL on Chat, else None."""

    url: str
    field: str | None = None


class FileIdSource(msgspec.Struct, frozen=True, gc=False):
    """A file at one vendor. It is refused when the target is another (RULES: always 400)."""

    file_id: str


class PlainTextSource(msgspec.Struct, frozen=True, gc=False):
    """A document given as text (Anthropic `source.type` `text`). `raw`: as the wire had it, where that was in pieces."""

    text: str
    raw: dict[str, Any] | None = None


Source: TypeAlias = Base64Source | UrlSource | FileIdSource | PlainTextSource
