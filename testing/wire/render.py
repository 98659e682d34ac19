"""Answers put on the wire: what each vendor would send for the same script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from hyperinfer.testing.parts import (
    Answer,
    Cut,
    EndEarly,
    ErrorEvent,
    HttpError,
    Pause,
    RawBytes,
    RawReply,
    Reply,
    Reset,
    Said,
    Stall,
)
from hyperinfer.testing.wire import errors
from hyperinfer.testing.wire.anthropic_messages import MessagesWriter
from hyperinfer.testing.wire.frames import Asked, Chunk, Ending, Frame, Wire, compact, cut, json_bytes, mint
from hyperinfer.testing.wire.openai_chat import ChatWriter
from hyperinfer.testing.wire.openai_responses import ResponsesWriter

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect


class Writer(Protocol):
    """A reply of one protocol in the making."""

    def start(self) -> Iterator[Frame]:
        """What comes before any part."""
        ...

    def part(self, part: Said) -> Iterator[Frame]:
        """A part from its beginning to its end."""
        ...

    def finish(self) -> Iterator[Frame]:
        """What ends a reply."""
        ...

    def fail(self, error: ErrorEvent) -> Iterator[Frame]:
        """What ends a stream with an error."""
        ...

    def whole(self) -> str:
        """The body of a reply that is not streamed."""
        ...


class _Make(Protocol):
    def __call__(self, reply: Reply, asked: Asked) -> Writer: ...


_WRITERS: Final[dict[Dialect, _Make]] = {
    "openai_chat": ChatWriter,
    "openai_responses": ResponsesWriter,
    "anthropic_messages": MessagesWriter,
}
_ENDINGS: Final = {Cut: Ending.CUT, Reset: Ending.RESET, Stall: Ending.STALL, EndEarly: Ending.COMPLETE}


def render(answer: Answer, dialect: Dialect, asked: Asked) -> Wire:
    """The answer as a vendor of `dialect` sends it, in bytes and times. Equal arguments give equal bytes."""
    match answer:
        case Reply():
            return (_stream if asked.streamed else _whole)(answer, dialect, asked)
        case HttpError():
            return _error(answer, dialect, asked.number)
        case RawReply(body, status, headers, wait, every):
            given = tuple(headers.items())
            if isinstance(body, bytes):
                return Wire(status, given, (Chunk(every, body),), wait=wait)
            return Wire(status, given, tuple(Chunk(every, piece) for piece in body), streamed=True, wait=wait)
        case Cut() | Reset() | Stall():
            return Wire(None, ending=_ENDINGS[type(answer)])
        case _:
            assert_never(answer)


def _stream(reply: Reply, dialect: Dialect, asked: Asked) -> Wire:
    writer = _WRITERS[dialect](reply, asked)
    chunks = [Chunk(0.0, frame.data) for frame in writer.start()]
    pause = 0.0
    ending = Ending.COMPLETE
    for part in reply.parts:
        match part:
            case Pause(seconds):
                pause += seconds
                continue
            case RawBytes(data):
                frames: Iterator[Frame] = iter([Frame(data)])
            case ErrorEvent():
                frames = writer.fail(part)
            case EndEarly() | Cut() | Reset() | Stall():
                ending = _ENDINGS[type(part)]
                continue
            case _:
                frames = writer.part(part)
        for frame in frames:
            chunks.append(Chunk(pause + (reply.every if frame.delta else 0.0), frame.data))
            pause = 0.0
    if reply.end is None:
        for frame in writer.finish():
            chunks.append(Chunk(pause, frame.data))
            pause = 0.0
    return Wire(
        200,
        _headers(dialect, asked.number, "text/event-stream; charset=utf-8", reply.headers),
        cut(chunks, reply.split),
        streamed=True,
        wait=reply.wait,
        ending=ending,
        ending_delay=pause,
    )


def _whole(reply: Reply, dialect: Dialect, asked: Asked) -> Wire:
    # It comes when the last byte of the stream would have come.
    stream = _stream(reply, dialect, asked)
    wait = reply.wait + sum(chunk.delay for chunk in stream.chunks) + stream.ending_delay
    if isinstance(reply.end, ErrorEvent):
        return _error(HttpError(reply.end.status, reply.end.message, wait=wait), dialect, asked.number)
    body = json_bytes(_WRITERS[dialect](reply, asked).whole())
    headers = _headers(dialect, asked.number, "application/json", reply.headers)
    if reply.end is None:
        return Wire(200, headers, cut([Chunk(0.0, body)], reply.split), wait=wait)
    half = cut([Chunk(0.0, body[: len(body) // 2])], reply.split)
    if isinstance(reply.end, EndEarly):
        return Wire(200, headers, half, wait=wait)
    return Wire(200, headers, half, wait=wait, ending=_ENDINGS[type(reply.end)], length=len(body))


def _error(error: HttpError, dialect: Dialect, number: int) -> Wire:
    if dialect == "anthropic_messages":
        body = errors.anthropic(error.status, error.message, given=error, number=number)
    else:
        body = errors.openai(error.status, error.message, given=error)
    given = dict(error.headers)
    if error.retry_after is not None:
        given["retry-after"] = f"{error.retry_after:g}"
    headers = _headers(dialect, number, "application/json", tuple(given.items()))
    return Wire(error.status, headers, (Chunk(0.0, json_bytes(compact(body))),), wait=error.wait)


def _headers(
    dialect: Dialect, number: int, content_type: str, given: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    if dialect == "anthropic_messages":
        own = {"request-id": mint("request", number), "anthropic-organization-id": "00000000-0000-4000-8000-000000000000"}
    else:
        own = {"x-request-id": mint("req", number), "openai-version": "2020-10-01", "openai-processing-ms": "12"}
    headers = {"content-type": content_type, **own}
    headers |= {name.lower(): value for name, value in given}
    return tuple(headers.items())
