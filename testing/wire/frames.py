"""What a reply is on the wire, whoever carries it: a status, headers, and pieces of the body with the time before each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Any, Final, Literal

from hyperinfer.formats.wire import is_object
from hyperinfer.testing.checked import check_split
from hyperinfer.testing.parts import Reasoning, RedactedReasoning, Reply, Said, Usage


class Ending(Enum):
    """How an exchange ends. `COMPLETE`: in good order. `CUT`: the connection closes. `RESET`: it breaks. `STALL`: it stays
    open, and nothing comes."""

    COMPLETE = "complete"
    CUT = "cut"
    RESET = "reset"
    STALL = "stall"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the body. `delay`: seconds after the piece before it, or after the headers."""

    delay: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Wire:
    """An answer on the wire.

    `status` is None where not even that comes. `wait`: seconds until status and headers. `streamed`: in chunks of unknown
    number, else under a content-length, which `length` says where not all of the body comes. The ending comes
    `ending_delay` seconds after the last piece. `error`: the name that httpx has for it, where one was recorded.
    """

    status: int | None
    headers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[Chunk, ...] = ()
    streamed: bool = False
    wait: float = 0.0
    ending: Ending = Ending.COMPLETE
    ending_delay: float = 0.0
    length: int | None = None
    error: str | None = None

    @property
    def body(self) -> bytes:
        """All the bytes."""
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """The headers with the framing."""
        if self.streamed:
            return (*self.headers, ("transfer-encoding", "chunked"))
        return (*self.headers, ("content-length", str(len(self.body) if self.length is None else self.length)))


@dataclass(frozen=True, slots=True)
class Frame:
    """An event of a stream. `delta`: whether it brings a piece of what the model makes, which takes its time."""

    data: bytes
    delta: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reply depends on in its request. `number`: of the request, from 0; it makes the ids. `created`: Unix seconds.
    `body`: the JSON object, for what the vendor repeats of it."""

    model: str
    streamed: bool
    body: dict[str, Any]
    number: int = 0
    created: int = 1_790_000_000


MINT: Final = {
    "chatcmpl": ("chatcmpl-", 29),
    "resp": ("resp_", 50),
    "msg": ("msg_", 50),
    "rs": ("rs_", 50),
    "fc": ("fc_", 50),
    "ctc": ("ctc_", 50),
    "call": ("call_", 24),
    "message": ("msg_01", 22),
    "toolu": ("toolu_01", 22),
    "req": ("req_", 32),
    "request": ("req_011C", 20),
}
"""Kinds of ids: how each begins, and how many characters follow."""


def mint(kind: str, *where: int) -> str:
    """An id of this kind for this request (and part): the same each time, as long as a real one."""
    prefix, length = MINT[kind]
    digest = blake2b(f"{kind} {where}".encode(), digest_size=32).hexdigest()
    return prefix + digest[:length]


def obfuscation(place: int, size: int) -> str:
    """The padding with which OpenAI hides how long a delta is."""
    return blake2b(str(place).encode(), digest_size=8).hexdigest()[: 16 - size % 16]


def compact(value: object) -> str:
    """JSON as the vendors write it in their streams."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def json_bytes(text: str) -> bytes:
    """JSON on the wire. Half of a surrogate pair, which no UTF-8 can say, is escaped: as vendors do that cut such pairs."""
    return text.encode("utf-8", "backslashreplace")


def event(value: dict[str, Any]) -> bytes:
    """A frame that is named after its type."""
    return json_bytes(f"event: {value['type']}\ndata: {compact(value)}\n\n")


def data(value: object) -> bytes:
    """A frame without a name."""
    return json_bytes(f"data: {compact(value)}\n\n")


def stream_options(asked: Asked) -> dict[str, Any]:
    """Those of a request; none of one in which they are something else."""
    options = asked.body.get("stream_options")
    return options if is_object(options) else {}


def counted(reply: Reply) -> Usage:
    """The usage of a reply with nothing left open."""
    given = reply.usage
    thought = sum(_tokens(part) for part in reply.parts if isinstance(part, Reasoning | RedactedReasoning))
    reasoning = thought if given.reasoning is None else given.reasoning
    said = sum(_tokens(part) for part in reply.parts if isinstance(part, Said)) - thought
    output = said + reasoning if given.output is None else given.output
    return Usage(given.input, output, given.cached, given.cache_written, reasoning)


def _tokens(part: Said) -> int:
    text = part.data if isinstance(part, RedactedReasoning) else part.text
    return -(-len(text) // 4)


def cut(chunks: Iterable[Chunk], split: int | Sequence[int] | Literal["whole"] | None) -> tuple[Chunk, ...]:
    """The same bytes at the same times, in the pieces that `Reply.split` asks for."""
    check_split(split)
    if split is None:
        return tuple(chunks)
    runs: list[Chunk] = []
    for chunk in chunks:
        if runs and not chunk.delay:
            runs[-1] = Chunk(runs[-1].delay, runs[-1].data + chunk.data)
        else:
            runs.append(chunk)
    if split == "whole":
        return tuple(runs)
    sizes = iter(() if isinstance(split, int) else split)
    left = 0
    pieces: list[Chunk] = []
    for run in runs:
        start, delay = 0, run.delay
        while start < len(run.data):
            if not left:
                left = split if isinstance(split, int) else next(sizes, len(run.data) + 1)
            size = min(left, len(run.data) - start)
            pieces.append(Chunk(delay, run.data[start : start + size]))
            start, left, delay = start + size, left - size, 0.0
    return tuple(pieces)
