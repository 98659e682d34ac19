"""Content parts for a Chat upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.conversation import (
    AudioPart,
    CacheMark,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    RefusalPart,
    TextPart,
)
from hyperinfer.formats.losses import citations_field, losses_of_extra, losses_of_words
from hyperinfer.formats.openai_chat.media_encode import file_to_wire, image_to_wire
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.openai_chat.scope import Scope


def encode_part(part: Part, path: str, scope: Scope) -> list[dict[str, Any]]:
    """A part as the parts that it becomes: one, or none with a Loss. Raises `RequestError` for what is always a 400."""
    match part:
        case TextPart():
            if part.citations and not scope.same:
                scope.lose(f"{path}.{citations_field(scope.conversation.dialect)}", "Chat has no citations on input")
            item: dict[str, Any] = {"type": "text", "text": part.text}
        case ImagePart():
            item = image_to_wire(part, path)
        case FilePart():
            if part.context:
                scope.lose(f"{path}.context", "Chat files have no context")
            if part.citations and part.citations.get("enabled"):
                scope.lose(f"{path}.citations", "Chat files have no citations")
            item = file_to_wire(part, path, scope)
        case AudioPart():
            item = {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
        case RefusalPart():
            item = {"type": "refusal", "refusal": part.text}
        case NativePart():
            return _native(part, path, scope)
        case _:
            scope.lose(path, "not possible in this message")
            return []
    _decorate(item, part, path, scope)
    return [item]


def _native(part: NativePart, path: str, scope: Scope) -> list[dict[str, Any]]:
    if scope.same:
        return [part.raw]
    if part.text:
        scope.losses.extend(losses_of_words(part, path))
        return [{"type": "text", "text": part.text}]
    scope.lose(path, f"Chat has no content of type '{part.type}'")
    return []


def _decorate(
    item: dict[str, Any], part: TextPart | ImagePart | FilePart | AudioPart | RefusalPart, path: str, scope: Scope
) -> None:
    if part.extra is None:
        pass
    elif scope.same:
        for name, value in part.extra.items():
            inner = item.get(name)
            item[name] = {**inner, **value} if is_object(inner) and is_object(value) else value
    else:
        scope.losses.extend(losses_of_extra(part.extra, path, "Chat content has no such field"))
    mark: CacheMark | None = getattr(part, "cache", None)
    if mark is not None:
        item.update(scope.cache(mark, path))
