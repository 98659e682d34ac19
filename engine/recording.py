"""A recording: what went in and out of one request, at its edges, as data. One JSON Lines file for each.

    recording = read_recording(Path("….jsonl"))  # recording_file.py
    recording.request.body.data; recording.exchanges[0].pieces; recording.end

The first line is the `Request`. The others follow in the order of their times, the last one is the `End`; where that is
missing the recording is `truncated`. `at` is always seconds since the request came. Bytes are text where they are UTF-8,
else base64, and only their number where bodies are not recorded (`Payload`). Nothing here knows what the bytes mean:
`served`, the routes of a `Plan` and the outcomes of tools are data of whoever records, for whoever replays.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final, Literal, TypeAlias

import msgspec

VERSION: Final = 1
"""Of the format. A file of another one is not read."""

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Names in lower case, and values; in the order of the wire."""


class Withheld(Exception):
    """The bytes were not recorded, only how many there were."""


class Payload(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Bytes: as `text` where they are UTF-8, else as `base64`; where bodies are not recorded, their number (`length`)."""

    text: str | None = None
    base64: str | None = None
    length: int | None = None

    @classmethod
    def of(cls, data: bytes) -> Payload:
        """Bytes that are recorded."""
        try:
            return cls(text=data.decode())
        except UnicodeDecodeError:
            return cls(base64=base64.b64encode(data).decode())

    @property
    def data(self) -> bytes:
        """The bytes. Raises `Withheld`."""
        if self.text is not None:
            return self.text.encode()
        if self.base64 is None:
            raise Withheld(f"{self.length} bytes were not recorded")
        return base64.b64decode(self.base64)

    @property
    def size(self) -> int:
        """How many bytes there are, or were."""
        return self.length if self.length is not None else len(self.data)

    def problem(self) -> str | None:
        """What is wrong with it."""
        if [self.text, self.base64, self.length].count(None) != 2:
            return "bytes are either `text`, `base64` or a `length`"
        if self.base64 is not None:
            try:
                base64.b64decode(self.base64, validate=True)
            except (binascii.Error, ValueError):
                return "`base64` is not base64"
        return None


class Request(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="request", kw_only=True):
    """The client's request, and what it was served under.

    `unix`: seconds, when it came: all other times count from it. `id`: of the request, all other ids are made of it.
    `gateway`: version of the program. `headers`: some of them, none that identifies anybody. `served`: what is needed to
    serve it again, in the recorder's own form and without secrets. `bodies`: whether bytes are recorded.
    """

    version: int
    id: str
    unix: float
    gateway: str
    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: Payload
    bodies: bool = True
    served: dict[str, Any] = {}


class Plan(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="plan"):
    """Who may serve the request, in the order of trying: records of the recorder's own form. `round`: 0, or how often it was
    planned before."""

    at: float
    routes: tuple[dict[str, Any], ...]
    round: int = 0


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="attempt", kw_only=True):
    """An upstream is asked. `number`: from 0, in the order of being asked. `provider`, `model`: who and what, in the words
    of `served`. `slug`: what the model is called there, of which this provider's is one. `protocol`: what it speaks. `path`:
    below its address. `headers`: those of the client that were passed on."""

    number: int
    at: float
    provider: str
    model: str
    protocol: str
    path: str
    streamed: bool
    slug: str = ""
    headers: Headers = ()
    body: Payload


class Head(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="head"):
    """The upstream answers. `headers`: those that mean something to the gateway, none that says how the body is packed: what
    follows is unpacked."""

    attempt: int
    at: float
    status: int
    headers: Headers = ()


class Bytes(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="bytes"):
    """A piece of the upstream's body, as one read gave it. `crc32`: of these bytes, so that it shows where somebody changed
    them later; None where they are not recorded."""

    attempt: int
    at: float
    data: Payload
    crc32: int | None = None


class Eof(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="eof"):
    """The upstream's body has ended as it should."""

    attempt: int
    at: float


class Fault(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="fault"):
    """The way to the upstream failed, before its head or behind it. `error`: name of the exception's class. `message`: its
    text, for people."""

    attempt: int
    at: float
    error: str
    message: str = ""


class Close(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="close"):
    """The gateway closed the exchange with the upstream before its end."""

    attempt: int
    at: float


class Tool(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="tool", kw_only=True):
    """A run of a tool of the gateway's own, when it ended. `began`: when it was called, as `at`. `arguments`, `outcome`:
    JSON; the outcome is None for a run that was cut short."""

    at: float
    began: float
    name: str
    arguments: Payload
    outcome: Payload | None = None


class Draw(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="draw"):
    """Chance was asked. `what`: for what; `value`: from 0 to 1."""

    at: float
    what: str
    value: float


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="refusal", kw_only=True):
    """The request was refused for the sake of what others did before it, which is in no recording: rates, credits, places,
    repeated keys, or a settlement that did not come off (`by`: where). The rest as an `engine.Failure`, `status` where it is
    not the code's own."""

    at: float
    by: str
    code: str
    message: str
    param: str | None = None
    retry_after: float | None = None
    status: int | None = None
    details: dict[str, Any] = {}


