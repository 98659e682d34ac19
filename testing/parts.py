"""What a scripted reply is made of. Plain data, the same for all three protocols; `testing/wire/` writes it for each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

from hyperinfer.testing.checked import check_seconds, check_split, check_status

Stop: TypeAlias = Literal[
    "end", "length", "tool_calls", "stop_sequence", "refusal", "content_filter", "context_window", "pause"
]
"""Why a reply ended, for all protocols:

| here | Chat Completions | Responses | Messages |
|---|---|---|---|
| `end` | `stop` | `completed` | `end_turn` |
| `length` | `length` | `incomplete`: `max_output_tokens` | `max_tokens` |
| `tool_calls` | `tool_calls` | `completed` | `tool_use` |
| `stop_sequence` | `stop` | `completed` | `stop_sequence` |
| `refusal` | `stop` | `completed` | `refusal` |
| `content_filter` | `content_filter` | `incomplete`: `content_filter` | `refusal` |
| `context_window` | `length` | `incomplete`: `max_output_tokens` | `model_context_window_exceeded` |
| `pause` | `stop` | `completed` | `pause_turn` |
"""

SIGNATURE: Final = "EpABCkYIBxgCKkBub3RoaW5nIHdhcyBzaWduZWQgaGVyZSwgYW5kIG5vYm9keSBjaGVja3M="
"""Stands for the signature that Anthropic puts on its thinking. Opaque: it is to come back as it was."""

ENCRYPTED: Final = "gAAAAABub3RoaW5nLWlzLWVuY3J5cHRlZC1oZXJlLWFuZC1ub2JvZHktY2hlY2tz"
"""Stands for OpenAI's encrypted reasoning. Opaque: it is to come back as it was."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A web page that a text cites. `quote`: what it says there."""

    url: str
    title: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True, init=False)
class Text:
    """What the model says: `Text("Hello")`, or in several deltas: `Text("Hel", "lo")`. `split`: pieces are cut to this many
    characters. `citations` come behind the last delta."""

    pieces: tuple[str, ...]
    citations: tuple[Citation, ...]

    def __init__(self, *pieces: str, split: int | None = None, citations: Sequence[Citation] = ()) -> None:
        object.__setattr__(self, "pieces", _cut(pieces, split))
        object.__setattr__(self, "citations", tuple(citations))

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True, init=False)
class Reasoning:
    """What the model thinks, before it says anything. Without pieces it is hidden, as many models have it.

    `signature`: for Messages. `encrypted`: for Responses, sent where the request includes `reasoning.encrypted_content`.
    Chat Completions has it as `reasoning_content`, as compatible servers do: OpenAI's own says nothing of it there.
    """

    pieces: tuple[str, ...]
    signature: str
    encrypted: str

    def __init__(
        self, *pieces: str, split: int | None = None, signature: str = SIGNATURE, encrypted: str = ENCRYPTED
    ) -> None:
        object.__setattr__(self, "pieces", _cut(pieces, split))
        object.__setattr__(self, "signature", signature)
        object.__setattr__(self, "encrypted", encrypted)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class RedactedReasoning:
    """Thinking that only the vendor can read: `redacted_thinking` in Messages, in Responses an item that has nothing but
    `encrypted_content`; Chat Completions has none."""

    data: str = SIGNATURE


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of the caller's tool.

    `arguments`: an object; or JSON text, also broken on purpose; or that text in the pieces in which it is streamed.
    `split`: pieces are cut to this many characters. `id`: made up where None.
    """

    name: str
    arguments: Mapping[str, Any] | str | Sequence[str] = field(default_factory=dict[str, Any])
    id: str | None = None
    split: int | None = None

    def __post_init__(self) -> None:
        _ = self.text  # raises here, and not in the middle of a test, for what is no JSON

    @property
    def pieces(self) -> tuple[str, ...]:
        """The JSON text as it is streamed; no pieces for no text."""
        given = self.arguments
        if isinstance(given, Mapping):
            given = json.dumps(given, separators=(",", ":"), ensure_ascii=False)
        return _cut((given,) if isinstance(given, str) else given, self.split)

    @property
    def text(self) -> str:
        """The arguments as JSON text."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True, init=False)
class CustomToolCall:
    """A call of a tool that takes free text: `CustomToolCall("apply_patch", "*** Begin", " Patch")`. OpenAI's only: to a
    request in Messages it is an error of the script. `id`: made up where None."""

    name: str
    pieces: tuple[str, ...]
    id: str | None

    def __init__(self, name: str, *pieces: str, split: int | None = None, id: str | None = None) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "pieces", _cut(pieces, split))
        object.__setattr__(self, "id", id)

    @property
    def text(self) -> str:
        """All of the tool's input."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True, init=False)
class Refusal:
    """The model will not answer. In Messages the words are the explanation in `stop_details`, and no text comes."""

    pieces: tuple[str, ...]

    def __init__(self, *pieces: str, split: int | None = None) -> None:
        object.__setattr__(self, "pieces", _cut(pieces, split))

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing comes for so many seconds."""

    seconds: float

    def __post_init__(self) -> None:
        check_seconds("seconds", self.seconds)


