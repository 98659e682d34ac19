"""Content parts of a conversation to parts of an item for an upstream (wire facts 3.1, 4.7)."""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.codec import Loss, Target
from hyperinfer.formats.conversation import (
    AudioPart,
    Base64Source,
    CacheMark,
    Conversation,
    FileIdSource,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    PlainTextSource,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UrlSource,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.losses import losses_of_extra, losses_of_words
from hyperinfer.formats.media import IMAGES, bytes_in_url, media_type_of, url_of_source
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.openai_responses.content import file_data

Wire = dict[str, Any]

_FILE_NAMES = {"application/pdf": "document.pdf", "text/plain": "document.txt"}


class PartEncoder:
    """Writes one part at a time. None: the part says nothing here."""

    def __init__(self, conversation: Conversation, target: Target, losses: list[Loss]) -> None:
        self._same = conversation.dialect == "openai_responses"
        self._file_vendor = DEFAULT_VENDOR[conversation.dialect]
        self._target = target
        self._losses = losses

    def text(self, text: str, role: str) -> Wire:
        """A text part as the role has it."""
        return {"type": "output_text" if role == "assistant" else "input_text", "text": text}

    def encode(self, part: Part, role: str, path: str) -> Wire | None:
        """One part. `path`: of the part. Raises `RequestError` for what RULES says is always a 400."""
        match part:
            case TextPart():
                wire = self._text(part, role, path)
            case RefusalPart():
                wire = {"type": "refusal", "refusal": part.text}
            case ImagePart():
                wire = self._image(part, path)
            case FilePart():
                wire = self._file(part, path)
            case AudioPart():
                wire = self._audio(part, path)
            case NativePart():
                return self._native(part, role, path)
            case ReasoningPart() | ToolCallPart() | ToolResultPart():
                self._losses.append(Loss(path, "an item cannot stand inside another"))
                return None
        if wire is None:
            return None
        if role == "assistant" and not self._same and wire["type"] not in ("output_text", "refusal"):
            self._losses.append(Loss(path, "an assistant message holds text only"))
            return None
        if part.extra is None:
            pass
        elif self._same:
            wire.update(part.extra)
        else:
            self._losses.extend(losses_of_extra(part.extra, path, "Responses parts have no such field"))
        mark: CacheMark | None = getattr(part, "cache", None)  # a refusal has none
        if mark is not None:
            self._mark(wire, mark, path)
        return wire

    def _mark(self, wire: Wire, mark: CacheMark, path: str) -> None:
        rule = self._target.quirks.cache_control
        if mark.style == "prompt_cache_breakpoint" and rule != "none" and wire["type"].startswith("input_"):
            wire[mark.style] = mark.raw
        elif mark.style == "cache_control" and (rule in ("full", "no_ttl") or (rule == "as_sent" and self._same)):
            kept = {"type": "ephemeral"} if rule == "no_ttl" else mark.raw
            wire["cache_control"] = kept
        else:
            self._losses.append(Loss(f"{path}.{mark.style}", "this model's API has no such cache mark"))

    def _text(self, part: TextPart, role: str, path: str) -> Wire | None:
        if not part.text and not self._same:
            return None
        wire = self.text(part.text, role)
        if self._same:
            if part.citations is not None:
                wire["annotations"] = part.citations
            if part.logprobs is not None:
                wire["logprobs"] = part.logprobs
        elif part.citations:
            self._losses.append(Loss(f"{path}.citations", "citations of another format"))
        return wire

    def _image(self, part: ImagePart, path: str) -> Wire:
        wire: Wire = {"type": "input_image"}
        if part.detail is not None or not self._same:
            wire["detail"] = part.detail or "auto"
        match part.source:
            case FileIdSource(file_id=file_id):
                wire["file_id"] = self._file_id(file_id, path)
            case PlainTextSource(text=text):
                return {"type": "input_text", "text": text}
            case source:
                wire["image_url"] = url_of_source(source, "image/png")
        return wire

    def _file(self, part: FilePart, path: str) -> Wire:
        if part.citations and part.citations.get("enabled"):
            self._losses.append(Loss(f"{path}.citations", "Responses cannot be asked to cite a document"))
        source = part.source
        if isinstance(source, UrlSource) and not self._same:
            source = bytes_in_url(source) or source
        match source:
            case PlainTextSource(text=text):
                return {"type": "input_text", "text": "\n\n".join(t for t in (part.name, part.context, text) if t)}
            case Base64Source() if not self._same and media_type_of(source, part.name) in IMAGES:
                return {"type": "input_image", "detail": "auto", "image_url": url_of_source(source, "image/png")}
            case FileIdSource(file_id=file_id):
                wire: Wire = {"type": "input_file", "file_id": self._file_id(file_id, path)}
            case Base64Source():
                wire = {"type": "input_file", "file_data": self._data(source)}
                if part.name is None and not self._same:
                    wire["filename"] = _FILE_NAMES.get(source.media_type or "", "document.pdf")
            case UrlSource(url=url):
                wire = {"type": "input_file", "file_url": url}
        if part.name is not None:
            wire["filename"] = part.name
        if part.context is not None:
            self._losses.append(Loss(f"{path}.context", "Responses files have no note beside them"))
        return wire

    def _data(self, source: Base64Source) -> str:
        return file_data(source) if self._same else url_of_source(source, "application/pdf")

    def _file_id(self, file_id: str, path: str) -> str:
        if not self._same and self._target.vendor != self._file_vendor:
            raise RequestError(
                f"{path}: the file `{file_id}` belongs to another vendor than the model; send its content", param=path
            )
        return file_id

    def _audio(self, part: AudioPart, path: str) -> Wire:
        if not self._same:
            raise RequestError(f"{path}: the model's provider takes no audio", param=path)
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}

    def _native(self, part: NativePart, role: str, path: str) -> Wire | None:
        if self._same and part.text is None:
            return part.raw
        if part.text is not None:
            self._losses.extend(losses_of_words(part, path))
            return self.text(part.text, role)
        self._losses.append(Loss(path, f"a `{part.type}` block has no form in Responses"))
        return None
