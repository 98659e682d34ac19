"""Files in a request: data URLs, and what kind of thing some bytes are (wire facts 4.7; RFC 2397).

Callers often name no type or a wrong one, so the first bytes say it. The gateway never fetches anything.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from hyperinfer.formats.conversation import Base64Source, UrlSource

PDF = "application/pdf"
IMAGES = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
"""Types of images that every vendor takes, as callers write them and as they are."""
_TEXTS = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml")
_SIGNS = (("/9j/", "image/jpeg"), ("iVBORw0KGgo", "image/png"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))
_PDF_SIGN = "JVBERi0"
_EXTENSIONS = {"txt": "text/plain", "md": "text/plain", "csv": "text/plain", "json": "text/plain", "pdf": PDF}
_DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?P<rest>(?:;[^;,]*)*?)(?P<base64>;base64)?,", re.IGNORECASE)


def source_of_url(url: str) -> Base64Source | UrlSource:
    """A `data:` URL in base64 as its bytes, any other URL as it is."""
    head = _DATA_URL.match(url)
    if head is None or not head["base64"]:
        return UrlSource(url)
    return Base64Source(url[head.end() :], head["type"].lower() + head["rest"] or None)


def url_of_source(source: Base64Source | UrlSource, default_type: str) -> str:
    """An https or data URL. `default_type`: the media type for data whose type the caller did not say."""
    if isinstance(source, UrlSource):
        return source.url
    return f"data:{source.media_type or default_type};base64,{source.data}"


def bytes_in_url(source: UrlSource) -> Base64Source | None:
    """The bytes of a `data:` URL that is not in base64 (`data:text/plain,a%20b`); None for any other URL."""
    head = _DATA_URL.match(source.url)
    if head is None:
        return None
    data = base64.b64encode(unquote_to_bytes(source.url[head.end() :])).decode()
    return Base64Source(data, head["type"].lower() or "text/plain")


def media_type_of(source: Base64Source, name: str | None = None) -> str | None:
    """The media type without parameters, by the first bytes, else as named, else by the file's name."""
    named = (source.media_type or "").partition(";")[0].strip().lower()
    if source.data.startswith(_PDF_SIGN):
        return PDF
    found = next((kind for sign, kind in _SIGNS if source.data.startswith(sign)), None)
    if found is not None or (named and named != "application/octet-stream"):
        return found or named
    return _EXTENSIONS.get((name or "").rpartition(".")[2].lower())


def is_text(media_type: str | None) -> bool:
    """Whether bytes of the type are text."""
    return media_type is not None and media_type.startswith(_TEXTS)


def text_of(source: Base64Source) -> str | None:
    """The bytes as text; None where they are no UTF-8."""
    try:
        return base64.b64decode(source.data, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