@dataclass(frozen=True, slots=True)
class RawBytes:
    """Bytes that go into the stream as they are: a malformed frame (`b"data: {oops\\n\\n"`), a comment."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """The vendor's own error, within the stream, which it ends. `status`: the HTTP status that says the same, such as 529 or
    500; a reply that is not streamed has that status."""

    status: int = 500
    message: str | None = None

    def __post_init__(self) -> None:
        check_status(self.status)


@dataclass(frozen=True, slots=True)
class EndEarly:
    """The body ends in good order, though the reply is not complete: no event says that it is over."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection closes in the middle of the body. In place of a reply: without an answer."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection breaks (RST). In place of a reply: without an answer."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing comes any more, and the connection stays open. In place of a reply: not even a status."""


End: TypeAlias = ErrorEvent | EndEarly | Cut | Reset | Stall
"""Parts after which nothing can come."""

Said: TypeAlias = Text | Reasoning | RedactedReasoning | ToolCall | CustomToolCall | Refusal
"""Parts that the model makes."""

Part: TypeAlias = Said | Pause | RawBytes | End


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. `input` has `cached` (read from the vendor's cache) and `cache_written` in it, `output` has `reasoning` in it.
    What is None is counted, four characters a token."""

    input: int = 10
    output: int | None = None
    cached: int = 0
    cache_written: int = 0
    reasoning: int | None = None


@dataclass(frozen=True, slots=True, init=False)
class Reply:
    """A reply with status 200. A string among `parts` is a `Text`.

    `wait`: seconds from the request to the status and headers. `every`: seconds before each delta. A reply that is not
    streamed comes when its last byte would have come. `split`: how the body is cut on its way: None, an event a piece;
    a number, so many bytes a piece; numbers, the sizes of the first pieces; `"whole"`, all of one time in one piece.
    `stop` is `tool_calls` or `refusal` where parts say so, else `end`. `model`: that of the request where None.
    """

    parts: tuple[Part, ...]
    stop: Stop
    stop_sequence: str | None
    usage: Usage
    wait: float
    every: float
    split: int | Sequence[int] | Literal["whole"] | None
    model: str | None
    headers: tuple[tuple[str, str], ...]

    def __init__(
        self,
        *parts: Part | str,
        stop: Stop | None = None,
        stop_sequence: str | None = None,
        usage: Usage | None = None,
        wait: float = 0.0,
        every: float = 0.0,
        split: int | Sequence[int] | Literal["whole"] | None = None,
        model: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        given = tuple(Text(part) if isinstance(part, str) else part for part in parts)
        if stop is not None and stop not in get_args(Stop):
            raise ValueError(f"stop is one of {', '.join(get_args(Stop))}, not {stop!r}")
        for part in given:
            untrusted: Any = part
            if not isinstance(untrusted, Part):
                names = ", ".join(kind.__name__ for kind in get_args(Part))
                raise TypeError(f"a part is one of {names}, or text, not {untrusted!r}")
        for place, part in enumerate(given[:-1]):
            if isinstance(part, End):
                raise ValueError(f"nothing can come after {part!r}, and {given[place + 1]!r} stands there")
        check_seconds("wait", wait)
        check_seconds("every", every)
        check_split(split)
        put = object.__setattr__
        put(self, "parts", given)
        put(self, "stop", stop or _stop(given, stop_sequence))
        put(self, "stop_sequence", stop_sequence)
        put(self, "usage", usage or Usage())
        put(self, "wait", wait)
        put(self, "every", every)
        put(self, "split", split)
        put(self, "model", model)
        put(self, "headers", tuple((headers or {}).items()))

    @property
    def end(self) -> End | None:
        """The part that cuts the reply short."""
        last = self.parts[-1] if self.parts else None
        return last if isinstance(last, End) else None


@dataclass(frozen=True, slots=True)
class HttpError:
    """An answer that is an error, in the vendor's own words: `HttpError(429, retry_after=2)`.

    `message`, `type`, `code` and `param` replace what the vendor says with this status (`type` and `message` exist in all
    protocols; Messages has no `param`, and puts `code` into `error.details.error_code`). `wait`: seconds until it comes.
    """

    status: int
    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    wait: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        check_status(self.status)
        check_seconds("wait", self.wait)


@dataclass(frozen=True, slots=True)
class RawReply:
    """Any answer, byte for byte. `body` in several pieces is streamed, `every` seconds apart: the page of a proxy that is in
    the way, the stream of a server that is like no other."""

    body: bytes | Sequence[bytes]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    wait: float = 0.0
    every: float = 0.0

    def __post_init__(self) -> None:
        check_status(self.status)
        check_seconds("wait", self.wait)
        check_seconds("every", self.every)


Answer: TypeAlias = Reply | HttpError | RawReply | Cut | Reset | Stall
"""What a request can be given."""


def _cut(pieces: Sequence[str], split: int | None) -> tuple[str, ...]:
    check_split(split)
    if split is not None:
        pieces = [piece[start : start + split] for piece in pieces for start in range(0, len(piece), split)]
    return tuple(piece for piece in pieces if piece)


def _stop(parts: Sequence[Part], stop_sequence: str | None) -> Stop:
    if any(isinstance(part, ToolCall | CustomToolCall) for part in parts):
        return "tool_calls"
    if any(isinstance(part, Refusal) for part in parts):
        return "refusal"
    return "end" if stop_sequence is None else "stop_sequence"
