"""What the gateway's own tools did in a reply, in no dialect: the records that the events of their runs carry."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

ToolName: TypeAlias = Literal["web_search", "web_fetch", "pdf", "datetime", "image"]
"""The server tools of the contract."""

TOOL_NAMES: tuple[ToolName, ...] = ("web_search", "web_fetch", "pdf", "datetime", "image")


class ToolSource(msgspec.Struct, frozen=True, gc=False):
    """A page that a tool found or read. `text`: an excerpt. `published`: as its source says it, ISO 8601 where it can be."""

    url: str
    title: str = ""
    text: str = ""
    published: str | None = None


class ToolImage(msgspec.Struct, frozen=True, gc=False):
    """An image that a tool made. `data`: base64. `prompt`: what was drawn, as the maker rephrased it."""

    data: str
    media_type: str
    prompt: str | None = None


class ToolOutcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a run of a tool came to.

    `text`: what the model reads. `summary`: one line for a person. `error`: a short word for what went wrong (`timeout`,
    `refused`, `not_found`, `too_large`, `unsupported`, `bad_arguments`, `unavailable`), None when it went well; `text` then
    says it to the model. `calls`: how many times it is charged, 0 for nothing.
    """

    text: str
    summary: str
    error: str | None = None
    sources: tuple[ToolSource, ...] = ()
    images: tuple[ToolImage, ...] = ()
    calls: int = 1


class ToolRun(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call of one of the gateway's tools. `call_id`: as the model's reply had it. `input`: the arguments, an object."""

    call_id: str
    name: ToolName
    input: dict[str, Any]
