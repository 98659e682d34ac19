"""The seam between an HTTP connection and the data plane: one request and its response, whoever speaks the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

T = TypeVar("T")

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Names in lower case, in the order of the wire."""


BODY_IDLE = 60.0
"""Seconds without a byte of the body."""

BODY_WHOLE = 900.0
"""Seconds for the whole body: a client that sends a byte a minute cannot hold a connection for days."""


class HeadMemo:
    """A place for what a handler makes of the head of a request.

    Where an edge knows a head again it gives the exchange the memo of the one before: its method, target and fields are
    then the same, but for the value of `content-length`. What is made of a head must depend on nothing else.
    """

    __slots__ = ("made",)

    def __init__(self) -> None:
        self.made: object = None


class ExchangeError(Exception):
    """Something the client did or left undone. Abstract."""


class ClientGone(ExchangeError):
    """The client closed, half-closed or reset the connection or the stream, or stopped reading. Nothing reaches it."""


class BodyTooLarge(ExchangeError):
    """The request body is larger than the limit, or says that it will be. The response can still be sent (413)."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the request body is larger than {limit} bytes")
        self.limit = limit


class SlowBody(ExchangeError):
    """The request body stopped coming, or takes too long as a whole. The response can still be sent (408)."""


class Exchange(Protocol):
    """One request and its response.

    Order: at most one `read_body`, before it any number of `while_there`, then `send_head`, any number of `send_body`, one
    `send_last`. `on_gone` once the body was read, or where it is not wanted. The sends raise ClientGone when the client is
    known to be gone, and have the write deadline of the edge; they complete what they began even when their task is
    cancelled.
    """

    @property
    def gone(self) -> bool:
        """The client is known to be gone."""
        ...

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str:
        """Percent-decoded, without the query."""
        ...

    @property
    def query(self) -> bytes:
        """As on the wire, without the question mark."""
        ...

    @property
    def headers(self) -> Headers: ...

    @property
    def memo(self) -> HeadMemo: ...

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of the peer of the connection; None on a Unix socket."""
        ...

    @property
    def body_length(self) -> int | None:
        """Bytes of the body, as the head says or as it came; None where that is not known before it is read."""
        ...

    async def while_there(self, wait: Callable[[], Awaitable[T]]) -> T:
        """What `wait` gives, for who waits for something before the body is read, which is kept. Raises ClientGone as soon
        as the client leaves, and what `wait` raises. Who leaves behind more of a body than the kernels take in, or over
        HTTP/2 more than 64 kB of it, is seen to leave only when it is read, but by a reset of the connection.
        """
        ...

    async def read_body(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes. Raises BodyTooLarge, SlowBody, ClientGone.

        A `Content-Length` over the limit is refused before anything is read.
        """
        ...

    def send_head(self, status: int, headers: Headers) -> Awaitable[None]:
        """The head of the response; it may leave together with the first bytes of the body. Returns as `send_body`."""
        ...

    def send_body(self, data: bytes) -> Awaitable[None]:
        """Bytes of the response that are not the last ones; flushed to the socket. `engine.DONE` where it took them at
        once; else to be awaited before anything else is sent, in whichever task."""
        ...

    async def send_last(self, data: bytes = b"") -> None:
        """The last bytes and the end of the response."""
        ...

    def on_gone(self, function: Callable[[], None]) -> None:
        """`function` is called once the client is gone: now, if it is already. Not after the handler has returned. It
        must not wait or raise. A body that was not read is dropped."""
        ...

    def end_with_client(self) -> None:
        """From here on the handler is cancelled once the client is gone: whatever it has to do after that is shielded, and
        has a deadline. Otherwise as `on_gone`."""
        ...
