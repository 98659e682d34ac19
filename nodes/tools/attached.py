"""PDFs of a conversation as text, for models that cannot read them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from hyperinfer.formats.conversation import Base64Source, FilePart, TextPart, ToolResultPart, UrlSource
from hyperinfer.formats.media import PDF, bytes_in_url, media_type_of
from hyperinfer.formats.native_tools import is_native
from hyperinfer.formats.opaque import DEFAULT_VENDOR

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation, Part, Turn
    from hyperinfer.formats.server_tools import ToolOutcome
    from hyperinfer.providers.catalogue import Model, Route

ReadPdf: TypeAlias = "Callable[[bytes | str], Awaitable[ToolOutcome]]"
"""The text of a PDF, given as its bytes or as its URL."""


def reads_pdf(model: Model, route: Route) -> bool:
    """Whether a route's model takes PDFs as they are: the vendors' own APIs with models that see, and routes that list `pdf`
    in `native_tools`. Of what else speaks the protocols of OpenAI and Anthropic hardly any does."""
    if is_native(route.native_tools, "pdf"):
        return True
    own = route.provider.vendor == DEFAULT_VENDOR[route.provider.protocol]
    return own and route.provider.protocol != "openai_chat" and "vision" in model.features


def holds_pdf(conversation: Conversation) -> bool:
    """Whether there is anything to read."""
    return any(_is_pdf(part) for turn in conversation.turns for part in _parts(turn.parts))


async def with_pdf_text(turns: tuple[Turn, ...], read: ReadPdf) -> tuple[tuple[Turn, ...], list[ToolOutcome]]:
    """The turns with the text of each PDF in its place, and what came of reading them, in order; equal files once."""
    outcomes: dict[str, ToolOutcome] = {}

    async def changed(part: Part) -> Part:
        if isinstance(part, ToolResultPart):
            return msgspec.structs.replace(part, content=tuple([await changed(inner) for inner in part.content]))
        if not isinstance(part, FilePart) or not _is_pdf(part):
            return part
        source = part.source
        key = source.url if isinstance(source, UrlSource) else source.data if isinstance(source, Base64Source) else ""
        if key not in outcomes:
            outcomes[key] = await read(_content(part))
        name = f' name="{part.name}"' if part.name else ""
        return TextPart(text=f"<document{name}>\n{outcomes[key].text}\n</document>", cache=part.cache)

    read_turns = [
        msgspec.structs.replace(turn, parts=tuple([await changed(part) for part in turn.parts]), plain=False)
        if any(_is_pdf(part) for part in _parts(turn.parts))
        else turn
        for turn in turns
    ]
    return tuple(read_turns), list(outcomes.values())


def _parts(parts: tuple[Part, ...]) -> list[Part]:
    return [inner for part in parts for inner in ((*part.content,) if isinstance(part, ToolResultPart) else (part,))]


def _is_pdf(part: Part) -> bool:
    if not isinstance(part, FilePart):
        return False
    source = part.source
    if isinstance(source, UrlSource):
        data = bytes_in_url(source)
        if data is None:  # without looking, a document at an address is most likely one
            return source.url.lower().startswith(("http://", "https://"))
        source = data
    return isinstance(source, Base64Source) and media_type_of(source, part.name) == PDF


def _content(part: FilePart) -> bytes | str:
    source = part.source
    if isinstance(source, UrlSource):
        data = bytes_in_url(source)
        if data is None:
            return source.url
        source = data
    try:
        return base64.b64decode(source.data if isinstance(source, Base64Source) else "", validate=False)
    except binascii.Error:
        return b""
