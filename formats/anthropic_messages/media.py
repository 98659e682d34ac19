"""Images and documents as Messages takes them (wire facts 1.2, 4.7): jpeg, png, gif, webp; PDF, and plain text as text."""

from __future__ import annotations

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
from hyperinfer.formats.media import IMAGES, PDF, bytes_in_url, is_text, media_type_of, text_of


class Unsupported(Exception):
    """Messages has no form for this. Its text says why."""


def image_block(part: ImagePart, path: str) -> dict[str, Any]:
    """The block for an image of another dialect. Raises `Unsupported`, or `RequestError` for a file id."""
    source = _with_bytes(part.source)
    if isinstance(source, Base64Source) and media_type_of(source) == PDF:
        return {"type": "document", "source": _base64(PDF, source.data)}
    return {"type": "image", "source": _image_source(source, path)}


def document_block(part: FilePart, path: str) -> dict[str, Any]:
    """The block for a file of another dialect. Raises as `image_block` does."""
    source = _with_bytes(part.source)
    if isinstance(source, Base64Source) and media_type_of(source, part.name) in IMAGES:
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
        case PlainTextSource(text=text, raw=raw):
            return raw or {"type": "text", "media_type": "text/plain", "data": text}


def _base64(media_type: str | None, data: str) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": data}


def _image_source(source: Source, path: str) -> dict[str, Any]:
    match source:
        case Base64Source(data=data):
            media_type = media_type_of(source)
            if media_type not in IMAGES:
                raise Unsupported(f"images of type {media_type or 'unknown'} are not supported")
            return _base64(IMAGES[media_type], data)
        case UrlSource(url=url):
            return {"type": "url", "url": url}
        case FileIdSource():
            raise _bound(path)
        case PlainTextSource():
            raise Unsupported("text is no image")


def _document_source(source: Source, name: str | None, path: str) -> dict[str, Any]:
    match source:
        case Base64Source(data=data):
            media_type = media_type_of(source, name)
            if media_type == PDF:
                return _base64(PDF, data)
            if is_text(media_type):
                text = text_of(source)
                if text is None:
                    raise Unsupported("the file is no UTF-8 text")
                return source_as_sent(PlainTextSource(text))
            raise Unsupported(f"files of type {media_type or 'unknown'} are not supported")
        case FileIdSource():
            raise _bound(path)
        case _:
            return source_as_sent(source)


def _bound(path: str) -> RequestError:
    return RequestError(f"{path}: a file id is bound to the vendor where the file is", param=path)


def _with_bytes(source: Source) -> Source:
    """A data URL as its bytes: Messages fetches https alone."""
    return (bytes_in_url(source) or source) if isinstance(source, UrlSource) else source
