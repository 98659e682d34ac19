"""Images and files for a Chat upstream (wire facts 2.1, 4.7; quirk `files`).

Chat itself takes a file as its bytes, and no URL of one; a URL is then told to the model in words, which may have a tool to
read it, and is a Loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.conversation import Base64Source, FileIdSource, FilePart, ImagePart, PlainTextSource, UrlSource
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.media import IMAGES, PDF, bytes_in_url, is_text, media_type_of, text_of, url_of_source
from hyperinfer.formats.opaque import DEFAULT_VENDOR

if TYPE_CHECKING:
    from hyperinfer.formats.openai_chat.scope import Scope

Wire = dict[str, Any]


def image_to_wire(part: ImagePart, path: str) -> Wire:
    """An `image_url` part. Raises `RequestError` for a vendor's file id."""
    match part.source:
        case FileIdSource():
            message = f"{path}: an image given by a vendor's file id cannot be sent to this model"
            raise RequestError(message, param=path)
        case PlainTextSource(text=text):
            return _text(text)
        case source:
            return _image(url_of_source(source, "image/png"), part.detail)


def file_to_wire(part: FilePart, path: str, scope: Scope) -> Wire:
    """A `file` part, or what stands for it. Raises `RequestError` for the file id of another vendor."""
    source = part.source
    if isinstance(source, UrlSource) and not scope.same:
        source = bytes_in_url(source) or source
    match source:
        case PlainTextSource(text=text):
            return _text(text, part.name)
        case FileIdSource(file_id=file_id):
            if not scope.same and scope.target.vendor != DEFAULT_VENDOR[scope.conversation.dialect]:
                raise RequestError(f"{path}: a file given by a vendor's id cannot be sent to this model", param=path)
            file: Wire = {"file_id": file_id}
        case UrlSource():
            return _by_url(source, part.name, path, scope)
        case Base64Source():
            return _by_bytes(source, part.name, scope)
    if part.name is not None:
        file["filename"] = part.name
    return {"type": "file", "file": file}


def _by_url(source: UrlSource, name: str | None, path: str, scope: Scope) -> Wire:
    url, rule = source.url, scope.quirks.files
    if rule == "document_url":
        return _document_url(url, name)
    if rule == "file_or_url" or scope.same:
        field = source.field or "file_data" if scope.same and rule == "file" else "file_data"
        return {"type": "file", "file": {field: url, **({} if name is None else {"filename": name})}}
    scope.lose(path, "Chat takes no file by its URL; the model was told the URL")
    return _text(f"[file: {url}]", name)


def _by_bytes(source: Base64Source, name: str | None, scope: Scope) -> Wire:
    if scope.quirks.files == "document_url":
        return _document_url(url_of_source(source, PDF), name)
    if scope.same:
        data = source.data if source.media_type is None else url_of_source(source, PDF)
        return {"type": "file", "file": {"file_data": data, **({} if name is None else {"filename": name})}}
    kind = media_type_of(source, name)
    if kind in IMAGES:
        return _image(url_of_source(source, kind))
    if is_text(kind) and (text := text_of(source)) is not None:
        return _text(text, name)  # OpenAI takes PDFs alone here
    return {"type": "file", "file": {"file_data": url_of_source(source, PDF), "filename": name or "document.pdf"}}


def _document_url(url: str, name: str | None) -> Wire:
    part: Wire = {"type": "document_url", "document_url": url}
    return part if name is None else {**part, "document_name": name}


def _image(url: str, detail: str | None = None) -> Wire:
    image = {"url": url} if detail is None else {"url": url, "detail": detail}
    return {"type": "image_url", "image_url": image}


def _text(text: str, title: str | None = None) -> Wire:
    return {"type": "text", "text": f"{title}:\n{text}" if title else text}
