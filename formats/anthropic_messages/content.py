"""Content blocks of a request, decoded: each to one part.

Blocks that only Messages knows become `NativePart`, verbatim, with their meaning in words where there is one. Fields that
are not modelled stay in `extra`; explicit nulls are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hyperinfer.formats import wire as shared
from hyperinfer.formats.anthropic_messages import wire
from hyperinfer.formats.anthropic_messages.reasoning_blob import read_blob
from hyperinfer.formats.conversation import (
    Base64Source,
    CacheMark,
    FileIdSource,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    PlainTextSource,
    ReasoningPart,
    ReasoningText,
    Source,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UrlSource,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.opaque import TAG
from hyperinfer.formats.wire import is_array, is_object

if TYPE_CHECKING:
    from hyperinfer.formats.opaque import Opaque

S = TypeVar("S", bound=msgspec.Struct)


def decode_blocks(
    blocks: Sequence[dict[str, Any]], path: str, decode: Callable[[dict[str, Any], str], Part] | None = None
) -> tuple[Part, ...]:
    """The parts of a list of blocks. `path`: of the list, such as `messages[0].content`. `decode`: reads one block at its
    path, as `decode_block` does."""
    decode = decode or decode_block
    parts: list[Part] = []
    blobs: list[Opaque] = []  # state that the reply encoder had put in thinking blocks before its call
    for index, block in enumerate(blocks):
        part = decode(block, f"{path}[{index}]")
        if type(part) is ReasoningPart and part.opaque and (blob := _blob_of_call(block)) is not None:
            blobs.append(blob)
            continue
        if blobs and isinstance(part, ToolCallPart):
            part = msgspec.structs.replace(part, opaque=tuple(blobs))
            blobs = []
        parts.append(part)
    return tuple(parts)


def decode_block(block: dict[str, Any], path: str) -> Part:
    """One block as a part. Raises `RequestError` when a known block lacks a field or has one of a wrong type."""
    kind = block.get("type")
    if not isinstance(kind, str) or not kind:
        raise RequestError(f"{path}.type: a content block must have a type", param=f"{path}.type")
    reader = _READERS.get(kind)
    return reader(block, path) if reader is not None else _native(block)


def cache_mark(raw: dict[str, Any] | None) -> CacheMark | None:
    """A `cache_control` object. Unknown fields in it (`scope`) are kept."""
    if raw is None:
        return None
    ttl = raw.get("ttl")
    return CacheMark("cache_control", raw, ttl if isinstance(ttl, str) else None)


def unknown_fields(raw: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any] | None:
    """The fields that the record does not know, without nulls."""
    found = shared.extras(raw, kind)
    return {name: value for name, value in found.items() if value is not None} or None if found else None


def _read(block: dict[str, Any], kind: type[S], path: str) -> tuple[S, dict[str, Any] | None]:
    found = shared.extras(block, kind)
    return shared.read(block, kind, path), found and ({n: value for n, value in found.items() if value is not None} or None)


def _text(block: dict[str, Any], path: str) -> Part:
    if len(block) == 2 and type(text := block.get("text")) is str:
        return TextPart(text=text)
    read, extra = _read(block, wire.TextBlock, path)
    return TextPart(text=read.text, citations=read.citations, cache=cache_mark(read.cache_control), extra=extra)


def _image(block: dict[str, Any], path: str) -> Part:
    read, extra = _read(block, wire.ImageBlock, path)
    source, rest = _source(read.source, block["source"], f"{path}.source")
    if source is None:
        return _native(block)
    return ImagePart(source=source, cache=cache_mark(read.cache_control), extra=_with_source(extra, rest))


def _document(block: dict[str, Any], path: str) -> Part:
    read, extra = _read(block, wire.DocumentBlock, path)
    source, rest = _source(read.source, block["source"], f"{path}.source")
    if source is None:
        return _native(block)
    return FilePart(
        source=source,
        name=read.title,
        context=read.context,
        citations=read.citations,
        cache=cache_mark(read.cache_control),
        extra=_with_source(extra, rest),
    )


def _source(source: wire.Source, raw: dict[str, Any], path: str) -> tuple[Source | None, dict[str, Any] | None]:
    """(source, its unmodelled fields); no source when the type is not known."""
    rest = unknown_fields(raw, wire.Source)
    match source.type:
        case "base64":
            return Base64Source(_need(source.data, path, "data"), _need(source.media_type, path, "media_type")), rest
        case "url":
            return UrlSource(_need(source.url, path, "url")), rest
        case "file":
            return FileIdSource(_need(source.file_id, path, "file_id")), rest
        case "text":
            kind = None if source.media_type in (None, "text/plain") else {"media_type": source.media_type}
            return PlainTextSource(_need(source.data, path, "data")), {**(rest or {}), **kind} if kind else rest
        case "content" if (text := _words(source.content)) is not None:
            return PlainTextSource(text, {name: value for name, value in raw.items() if value is not None}), None
        case _:
            return None, None


def _need(value: str | None, path: str, field: str) -> str:
    if value is None:
        raise RequestError(f"{path}.{field}: this field is required", param=f"{path}.{field}")
    return value


def _with_source(extra: dict[str, Any] | None, rest: dict[str, Any] | None) -> dict[str, Any] | None:
    return {**(extra or {}), "source": rest} if rest else extra


def _words(content: Any) -> str | None:
    """The text of a string or of text blocks; None when there is more than text, or nothing."""
    if isinstance(content, str):
        return content
    if not is_array(content) or not content:
        return None
    texts = [block.get("text") if is_object(block) and block.get("type") == "text" else None for block in content]
    return None if any(not isinstance(text, str) for text in texts) else "\n".join(str(text) for text in texts)


def _thinking(block: dict[str, Any], path: str) -> Part:
    read, extra = _read(block, wire.ThinkingBlock, path)
    texts = (ReasoningText(read.thinking),) if read.thinking else ()
    if not read.signature:
        return ReasoningPart(texts=texts, extra=extra)
    return ReasoningPart(texts=texts, opaque=(read_blob(read.signature, "signature").blob,), extra=extra)


def _redacted(block: dict[str, Any], path: str) -> Part:
    read, extra = _read(block, wire.RedactedThinkingBlock, path)
    return ReasoningPart(opaque=(read_blob(read.data, "redacted").blob,), extra=extra)


def _blob_of_call(block: dict[str, Any]) -> Opaque | None:
    """The blob in a thinking block, where it belongs to the next call."""
    signature = block.get("signature")
    if not isinstance(signature, str) or not signature.startswith(TAG):
        return None
    carried = read_blob(signature, "signature")
    return carried.blob if carried.of_call else None


def _tool_use(block: dict[str, Any], path: str) -> Part:
    read, extra = _read(block, wire.ToolUseBlock, path)
    return ToolCallPart(
        call_id=read.id,
        name=read.name,
        arguments=msgspec.json.encode(read.input).decode(),
        cache=cache_mark(read.cache_control) if read.cache_control is not None else None,
        extra=extra,
    )


def _tool_result(block: dict[str, Any], path: str) -> Part:
    """The result; its id is empty where the caller gave none (`pairing`)."""
    read, extra = _read(block, wire.ToolResultBlock, path)
    content: tuple[Part, ...] = ()
    if isinstance(read.content, str):
        content = (TextPart(text=read.content),)
    elif read.content is not None:
        content = decode_blocks(read.content, f"{path}.content")
    return ToolResultPart(
        call_id=read.tool_use_id or "",
        content=content,
        is_error=read.is_error,
        plain=isinstance(read.content, str),
        cache=cache_mark(read.cache_control) if read.cache_control is not None else None,
        extra=extra,
    )


def _search_result(block: dict[str, Any], path: str) -> Part:
    read = shared.read(block, wire.SearchResultBlock, path)
    lines = (read.title, read.source, _words(read.content) or "")
    text = "\n".join(line for line in lines if line)
    return NativePart(type="search_result", raw=block, text=text, unsaid=unsaid_fields(block, "title", "source", "content"))


def _native(block: dict[str, Any]) -> NativePart:
    kind = str(block["type"])
    text: str | None = None
    said = ""
    if kind == "compaction":
        text, said = _words(block.get("content")), "content"
    elif kind == "tool_reference":
        name = block.get("tool_name")
        text, said = name if isinstance(name, str) else None, "tool_name"
    elif kind == "document":
        source = block.get("source")
        text, said = _words(source.get("content")) if is_object(source) else None, "source"
    return NativePart(type=kind, raw=block, text=text, unsaid=unsaid_fields(block, said) if text is not None else ())


def unsaid_fields(block: dict[str, Any], *said: str) -> tuple[str, ...]:
    """The fields of a block beside those that its words are made of, and beside its ids."""
    quiet = ("type", "id", "tool_use_id", *said)
    return tuple(name for name, value in block.items() if name not in quiet and value not in (None, [], {}))


_READERS: dict[str, Callable[[dict[str, Any], str], Part]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "search_result": _search_result,
}
