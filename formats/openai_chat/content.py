"""Content parts of Chat messages: text, images, files, audio, refusals (wire facts 2.1, 4.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from hyperinfer.formats.conversation import (
    AudioPart,
    Base64Source,
    CacheMark,
    FileIdSource,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    RefusalPart,
    Source,
    TextPart,
    UrlSource,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.media import source_of_url
from hyperinfer.formats.openai_chat import wire
from hyperinfer.formats.wire import extras, is_object, join, read

_STYLES: tuple[Literal["cache_control", "prompt_cache_breakpoint"], ...] = ("cache_control", "prompt_cache_breakpoint")


def cache_mark(value: dict[str, Any]) -> CacheMark | None:
    """The cache breakpoint on a part, message or tool, in either style."""
    for style in _STYLES:
        raw = value.get(style)
        if is_object(raw):
            ttl = raw.get("ttl")
            return CacheMark(style, raw, str(ttl) if ttl else None)
    return None


def decode_parts(content: Sequence[dict[str, Any]], path: str) -> tuple[Part, ...]:
    """The parts of a message's content array."""
    return tuple([_decode_part(part, path, index) for index, part in enumerate(content)])


def _decode_part(part: dict[str, Any], place: str, index: int) -> Part:
    kind = part.get("type")
    if kind == "text" and len(part) == 2 and type(text := part.get("text")) is str:
        return TextPart(text=text)
    path = f"{place}[{index}]"
    if not isinstance(kind, str):
        raise RequestError(f"{join(path, 'type')}: expected a string", param=join(path, "type"))
    decode = _DECODERS.get(kind)
    return decode(part, path) if decode else NativePart(type=kind, raw=part)


def _text(part: dict[str, Any], path: str) -> Part:
    record = read(part, wire.TextPart, path)
    extra = {name: value for name, value in (extras(part, wire.TextPart) or {}).items() if value not in (None, [])}
    return TextPart(text=record.text, cache=cache_mark(part), extra=extra or None)


def _image(part: dict[str, Any], path: str) -> Part:
    if isinstance(part.get("image_url"), str):  # the Responses spelling, sent to Chat by some clients
        part = {**part, "image_url": {"url": part["image_url"], "detail": part.get("detail")}}
    record = read(part, wire.ImagePart, path)
    extra = extras(part, wire.ImagePart) or {}
    if inner := extras(part["image_url"], wire.ImageUrl):
        extra["image_url"] = inner
    return ImagePart(
        source=source_of_url(record.image_url.url),
        detail=record.image_url.detail,
        cache=cache_mark(part),
        extra=extra or None,
    )


_FILE_SOURCES = ("file_data", "file_url", "file_id")


def _file(part: dict[str, Any], path: str) -> Part:
    record = read(part, wire.FilePart, path).file
    given = [name for name in _FILE_SOURCES if getattr(record, name) is not None]
    if not given:
        return NativePart(type="file", raw=part)  # valid by the contract, of use to nobody but perhaps a Chat upstream
    text: str = getattr(record, given[0])
    source: Source = FileIdSource(text) if given[0] == "file_id" else source_of_url(text)
    if isinstance(source, UrlSource):
        if given[0] == "file_url":
            source = UrlSource(text, field="file_url")
        elif not text.startswith(("http://", "https://", "data:")):
            source = Base64Source(text)  # without the head of a data URL
    extra = extras(part, wire.FilePart) or {}
    inner = {**(extras(part["file"], wire.File) or {}), **{name: getattr(record, name) for name in given[1:]}}
    if inner:
        extra["file"] = inner
    return FilePart(source=source, name=record.filename, cache=cache_mark(part), extra=extra or None)


def _audio(part: dict[str, Any], path: str) -> Part:
    record = read(part, wire.AudioPart, path).input_audio
    return AudioPart(data=record.data, format=record.format, cache=cache_mark(part), extra=extras(part, wire.AudioPart))


def _refusal(part: dict[str, Any], path: str) -> Part:
    return RefusalPart(text=read(part, wire.RefusalPart, path).refusal, extra=extras(part, wire.RefusalPart))


def _anthropic_media(part: dict[str, Any], path: str) -> Part:
    """An Anthropic image or document block on the Chat route (fault F163): unmistakable, so it is taken."""
    source = part.get("source")
    if not is_object(source):
        raise RequestError(f"{path}.source: this field is required", param=f"{path}.source")
    match source.get("type"), source.get("data"), source.get("url"), source.get("media_type"):
        case "base64", str(data), _, media:
            found: Source = Base64Source(data, media if isinstance(media, str) else None)
        case "url", _, str(url), _:
            found = UrlSource(url)
        case _:
            raise RequestError(f"{path}.source: neither base64 nor url", param=f"{path}.source")
    if part["type"] == "image":
        return ImagePart(source=found, cache=cache_mark(part))
    title = part.get("title")
    return FilePart(source=found, name=title if isinstance(title, str) else None, cache=cache_mark(part))


_DECODERS: dict[str, Callable[[dict[str, Any], str], Part]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "image_url": _image,
    "input_image": _image,
    "file": _file,
    "input_audio": _audio,
    "refusal": _refusal,
    "image": _anthropic_media,
    "document": _anthropic_media,
}
