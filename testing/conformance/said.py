"""What the scripted model says, and how an upstream may fail, apart from any protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Format: TypeAlias = Literal["chat", "responses", "messages"]
"""OpenAI Chat Completions, OpenAI Responses, Anthropic Messages."""

FORMATS: tuple[Format, ...] = ("chat", "responses", "messages")

Object: TypeAlias = dict[str, Any]
"""A JSON object."""

Stop: TypeAlias = Literal["end", "length", "tool", "refusal"]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece a delta."""

    pieces: tuple[str, ...]

    @property
    def whole(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Thinking:
    """`opaque`: the signature of a thinking block, or encrypted content of a reasoning item. Chat has no place for it."""

    pieces: tuple[str, ...]
    opaque: str

    @property
    def whole(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; its arguments come a piece a delta."""

    number: int
    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Usage:
    """`prompt` includes what was read from a cache and written to one, `completion` the reasoning: tokens."""

    prompt: int = 35
    cached: int = 12
    written: int = 5
    completion: int = 20
    reasoning: int = 8


@dataclass(frozen=True, slots=True)
class Said:
    """A reply of the model."""

    parts: tuple[Text | Thinking | Call, ...]
    stop: Stop = "end"
    usage: Usage = Usage()

    @property
    def text(self) -> str:
        return "".join(part.whole for part in self.parts if isinstance(part, Text))

    @property
    def thinking(self) -> str:
        return "".join(part.whole for part in self.parts if isinstance(part, Thinking))

    @property
    def opaque(self) -> list[str]:
        return [part.opaque for part in self.parts if isinstance(part, Thinking)]

    @property
    def calls(self) -> list[Call]:
        return [part for part in self.parts if isinstance(part, Call)]


Refusal: TypeAlias = Literal["bad_request", "bad_key", "rate_limit", "server_error", "overloaded"]


@dataclass(frozen=True, slots=True)
class Says:
    """The reply, to its end. `stream`: how its events come. `scattered`: in pieces that end within characters and lines;
    `crlf`: in lines that end with CR and LF, with comments between the events."""

    said: Said
    stream: Literal["plain", "scattered", "crlf"] = "plain"


@dataclass(frozen=True, slots=True)
class Refuses:
    """An error in place of a reply."""

    kind: Refusal


@dataclass(frozen=True, slots=True)
class Breaks:
    """A reply that ends after its first text: `error`, the protocol's own error event; `eof`, an end of the body as if it
    were whole; `drop`, a closed connection. A whole reply is cut in its middle for `eof` and `drop`."""

    said: Said
    how: Literal["error", "eof", "drop"]


@dataclass(frozen=True, slots=True)
class Waits:
    """A reply that stays where it is until it is released: a stream after its first text, a whole one before its head."""

    said: Said


Reply: TypeAlias = Says | Refuses | Breaks | Waits


@dataclass(frozen=True, slots=True)
class Tool:
    """One that the client declares."""

    name: str
    description: str
    parameters: Object


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client asks, apart from its format. `choice`: `required`, `none`, or the name of a tool. `image`: a PNG in
    base64. `schema`: of the JSON that the answer is to be. `results`: what the tools return, in the order of the calls, in a
    second turn."""

    prompt: str
    system: str = ""
    tools: tuple[Tool, ...] = ()
    choice: str = ""
    effort: str = ""
    image: str = ""
    schema: Object | None = None
    limit: int = 4000
    results: Sequence[str] = ()


def call_id(protocol: Format, call: Call) -> str:
    """As the vendor of the protocol makes them."""
    return f"toolu_01Conformance{call.number:04}" if protocol == "messages" else f"call_Conformance{call.number:04}"
