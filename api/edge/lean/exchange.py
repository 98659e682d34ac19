"""`Exchange` on a lean connection: one request and its response, without a task or a nursery of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from hyperinfer.api.edge.exchange import BodyTooLarge, ClientGone, SlowBody
from hyperinfer.api.edge.lean.response import DateLine, ResponseHead
from hyperinfer.engine import DONE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hyperinfer.api.edge.exchange import Headers, T
    from hyperinfer.api.edge.lean.request import Body, Request

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Line(Protocol):
    """What an exchange needs of its connection."""

    client: tuple[str, int] | None
    gone: bool
    """Nothing reaches the client any more."""
    changed: trio.lowlevel.ParkingLot
    """Woken at every change of `gone` and of the body that is being read."""
    date: DateLine

    @property
    def draining(self) -> bool: ...

    def cut(self) -> None:
        """Nothing more is to be done for the client: cancels what answers it."""
        ...

    def read_on(self) -> None:
        """There may be room for more of the body now."""
        ...

    def time_body(self) -> None:
        """Somebody waits for the body from here on: it has its time."""
        ...

    def write(self, data: bytes) -> Awaitable[None]:
        """Sends all of it even when cancelled meanwhile; `DONE` where the socket took it at once. Raises ClientGone."""
        ...


class LeanExchange:
    """See `Exchange`.

    `started`: something of the response has left. `ending`: its last bytes are leaving, so that the client may go on to its
    next request. `finished`: they have left. `broken`: the rest of the request is no
    HTTP, `slow`: it did not come in time; set by the connection.
    """

    __slots__ = (
        "_body_read",
        "_expecting",
        "_head",
        "_line",
        "_on_gone",
        "_sent",
        "broken",
        "client",
        "ending",
        "finished",
        "headers",
        "memo",
        "method",
        "path",
        "query",
        "request",
        "slow",
        "started",
    )

    def __init__(self, line: Line, request: Request) -> None:
        self.request = request
        self.method = request.method
        self.path = request.path
        self.query = request.query
        self.headers: Headers = request.headers
        self.memo = request.memo
        self.client = line.client
        self.started = False
        self.ending = False
        self.finished = False
        self.broken = False
        self.slow = False
        self._line = line
        self._head: ResponseHead | None = None
        self._sent = 0
        self._body_read = False
        self._expecting = request.expects_continue and not request.body.size
        self._on_gone: list[Callable[[], None]] | None = None

    @property
    def gone(self) -> bool:
        return self._line.gone or self.broken

    @property
    def closes(self) -> bool:
        """The connection ends with this response. To be asked when it is finished."""
        return self._head is None or self._head.close

    @property
    def ends_with_connection(self) -> bool:
        """Nothing but the end of the connection tells the end of the response."""
        head = self._head
        return head is not None and head.length is None and not head.chunked and not head.bodiless

    def begin_again(self) -> None:
        """Another response, as nothing has left of this one."""
        self._head = None
        self._sent = 0

    # The request

    @property
    def body_length(self) -> int | None:
        request = self.request
        if not request.chunked:
            return request.length
        return request.body.size if request.body.complete else None

    async def while_there(self, wait: Callable[[], Awaitable[T]]) -> T:
        if not self.gone:
            waiting = trio.CancelScope()
            self._on_gone = [*(self._on_gone or ()), waiting.cancel]
            try:
                with waiting:
                    return await wait()
            finally:
                self._on_gone = [each for each in self._on_gone or () if each != waiting.cancel]
        raise ClientGone("the client left while it waited")

    async def read_body(self, limit: int) -> bytes:
        if self._body_read:
            raise RuntimeError("the body was read before")
        body = self.request.body
        if self.request.length > limit:
            raise BodyTooLarge(limit)
        if not body.complete:
            body.room = limit + 1
            body.wanted_whole = True
            await self._ask_for_body()
        while not body.complete and body.size <= limit:
            await self._more_of(body)
        if body.size > limit:
            raise BodyTooLarge(limit)
        self._body_read = True
        return body.take()

    async def read_some(self) -> bytes:
        """What has come of the body and was not taken; waits for some of it. b"" at its end. Raises as `read_body`."""
        body = self.request.body
        if not body.complete and not body.held:
            await self._ask_for_body()
        while not body.complete and not body.held:
            await self._more_of(body)
        data = body.take()
        self._line.read_on()
        return data

    async def _ask_for_body(self) -> None:
        if self._expecting and not self.started:
            # Before the first byte of the body was waited for, and not where the request was refused by then.
            self._expecting = False
            await self._line.write(_CONTINUE)
        self._line.time_body()
        self._line.read_on()

    async def _more_of(self, body: Body) -> None:
        if self._line.gone or self.broken:
            raise ClientGone("the client left before the whole body had come")
        if self.slow:
            raise SlowBody("the request body did not come in time")
        if body.dropping:
            raise RuntimeError("the body is being dropped")
        await self._line.changed.park()

    def on_gone(self, function: Callable[[], None]) -> None:
        if not self.request.body.complete:
            self.request.body.drop()
            self._line.read_on()
        if self._line.gone or self.broken:
            function()
        elif self._on_gone is None:
            self._on_gone = [function]
        else:
            self._on_gone.append(function)

    def end_with_client(self) -> None:
        # The scope of the connection serves: a client that is gone asks no more.
        self.on_gone(self._line.cut)

    def break_off(self) -> None:
        """The connection's word that the rest of the request is no HTTP."""
        self.broken = True
        self.tell_gone()

    def tell_gone(self) -> None:
        """The connection's word that its client left."""
        functions, self._on_gone = self._on_gone, None
        for function in functions or ():
            function()

    def handled(self) -> None:
        """The handler has returned. Who was to be told of the client's leaving mostly holds this exchange, and the request
        with it: a circle, which would wait for the collector."""
        self._on_gone = None

    # The response

    def send_head(self, status: int, headers: Headers) -> Awaitable[None]:
        if self._head is not None:
            raise RuntimeError("a second head")
        self._check_gone()
        self._head = ResponseHead(status, headers, self.request, self._line.date)
        return DONE

    def send_body(self, data: bytes) -> Awaitable[None]:
        self._check_gone()
        head = self._need_head()
        start = b"" if self.started else head.bytes(whole=None, close=self._must_close())
        if head.bodiless:
            data = b""
        else:
            self._count(head, len(data))
            if head.chunked and data:
                data = b"%x\r\n%b\r\n" % (len(data), data)
        self.started = True
        if not start and not data:
            return DONE
        writing = self._line.write(start + data if start else data)
        return DONE if writing is DONE else self._written(writing)

    async def _written(self, writing: Awaitable[None]) -> None:
        await writing
        # A handler that only sends would otherwise never notice its cancellation.
        await trio.lowlevel.checkpoint_if_cancelled()

    async def send_last(self, data: bytes = b"") -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_gone()
        head = self._need_head()
        start = b"" if self.started else head.bytes(whole=len(data), close=self._must_close())
        if head.bodiless:
            data = b""
        else:
            self._count(head, len(data))
            if head.length is not None and self._sent != head.length:
                raise RuntimeError(f"{self._sent} bytes of a body of {head.length}")
            if head.chunked:
                data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        self.started = self.ending = True
        if start or data:
            await self._line.write(start + data if start else data)
        self.finished = True

    def _check_gone(self) -> None:
        if self._line.gone or self.broken:
            raise ClientGone("the client is gone")

    def _need_head(self) -> ResponseHead:
        if self._head is None:
            raise RuntimeError("a body before the head")
        if self.finished:
            raise RuntimeError("a body after its end")
        return self._head

    def _must_close(self) -> bool:
        # A client that still waits for its 100 may send the body or not: nobody can tell what comes next.
        return self._line.draining or self.slow or (self._expecting and not self.request.body.complete)

    def _count(self, head: ResponseHead, size: int) -> None:
        self._sent += size
        if head.length is not None and self._sent > head.length:
            raise RuntimeError(f"more than the {head.length} bytes that the head promised")
