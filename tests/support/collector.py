"""An OTLP collector on a socket: takes what is sent to it, decodes it, and answers by script."""

from __future__ import annotations

import gzip
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Got:
    """One export. `headers`: by lower-case name."""

    path: str
    headers: dict[str, str]
    message: ExportTraceServiceRequest

    @property
    def spans(self) -> list[Span]:
        return [span for of in self.message.resource_spans for scope in of.scope_spans for span in scope.spans]

    @property
    def resource(self) -> dict[str, Any]:
        return values(self.message.resource_spans[0].resource.attributes)


@dataclass
class Collector:
    """`answers`: the raw responses, the last one again and again; None: none ever comes."""

    port: int
    answers: Sequence[bytes | None]
    got: list[Got] = field(default_factory=list[Got])
    _came: trio.Event = field(default_factory=trio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Span]:
        return [span for got in self.got for span in got.spans]

    async def wait_for(self, count: int) -> None:
        """Until so many exports have come."""
        while len(self.got) < count:
            await self._came.wait()

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection."""
        async with stream:
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    more = await stream.receive_some()
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                request, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                length = int(headers["content-length"])
                while len(data) < length:
                    data += await stream.receive_some()
                body, data = data[:length], data[length:]
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                answer = self.answers[min(len(self.got), len(self.answers) - 1)]
                self.got.append(Got(request.split()[1], headers, ExportTraceServiceRequest.FromString(body)))
                self._came.set()
                self._came = trio.Event()
                if answer is None:
                    await trio.sleep_forever()
                else:
                    await stream.send_all(answer)


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """A response."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in {**headers, "content-length": str(len(body))}.items()]
    return "\r\n".join([f"HTTP/1.1 {status} x", *lines, "", ""]).encode() + body


@asynccontextmanager
async def collector(*answers: bytes | None) -> AsyncGenerator[Collector]:
    """One that listens."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    found = Collector(listener.socket.getsockname()[1], answers or (answer(),))
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, found.serve, [listener])
        yield found
        nursery.cancel_scope.cancel()


def values(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    """Attributes."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, str(kind))


def by_name(spans: Sequence[Span]) -> Mapping[str, Span]:
    """Spans whose names are different."""
    return {span.name: span for span in spans}
