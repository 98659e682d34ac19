"""Images and documents as Messages takes them (wire facts 1.2, 4.7).

Images: jpeg, png, gif, webp. Documents: PDF, and plain text as text. What has another type is sorted by its first bytes,
since callers often name none or a wrong one; the gateway never fetches anything.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from hyperinfer.formats.conversation import (
    Base64Source,
    FileIdSource,
    FilePart,
    ImagePart,
    PlainTextSource,
    Source,
    UrlSource,
)
from hyperinfer.formats.errors import RequestError

_IMAGES = {"image/jpeg": "image/jpeg", "image/jpg": "image/jpeg", "image/png": "image/png", "image/gif": "image/gif"}
_IMAGES["image/webp"] = "image/webp"
_PDF = "application/pdf"
_TEXTS = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml")
_SIGNS = (("/9j/", "image/jpeg"), ("iVBORw0KGgo", "image/png"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))
_PDF_SIGN = "JVBERi0"
_EXTENSIONS = {"txt": "text/plain", "md": "text/plain", "csv": "text/plain", "json": "text/plain", "pdf": _PDF}


class Unsupported(Exception):
    """Messages has no form for this. Its text says why."""


def image_block(part: ImagePart, path: str) -> dict[str, Any]:
    """The block for an image of another dialect. Raises `Unsupported`, or `RequestError` for a file id."""
    source = part.source
    if isinstance(source, Base64Source) and _media_type(source, None) == _PDF:
        return {"type": "document", "source": _base64(_PDF, source.data)}
    return {"type": "image", "source": _image_source(source, path)}


def document_block(part: FilePart, path: str) -> dict[str, Any]:
    """The block for a file of another dialect. Raises as `image_block` does."""
    source = part.source
    if isinstance(source, Base64Source) and _media_type(source, part.name) in _IMAGES:
        return {"type": "image", "source": _image_source(source, path)}
    block: dict[str, Any] = {"type": "document", "source": _document_source(source, part.name, path)}
    if part.name:
        block["title"] = part.name
    if part.context:
        block["context"] = part.context
    if part.citations:
        block["citations"] = part.citations
    return block


def source_as_sent(source: Source) -> dict[str, Any]:
    """The source of a Messages request, written as it came."""
    match source:
        case Base64Source(data=data, media_type=media_type):
            return _base64(media_type, data)
        case UrlSource(url=url):
            return {"type": "url", "url": url}
        case FileIdSource(file_id=file_id):
            return {"type": "file", "file_id": file_id}
        case PlainTextSource(text=text):
            return {"type": "text", "media_type": "text/plain", "data": text}


def _base64(media_type: str | None, data: str) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": data}


def _image_source(source: Source, path: str) -> dict[str, Any]:
    match source:
        case Base64Source(data=data):
            media_type = _media_type(source, None)
            if media_type not in _IMAGES:
                raise Unsupported(f"images of type {media_type or 'unknown'} are not supported")
            return _base64(_IMAGES[media_type], data)
        case UrlSource(url=url):
            return {"type": "url", "url": url}
        case FileIdSource():
            raise _bound(path)
        case PlainTextSource():
            raise Unsupported("text is no image")


def _document_source(source: Source, name: str | None, path: str) -> dict[str, Any]:
    match source:
        case Base64Source(data=data):
            media_type = _media_type(source, name)
            if media_type == _PDF:
                return _base64(_PDF, data)
            if media_type is not None and media_type.startswith(_TEXTS):
                return source_as_sent(PlainTextSource(_plain(data)))
            raise Unsupported(f"files of type {media_type or 'unknown'} are not supported")
        case FileIdSource():
            raise _bound(path)
        case _:
            return source_as_sent(source)


def _bound(path: str) -> RequestError:
    return RequestError(f"{path}: a file id is bound to the vendor where the file is", param=path)


def _media_type(source: Base64Source, name: str | None) -> str | None:
    named = (source.media_type or "").partition(";")[0].strip().lower()
    if source.data.startswith(_PDF_SIGN):
        return _PDF
    found = next((kind for sign, kind in _SIGNS if source.data.startswith(sign)), None)
    if found is not None or (named and named != "application/octet-stream"):
        return found or named
    return _EXTENSIONS.get((name or "").rpartition(".")[2].lower())


def _plain(data: str) -> str:
    try:
        return base64.b64decode(data, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Unsupported("the file is no UTF-8 text") from None
