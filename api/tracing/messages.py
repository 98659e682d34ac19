"""A request in the words of OpenTelemetry's conventions for generative AI (1.41): instructions, messages and tools, in the
JSON schemas that these have (`gen-ai-input-messages.json`, `-system-instructions.json`, `-tool-definitions.json`).

Made of the canonical conversation, so that it is the same in whatever format the request came. Bytes of images, files and
audio are never in it: their number is.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from hyperinfer.api.tracing.fitting import JsonText, Message
from hyperinfer.formats import conversation as conv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hyperinfer.formats.conversation import Conversation, Part, Source, Tool, Turn

_INSTRUCTING: Final = ("system", "developer")
_JOINED: Final = ("assistant", "tool")
"""Roles whose neighbouring turns are one message: formats differ in how they part them."""


def instructions(conversation: Conversation) -> Iterator[dict[str, Any]]:
    """The parts of what the conversation begins with, from whoever runs the application."""
    for turn in conversation.turns[: _begins(conversation.turns)]:
        yield from _parts(turn.parts)


def messages(conversation: Conversation) -> Iterator[Message]:
    """All that follows, the latest first."""
    turns = conversation.turns[_begins(conversation.turns) :]
    numbered = enumerate(turns)
    groups = [
        [turn for _, turn in group]
        for _, group in groupby(numbered, lambda each: each[1].role if each[1].role in _JOINED else each[0])
    ]
    for group in reversed(groups):
        first = group[0]
        about: dict[str, Any] = {"role": "system" if first.role in _INSTRUCTING else first.role}
        if first.name is not None:
            about["name"] = first.name
        yield Message(about, (part for turn in reversed(group) for part in _parts(reversed(turn.parts))))


def tools(conversation: Conversation) -> Iterator[dict[str, Any]]:
    """Those that the model was offered."""
    return map(_tool, conversation.tools)


def _begins(turns: Sequence[Turn]) -> int:
    """How many turns come before the first that instructs nobody."""
    return next((number for number, turn in enumerate(turns) if turn.role not in _INSTRUCTING), len(turns))


def _parts(parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
    for part in parts:
        made = _part(part)
        if made is not None:
            yield made


def _part(part: Part) -> dict[str, Any] | None:
    """None: it says nothing."""
    match part:
        case conv.TextPart():
            return {"type": "text", "content": part.text}
        case conv.RefusalPart():
            return {"type": "refusal", "content": part.text}
        case conv.ReasoningPart():
            text = "\n\n".join([each.text for each in part.texts])
            return {"type": "reasoning", "content": text} if text else None
        case conv.ToolCallPart():
            given = JsonText(part.arguments) if part.kind == "function" else part.arguments
            return {"type": "tool_call", "id": part.call_id, "name": part.name, "arguments": given}
        case conv.ToolResultPart():
            return _result(part)
        case conv.ImagePart():
            return _medium(part.source, "image")
        case conv.FilePart():
            made = _medium(part.source, "document")
            return made if part.name is None else {**made, "name": part.name}
        case conv.AudioPart():
            return _blob(part.data, "audio", f"audio/{part.format}")
        case conv.NativePart():
            return {"type": part.type} if part.text is None else {"type": part.type, "content": part.text}


def _result(part: conv.ToolResultPart) -> dict[str, Any]:
    texts = [each.text for each in part.content if isinstance(each, conv.TextPart)]
    alone = len(texts) == len(part.content) <= 1
    made = {
        "type": "tool_call_response",
        "id": part.call_id,
        "response": "".join(texts) if alone else list(_parts(part.content)),
    }
    return {**made, "is_error": True} if part.is_error else made


def _medium(source: Source, modality: str) -> dict[str, Any]:
    match source:
        case conv.Base64Source():
            return _blob(source.data, modality, source.media_type)
        case conv.UrlSource():
            return {"type": "uri", "modality": modality, "uri": source.url}
        case conv.FileIdSource():
            return {"type": "file", "modality": modality, "file_id": source.file_id}
        case conv.PlainTextSource():
            return {"type": "text", "content": source.text}


def _blob(data: str, modality: str, media_type: str | None) -> dict[str, Any]:
    size = len(data) * 3 // 4 - data[-2:].count("=")
    about = {"type": "blob", "modality": modality, "content": "", "hyperinfer.bytes": size}
    return about if media_type is None else {**about, "mime_type": media_type}


def _tool(tool: Tool) -> dict[str, Any]:
    made: dict[str, Any] = {"type": tool.type if tool.kind == "native" else tool.kind, "name": tool.name}
    if tool.description is not None:
        made["description"] = tool.description
    if tool.parameters is not None:
        made["parameters"] = tool.parameters
    return made
