"""PDFs of a conversation as text, for models that cannot read them."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
import trio

from hyperinfer.formats.conversation import Base64Source, FilePart, TextPart, ToolResultPart, UrlSource
from hyperinfer.formats.media import PDF, bytes_in_url, media_type_of
from hyperinfer.formats.native_tools import is_native
from hyperinfer.formats.opaque import DEFAULT_VENDOR
from hyperinfer.formats.server_tools import ToolOutcome
from hyperinfer.formats.tool_data import cleaned, one_line

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Conversation, Part, Turn
    from hyperinfer.providers.catalogue import Model, Route

log = logging.getLogger("hyperinfer.tools")

ReadPdf: TypeAlias = "Callable[[bytes | str], Awaitable[ToolOutcome]]"
"""The text of a PDF, given as its bytes or as its URL."""

SECONDS: Final = 120.0
"""For all PDFs of a request together."""
AT_ONCE: Final = 4
"""PDFs of one request that are fetched and read at the same time."""
_LATE: Final = ToolOutcome(text="The PDF was not read in time.", summary="not read in time", error="timeout")
_FAILED: Final = ToolOutcome(text="The PDF could not be read.", summary="failed", error="unavailable")


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
    """The turns with the text of each PDF in its place, and what came of reading them, in order; equal files once. What is
    not read within `SECONDS`, all together, is told to be so."""
    files = {
        _key(part): part for turn in turns for part in _parts(turn.parts) if isinstance(part, FilePart) and _is_pdf(part)
    }
    outcomes = dict.fromkeys(files, _LATE)
    places = trio.CapacityLimiter(AT_ONCE)

    async def one(key: str, part: FilePart) -> None:
        async with places:
            try:
                outcomes[key] = await read(_content(part))
            except Exception:  # as of a tool's run: it must not end the request
                log.exception("a PDF could not be read")
                outcomes[key] = _FAILED

    with trio.move_on_after(SECONDS):
        async with trio.open_nursery() as nursery:
            for key, part in files.items():
                nursery.start_soon(one, key, part)

    def changed(part: Part) -> Part:
        if isinstance(part, ToolResultPart):
            return msgspec.structs.replace(part, content=tuple(changed(inner) for inner in part.content))
        if not isinstance(part, FilePart) or not _is_pdf(part):
            return part
        name = f' name="{one_line(part.name).replace(chr(34), "")}"' if part.name else ""
        text = cleaned(outcomes[_key(part)].text).replace("</document>", "</ document>")
        return TextPart(text=f"<document{name}>\n{text}\n</document>", cache=part.cache)

    read_turns = [
        msgspec.structs.replace(turn, parts=tuple(changed(part) for part in turn.parts), plain=False)
        if any(_is_pdf(part) for part in _parts(turn.parts))
        else turn
        for turn in turns
    ]
    return tuple(read_turns), list(outcomes.values())


def _key(part: FilePart) -> str:
    source = part.source
    return source.url if isinstance(source, UrlSource) else source.data if isinstance(source, Base64Source) else ""


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
