"""Parts of a conversation to content blocks of a Messages request (wire facts 1.2, 4.4, 4.6, 4.7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats import ids, restore
from hyperinfer.formats.anthropic_messages.media import Unsupported, document_block, image_block, source_as_sent
from hyperinfer.formats.anthropic_messages.tool_input import tool_input
from hyperinfer.formats.conversation import (
    AudioPart,
    CacheMark,
    FilePart,
    ImagePart,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from hyperinfer.formats.errors import RequestError
from hyperinfer.formats.losses import losses_of_words
from hyperinfer.formats.part_paths import result_part_path
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages.scope import Scope
    from hyperinfer.formats.opaque import Opaque
    from hyperinfer.formats.tool_names import Names

Block = dict[str, Any]
_Markable = TextPart | ToolCallPart | ToolResultPart | ImagePart | FilePart
_HAS_ID = frozenset({"item_reference"})


class BlockEncoder:
    """Writes the parts of one request."""

    __slots__ = ("_names", "_scope")

    def __init__(self, scope: Scope, names: Names) -> None:
        self._scope = scope
        self._names = names

    def blocks(self, part: Part, path: str) -> list[Block]:
        """The blocks for one part of a user, assistant or system turn; none for what is left out."""
        # By type, as asking a record whether it is an instance of another one takes ten times as long.
        if type(part) is TextPart:
            return self._text(part, path)
        if type(part) is ReasoningPart:
            return self._reasoning(part, path)
        if type(part) is ToolCallPart:
            return [self.call(part, path, self.call_id(part.call_id))]
        if type(part) is ToolResultPart:
            return [self.result(part, path, self.call_id(part.call_id))]
        return self._rare(part, path)

    def _rare(self, part: Part, path: str) -> list[Block]:
        match part:
            case ImagePart() | FilePart():
                return self._media(part, path)
            case RefusalPart(text=text):
                self._scope.extra(part.extra, path)
                return [{"type": "text", "text": text}] if text.strip() else []
            case NativePart():
                return self._native(part, path)
            case AudioPart():
                raise RequestError(f"{path}: the model's provider takes no audio", param=path)
            case _:
                raise TypeError(f"no part: {part!r}")

    def call_id(self, call_id: str) -> str:
        """A legal id of a call, the same one for the call and its result."""
        match self._scope.target.quirks.tool_id:
            case "alnum9":
                return ids.alnum9_call_id(call_id)
            case "max40":
                return ids.max40_call_id(ids.anthropic_call_id(call_id))
            case "any":
                return ids.anthropic_call_id(call_id)

    def call(self, part: ToolCallPart, path: str, call_id: str) -> Block:
        """A `tool_use` block."""
        scope = self._scope
        for blob in part.opaque:
            scope.lose(path, f"Messages has no place for the state of {blob.vendor} on a tool call")
        arguments = restore.wrap_input(part.arguments) if part.kind == "custom" else part.arguments
        block: Block = {
            "type": "tool_use",
            "id": call_id,
            "name": self._names.of(part.name, part.namespace),
            "input": tool_input(arguments),
        }
        return block if part.cache is None and part.extra is None else self._with_cache(block, part, path)

    def result(self, part: ToolResultPart, path: str, call_id: str) -> Block:
        """A `tool_result` block."""
        block: Block = {"type": "tool_result", "tool_use_id": call_id}
        if part.plain and len(part.content) == 1 and isinstance(part.content[0], TextPart):
            text = part.content[0].text
            if self._scope.same or text.strip():
                block["content"] = text
        elif content := list(self._content(part, path)):
            block["content"] = content
        if part.is_error or (part.is_error is not None and self._scope.same):
            block["is_error"] = part.is_error
        return block if part.cache is None and part.extra is None else self._with_cache(block, part, path)

    def _content(self, part: ToolResultPart, path: str) -> Iterator[Block]:
        for index, inner in enumerate(part.content):
            yield from self.blocks(inner, result_part_path(part, path, index, self._scope.conversation.dialect))

    def _with_cache(self, block: Block, part: _Markable, path: str) -> Block:
        if part.cache is not None and (mark := self._scope.cache(part.cache, path)) is not None:
            block["cache_control"] = mark
        if part.extra:
            block.update(self._scope.extra(part.extra, path))
        return block

    def _text(self, part: TextPart, path: str) -> list[Block]:
        scope = self._scope
        if not scope.same and not part.text.strip():
            return []  # Messages refuses blocks without visible text
        block: Block = {"type": "text", "text": part.text}
        if part.citations is not None and scope.same:
            block["citations"] = list(self._own_citations(part.citations, path))
        elif part.citations:
            scope.lose(f"{path}.annotations", "annotations of another format")
        return [block if part.cache is None and part.extra is None else self._with_cache(block, part, path)]

    def _own_citations(self, citations: list[Any], path: str) -> Iterator[Any]:
        """Leaves out the citations that the reply encoder made for sources of other providers: they have no valid index."""
        for citation in citations:
            if is_object(citation) and citation.get("encrypted_index") == "":
                self._scope.lose(f"{path}.citations", "a citation of another provider")
            else:
                yield citation

    def _media(self, part: ImagePart | FilePart, path: str) -> list[Block]:
        scope = self._scope
        if scope.same:
            return [self._with_cache(_media_as_sent(part), _without_extra_source(part), path)]
        if isinstance(part, ImagePart) and part.detail not in (None, "auto"):
            scope.lose(f"{path}.detail", "Messages has no level of detail")
        try:
            block = image_block(part, path) if isinstance(part, ImagePart) else document_block(part, path)
        except Unsupported as reason:
            scope.lose(path, str(reason))
            return [{"type": "text", "text": f"[left out: {reason}]"}]
        return [self._with_cache(block, part, path)]

    def _native(self, part: NativePart, path: str) -> list[Block]:
        if self._scope.same:
            return [self._native_as_sent(part.raw, path)]
        if part.type in _HAS_ID:
            raise RequestError(f"{path}: {part.type} needs stored responses, which this gateway has none of", param=path)
        if part.text and part.text.strip():
            self._scope.losses.extend(losses_of_words(part, path))
            return [{"type": "text", "text": part.text}]
        self._scope.lose(path, f"Messages has no {part.type}")
        return []

    def _native_as_sent(self, raw: Block, path: str) -> Block:
        """A block that is carried unread. Only its cache mark depends on the provider."""
        mark = raw.get("cache_control")
        if not is_object(mark):
            return raw
        rest = {name: value for name, value in raw.items() if name != "cache_control"}
        kept = self._scope.cache(CacheMark("cache_control", mark), path)
        return rest if kept is None else {**rest, "cache_control": kept}

    def _reasoning(self, part: ReasoningPart, path: str) -> list[Block]:
        """Thinking goes back only to the vendor that signed it: others refuse it (wire facts 4.6)."""
        scope = self._scope
        text = "\n\n".join(piece.text for piece in part.texts)
        blobs = [blob for blob in part.opaque if blob.vendor == scope.target.vendor]
        extra = dict(part.extra or {}) if scope.same else {}
        if extra.pop("cache_control", None) is not None:
            scope.lose(f"{path}.cache_control", "thinking takes no cache marks")
        if not blobs:
            # Servers that sign nothing want it back unsigned (fault F076).
            unsigned = not part.opaque and scope.target.vendor != "anthropic" and scope.target.quirks.thinking != "none"
            if unsigned and (text or scope.same):
                return [{"type": "thinking", "thinking": text, **extra}]
            if text or part.opaque:
                scope.lose(path, "reasoning that the provider's vendor has not signed")
            return []
        blocks: list[Block] = []
        for blob in blobs:
            block = _reasoning_block(blob, text)
            text = "" if block["type"] == "thinking" else text
            blocks.append(block)
        if text:
            scope.lose(path, "reasoning text without a signature")
        blocks[0].update(extra)
        return blocks


def _reasoning_block(blob: Opaque, text: str) -> Block:
    """A signature stands beside its text; what came without a field for one (Chat's `encrypted`) was redacted."""
    if blob.kind == "signature":
        return {"type": "thinking", "thinking": text, "signature": blob.data}
    return {"type": "redacted_thinking", "data": blob.data}


def _media_as_sent(part: ImagePart | FilePart) -> Block:
    source = source_as_sent(part.source)
    rest = (part.extra or {}).get("source")
    if is_object(rest):
        source = {**source, **rest}
    if isinstance(part, ImagePart):
        return {"type": "image", "source": source}
    block: Block = {"type": "document", "source": source}
    for name, value in (("title", part.name), ("context", part.context), ("citations", part.citations)):
        if value is not None:
            block[name] = value
    return block


def _without_extra_source(part: ImagePart | FilePart) -> ImagePart | FilePart:
    """The part with its source's unmodelled fields taken out of `extra`, where they are already written."""
    if not part.extra or "source" not in part.extra:
        return part
    rest = {name: value for name, value in part.extra.items() if name != "source"}
    return msgspec.structs.replace(part, extra=rest or None)
