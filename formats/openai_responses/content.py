"""Content parts of requests: wire to canonical and back."""

from __future__ import annotations

from typing import Any

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
from hyperinfer.formats.openai_responses import wire as w
from hyperinfer.formats.wire import extras, is_object, json_type, read

_TEXT_TYPES = ("input_text", "output_text", "text")
_CACHE_FIELDS = ("prompt_cache_breakpoint", "cache_control")


def decode_content(content: str | list[Any] | None, path: str) -> tuple[Part, ...]:
    """The parts of a message's `content` or of an `output`; `path` is that field."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (TextPart(text=content),)
    return tuple(
        [_text_alone(part) or decode_part(part, f"{path}[{index}]") for index, part in enumerate(content)]  # as most are
    )


def _text_alone(value: Any) -> TextPart | None:
    """A part of a type and a text; None for any other."""
    if is_object(value) and len(value) == 2 and value.get("type") in _TEXT_TYPES and type(text := value.get("text")) is str:
        return TextPart(text=text)
    return None


def decode_part(value: Any, path: str) -> Part:
    """One part. A type that this version does not know is kept verbatim."""
    if isinstance(value, str):
        return TextPart(text=value)
    if not is_object(value):
        raise RequestError(f"{path}: expected an object, not {json_type(value)}", param=path)
    kind = value.get("type")
    if not isinstance(kind, str):
        raise RequestError(f"{path}.type: expected a string", param=f"{path}.type")
    if kind in _TEXT_TYPES:
        text = read(value, w.OutputText, path)
        return TextPart(
            text=text.text,
            citations=text.annotations,
            logprobs=text.logprobs,
            cache=_cache(value, path),
            extra=_extra(value, w.OutputText),
        )
    if kind == "input_image":
        return _image(value, path)
    if kind == "input_file":
        return _file(value, path)
    if kind == "input_audio":
        audio = read(value, w.InputAudio, path).input_audio
        return AudioPart(data=audio.data, format=audio.format, cache=_cache(value, path), extra=_extra(value, w.InputAudio))
    if kind == "refusal":
        return RefusalPart(text=read(value, w.RefusalContent, path).refusal, extra=_extra(value, w.RefusalContent))
    return NativePart(type=kind, raw=value)


def _image(value: dict[str, Any], path: str) -> ImagePart | NativePart:
    image = read(value, w.InputImage, path)
    source: Source
    if image.image_url is not None:
        source = source_of_url(image.image_url)
    elif image.file_id is not None:
        source = FileIdSource(image.file_id)
    else:  # valid by the contract, of use to nobody but perhaps a Responses upstream
        return NativePart(type="input_image", raw=value)
    return ImagePart(source=source, detail=image.detail, cache=_cache(value, path), extra=_extra(value, w.InputImage))


def _file(value: dict[str, Any], path: str) -> FilePart | NativePart:
    file = read(value, w.InputFile, path)
    source: Source
    if file.file_data is not None:
        found = source_of_url(file.file_data)
        source = found if isinstance(found, Base64Source) else Base64Source(file.file_data)
    elif file.file_url is not None:
        source = UrlSource(file.file_url)
    elif file.file_id is not None:
        source = FileIdSource(file.file_id)
    else:
        return NativePart(type="input_file", raw=value)
    return FilePart(source=source, name=file.filename, cache=_cache(value, path), extra=_extra(value, w.InputFile))


def _cache(value: dict[str, Any], path: str) -> CacheMark | None:
    for field in _CACHE_FIELDS:
        raw = value.get(field)
        if raw is None:
            continue
        if not is_object(raw):
            raise RequestError(f"{path}.{field}: expected an object, not {json_type(raw)}", param=f"{path}.{field}")
        ttl = raw.get("ttl")
        return CacheMark(
            "cache_control" if field == "cache_control" else "prompt_cache_breakpoint",
            raw,
            ttl if isinstance(ttl, str) else None,
        )
    return None


def _extra(value: dict[str, Any], kind: Any) -> dict[str, Any] | None:
    found = extras(value, kind)
    if not found:
        return None
    return {k: v for k, v in found.items() if v is not None and k not in _CACHE_FIELDS} or None


def file_data(source: Base64Source) -> str:
    """`file_data`: a data URL where the type is known."""
    return source.data if source.media_type is None else f"data:{source.media_type};base64,{source.data}"
