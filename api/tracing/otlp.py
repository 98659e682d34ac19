"""Traces as the messages of OTLP (https://opentelemetry.io/docs/specs/otlp/), written as protobuf has them on the wire.

The few fields that traces have are written here, at a fifth of what general messages cost. Numbers of fields are those of
`opentelemetry/proto/trace/v1/trace.proto` and what that imports; tests read it with OpenTelemetry's own messages.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperinfer.api.tracing.spans import Span, Trace, Value

SCHEMA: Final = "https://opentelemetry.io/schemas/1.41.0"

_AT_ONCE: Final = 64
"""Spans that are written before others have their turn: less than half a millisecond."""

_SAMPLED, _KNOWS_REMOTE, _IS_REMOTE = 0x1, 0x100, 0x200
_ERROR: Final = b"\x7a\x02\x18\x02"
"""Field 15, `status`, with `code` (3) 2."""

_times = struct.Struct("<BQBQ").pack
_double = struct.Struct("<Bd").pack
_flags = struct.Struct("<HI").pack
_time = struct.Struct("<BQ").pack


class Writer:
    """Writes batches. `resource`: who we are. `version`: ours."""

    def __init__(self, resource: Mapping[str, Value], version: str) -> None:
        attributes = b"".join([_field(1, _pair(name, value)) for name, value in resource.items()])
        self._resource = _field(1, attributes)
        self._scope = _field(1, _field(1, b"hyperinfer") + _field(2, version.encode()))

    async def batch(self, traces: Sequence[Trace]) -> bytes:
        """The body of one request to a collector, an `ExportTraceServiceRequest`."""
        pieces = [self._scope]
        written = 0
        for trace in traces:
            for span in trace.spans:
                pieces.append(_field(2, _span(span, trace)))
                written += 1
                if not written % _AT_ONCE:
                    await trio.lowlevel.checkpoint()
        pieces.append(_field(3, SCHEMA.encode()))
        return _field(1, self._resource + _field(2, b"".join(pieces)))


def _span(span: Span, trace: Trace) -> bytes:
    pieces = [b"\x0a\x10", trace.trace_id, b"\x12\x08", span.span_id]
    if trace.state:
        pieces.append(_field(3, trace.state.encode()))
    if span.parent:
        pieces += (b"\x22\x08", span.parent)
    end = span.start if span.end is None else span.end
    pieces += (
        _named(span.name, span.kind),
        _times(0x39, trace.unix_ns(span.start), 0x41, trace.unix_ns(end)),
    )
    for name, value in span.attributes.items():
        pieces.append(_field(9, _pair(name, value)) if isinstance(value, list) else _attribute(name, value))
    if span.contents is not None:  # not by way of the cache, which would hold on to them
        pieces += [_field(9, _field(1, name.encode()) + _field(2, _field(1, data))) for name, data in span.contents.items()]
    for time, name in span.events:
        pieces.append(_field(11, _time(0x09, trace.unix_ns(time)) + _field(2, name.encode())))
    if span.error is not None:
        pieces += (_attribute("error.type", span.error), _ERROR)
    remote = _IS_REMOTE if trace.parent and span is trace.spans[0] else 0
    pieces.append(_flags(0x0185, _SAMPLED | _KNOWS_REMOTE | remote))  # field 16, as two bytes
    return b"".join(pieces)


@lru_cache(maxsize=4096, typed=True)  # typed: 1, 1.0 and True are three values
def _attribute(name: str, value: Value) -> bytes:
    """Of a span. Most have been written before."""
    return _field(9, _pair(name, value))


@lru_cache(maxsize=1024)
def _named(name: str, kind: int) -> bytes:
    """Name and kind of a span."""
    return _field(5, _text(name)) + b"\x30" + _varint(kind)


def _pair(name: str, value: Value) -> bytes:
    """A `KeyValue`."""
    return _field(1, _text(name)) + _field(2, _any(value))


def _any(value: Value) -> bytes:
    """An `AnyValue`."""
    if isinstance(value, str):
        return _field(1, _text(value))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(max(-(2**63), min(2**63 - 1, value)))  # clients may ask for any seed
    if isinstance(value, float):
        return _double(0x21, value)
    return _field(5, b"".join([_field(1, _any(each)) for each in value]))


def _field(number: int, data: bytes) -> bytes:
    """A field of bytes, text or a message. `number`: below 16."""
    length = len(data)
    return b"%c%b%b" % (number << 3 | 2, _SMALL[length] if length < 128 else _varint(length), data)


_SMALL: Final = tuple(bytes([number]) for number in range(128))


def _varint(number: int) -> bytes:
    if 0 <= number < 128:
        return _SMALL[number]
    number &= 2**64 - 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _text(text: str) -> bytes:
    """What JSON may hold and UTF-8 may not is replaced."""
    return text.encode("utf-8", "replace")


def rejected(body: bytes) -> tuple[int, str]:
    """How many spans a collector did not want, and its words; of whatever it has answered."""
    try:
        partial = _fields(bytes(_fields(body).get(1, b"")))
        return int(partial.get(1, 0)), bytes(partial.get(2, b"")).decode("utf-8", "replace")
    except (IndexError, ValueError, TypeError):  # what is no message says nothing
        return 0, ""


def _fields(message: bytes) -> dict[int, int | bytes]:
    """Fields by number, those of numbers and of bytes. Raises IndexError or ValueError where it is no message."""
    found: dict[int, int | bytes] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while shift < 64:
            byte = message[at]
            at += 1
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7
        raise ValueError("a number without end")

    while at < len(message):
        tag = varint()
        value = varint()
        if tag & 7 == 2:
            at += value
            if at > len(message):
                raise IndexError
            found[tag >> 3] = message[at - value : at]
        elif tag & 7 == 0:
            found[tag >> 3] = value
        else:
            raise ValueError("a field of another kind")
    return found
