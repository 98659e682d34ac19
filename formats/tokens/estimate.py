"""The one estimate of tokens: what a request makes a model read, and what a reply made it write.

It serves where nobody has counted: for counting a request whose provider has no such route, and for replies that came
without usage. Linear in the size of the request, without a loop over characters; pure.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import conversation as c
from hyperinfer.formats.native_tools import unversioned
from hyperinfer.formats.tokens.documents import document_of
from hyperinfer.formats.tokens.figures import Figures, figures_of
from hyperinfer.formats.tokens.images import UNKNOWN, size_of
from hyperinfer.formats.tokens.text import MILLI, TextWeight, text_weight
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.formats.events import Dialect

_BLOB_CHARACTERS = 5
"""Characters of an opaque blob for one token of the reasoning in it: four characters of text, in base64."""

_AUDIO_BYTES = 1600
"""Bytes of audio for one token: OpenAI counts ten tokens a second, and MP3 at 128 kbit/s has 16,000 bytes in it."""


def estimate_input(conversation: c.Conversation, *, model: str, protocol: Dialect) -> int:
    """Tokens that a request makes the model read, with its tools, schema and media. At least 1.

    `model`: the upstream's name of it. `protocol`: what the upstream speaks.
    """
    return _Sum(figures_of(model, protocol)).of(conversation)


def estimate_output(weight: int, *, calls: int, ends: int, model: str, protocol: Dialect) -> int:
    """Tokens that a model wrote; 0 for nothing. `weight`: of its text, reasoning and arguments (`TextWeight`). `calls`: of
    tools. `ends`: of replies that came to their end."""
    if not weight and not calls:
        return 0
    figures = figures_of(model, protocol)
    return figures.reply * ends + math.ceil(weight * figures.text / (MILLI * MILLI)) + calls * figures.written_call


class _Sum:
    """One request. `tokens`: of what is counted one by one; all text goes through `weight`."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._tokens = figures.request
        self._milli = 0  # weighed apart: what the figures of text do not hold for
        self._weight = TextWeight()
        self._cited = False

    def of(self, conversation: c.Conversation) -> int:
        figures = self._figures
        for turn in conversation.turns:
            self._tokens += figures.turn
            if turn.name:
                self._text(turn.name)
            self._parts(turn.parts)
        self._tools(conversation.tools)
        self._shape(conversation.response_format)
        if self._cited:
            self._tokens += figures.citations
        weight = self._weight.total * figures.text // MILLI + self._milli
        return max(1, self._tokens + math.ceil(weight / MILLI))

    def _text(self, text: str) -> None:
        self._weight.add(text)
        self._weight.add("\n")

    def _json(self, value: Any) -> None:
        self._weight.add_bytes(msgspec.json.encode(value))
        self._weight.add("\n")

    def _parts(self, parts: Iterable[c.Part]) -> None:
        for part in parts:
            match part:
                case c.TextPart() | c.RefusalPart():
                    self._text(part.text)
                case c.ToolCallPart():
                    self._tokens += self._figures.call
                    self._text(part.name)
                    self._text(part.arguments)
                case c.ToolResultPart():
                    self._tokens += self._figures.result
                    self._parts(part.content)
                case c.ReasoningPart():
                    self._reasoning(part)
                case c.ImagePart():
                    self._image(part)
                case c.FilePart():
                    self._file(part)
                case c.AudioPart():
                    self._tokens += math.ceil(len(part.data) * 3 / 4 / _AUDIO_BYTES)
                case c.NativePart():
                    self._native(part)

    def _reasoning(self, part: c.ReasoningPart) -> None:
        """Its text; where only its vendor can read it, by the size of the blob."""
        for text in part.texts:
            self._text(text.text)
        if not any(text.text for text in part.texts):
            self._tokens += sum(len(blob.data) for blob in part.opaque) // _BLOB_CHARACTERS

    def _image(self, part: c.ImagePart) -> None:
        width, height = size_of(part.source.data) if isinstance(part.source, c.Base64Source) else UNKNOWN
        self._tokens += self._figures.image(width, height, low=part.detail == "low")

    def _file(self, part: c.FilePart) -> None:
        self._text(part.name or "")
        self._text(part.context or "")
        self._cited = self._cited or (part.citations or {}).get("enabled") is True
        match part.source:
            case c.PlainTextSource(text=text):
                self._text(text)
            case c.Base64Source(data=data, media_type=media_type):
                document = document_of(data, media_type)
                self._milli += document.weight * self._figures.text // MILLI
                self._tokens += document.pages * self._figures.page
            case _:
                self._tokens += self._figures.elsewhere

    def _native(self, part: c.NativePart) -> None:
        """A block that only one vendor knows: its text, or all of it."""
        self._tokens += self._figures.native.get(part.type, 0)
        citations = part.raw.get("citations")
        self._cited = self._cited or (is_object(citations) and citations.get("enabled") is True)
        if part.text is not None:
            self._text(part.text)
        else:
            self._json(part.raw)

    def _tools(self, tools: tuple[c.Tool, ...]) -> None:
        figures = self._figures
        if tools:
            self._tokens += figures.tools
        for tool in tools:
            if (tool.extra or {}).get("defer_loading") is True:
                continue  # the model is told of it when it looks for it
            if tool.kind == "native":
                name = unversioned(tool.type)
                self._tokens += figures.native.get(name, figures.native[""])
                continue
            self._tokens += figures.tool
            self._text(tool.name)
            self._text(tool.description or "")
            declared = tool.parameters if tool.kind == "function" else tool.grammar
            if declared is not None:
                self._milli += text_weight(msgspec.json.encode(declared)) * figures.declared // MILLI

    def _shape(self, shape: c.ResponseFormat | None) -> None:
        if shape is None or shape.type == "text":
            return
        self._tokens += self._figures.shaped
        if shape.schema is not None:
            self._milli += text_weight(msgspec.json.encode(shape.schema)) * self._figures.schema // MILLI