class Sent(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="sent"):
    """Bytes of the response's body were handed to the connection at once: `size` of them, with this CRC-32 (zlib's). They
    are not kept: who replays makes them again, and so finds the first that differ. `alive`: nothing but a sign of life; its
    place among the lines says what came before it, which two clocks cannot."""

    at: float
    size: int
    crc32: int
    alive: bool = False


class Abort(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="abort"):
    """The client has left."""

    at: float


class Drain(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="drain"):
    """The gateway drains: it has `begun`, or its grace is over (`hard_end`)."""

    at: float
    what: Literal["begun", "hard_end"]


class Truncated(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="truncated"):
    """From here on nothing is recorded but the `End`. `why`: `size` (of the file) or `pace` (what was recorded could not be
    written fast enough)."""

    at: float
    why: str


class End(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="end", kw_only=True):
    """The request is over.

    `how`: `complete` (its response was, be it an error), `client_left`, or `cut` (by the gateway's end). `status`,
    `headers`: of the response, None where none was sent. `length`, `sha256` (hexadecimal): of its body, as far as it was
    handed to the connection, without the framing of HTTP. `error`: code of what it failed with. `losses`: `(path, reason)`.
    `redacted`: how often a secret was found in what is recorded, and replaced.
    """

    at: float
    how: Literal["complete", "client_left", "cut"]
    status: int | None = None
    headers: Headers = ()
    length: int = 0
    sha256: str = ""
    error: str | None = None
    losses: tuple[tuple[str, str], ...] = ()
    redacted: int = 0


Upstream: TypeAlias = Head | Bytes | Eof | Fault | Close
"""What an attempt leads to; `attempt` is its number."""

Line: TypeAlias = Plan | Attempt | Upstream | Tool | Draw | Refusal | Sent | Abort | Drain | Truncated | End
"""All but the first one."""


class Exchange(msgspec.Struct, frozen=True):
    """An attempt with what came of it. `end`: None where nothing is known of it."""

    asked: Attempt
    head: Head | None
    pieces: tuple[Bytes, ...]
    end: Eof | Fault | Close | None

    @property
    def data(self) -> bytes:
        """The upstream's body as far as it came. Raises `Withheld`."""
        return b"".join([piece.data.data for piece in self.pieces])


class Recording(msgspec.Struct, frozen=True):
    """A request and what became of it. `truncated`: why it is not whole; None where it is."""

    request: Request
    lines: tuple[Line, ...]
    truncated: str | None = None

    @property
    def end(self) -> End | None:
        """How it ended; None of one that was cut off."""
        last = self.lines[-1] if self.lines else None
        return last if isinstance(last, End) else None

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The attempts, by number."""
        asked = [line for line in self.lines if isinstance(line, Attempt)]
        came: list[list[Upstream]] = [[] for _ in asked]
        for line in self.lines:
            if isinstance(line, Upstream):
                came[line.attempt].append(line)
        return tuple(_exchange(attempt, lines) for attempt, lines in zip(asked, came, strict=True))


def _exchange(asked: Attempt, lines: list[Upstream]) -> Exchange:
    return Exchange(
        asked=asked,
        head=next((line for line in lines if isinstance(line, Head)), None),
        pieces=tuple(line for line in lines if isinstance(line, Bytes)),
        end=next((line for line in lines if isinstance(line, Eof | Fault | Close)), None),
    )
