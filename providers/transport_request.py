"""A request as bytes."""

from typing import Self

import httpx2


class Body(httpx2.AsyncByteStream):
    """A request body that is there as a whole, so that it can be sent again. Our transport takes `data` as it is."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __aiter__(self) -> "_OnePiece":
        return _OnePiece(self.data)


class _OnePiece:
    """The body for transports other than ours."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data: bytes | None = data

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data, self._data = self._data, None
        if data is None:
            raise StopAsyncIteration
        return data


async def request_body(request: httpx2.Request) -> httpx2.AsyncByteStream:
    """The body of `request`: a `Body` whenever it can be sent more than once."""
    stream = request.stream
    if isinstance(stream, Body):
        return stream
    if isinstance(stream, httpx2.ByteStream):
        return Body(await request.aread())
    if not isinstance(stream, httpx2.AsyncByteStream):
        raise RuntimeError("a synchronous request body cannot be sent from an asynchronous transport")
    return stream


def request_head(request: httpx2.Request) -> bytes:
    """The request line and headers as they go on the wire. Raises `httpx2.LocalProtocolError` for a header that would
    break out of its line."""
    headers = request.headers.raw
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    if not any(name == b"Host" or name.lower() == b"host" for name, _ in headers):
        lines.append(b"Host: " + request.url.netloc)
    lines += [b"%b: %b" % header for header in headers]
    lines += (b"", b"")
    head = b"\r\n".join(lines)
    breaks = len(lines) - 1
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise httpx2.LocalProtocolError("a header of the request holds a line break or a NUL", request=request)
    return head
