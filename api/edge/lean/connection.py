"""One HTTP/1.1 connection: a task that answers request after request, and what is done at once when bytes come.

Those go to the parser while there is no request, or while the body of the one that is being answered is wanted. Else they
are kept, up to `READ_AHEAD` of them, so that the client is always seen to leave. The end of what it sends is its leaving, as
everywhere in this package.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.edge.asgi import DROP_BODY, plain_crash_reply
from hyperinfer.api.edge.exchange import ClientGone, SlowBody
from hyperinfer.api.edge.guarded import READ_AHEAD
from hyperinfer.api.edge.lean.asgi import answer_by_asgi, scope_of
from hyperinfer.api.edge.lean.exchange import LeanExchange
from hyperinfer.api.edge.lean.parser import RequestParser
from hyperinfer.api.edge.lean.response import DateLine, refusal_of
from hyperinfer.api.edge.lean.source import source_of
from hyperinfer.api.edge.watch import Alarm
from hyperinfer.engine import DONE

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from hyperinfer.api.edge.asgi import Reply
    from hyperinfer.api.edge.connection import Connection, EdgeStream, Serving
    from hyperinfer.api.edge.lean.request import Request

log = logging.getLogger("hyperinfer.edge")

YIELD_AFTER = 64
"""Writes that the socket took at once, after which the writer lets other tasks run."""


class LeanConnection:
    """Serves one connection (`EdgeConnection`), and is what its exchanges know of it (`exchange.Line`)."""

    def __init__(self, serving: Serving, stream: EdgeStream, connection: Connection, date: DateLine) -> None:
        self.date = date
        self.gone = False
        self.changed = trio.lowlevel.ParkingLot()
        self._serving = serving
        self._settings = serving.settings
        self._connection = connection
        self._stream = stream
        self._guarded = connection.stream
        self._tls = stream if isinstance(stream, trio.SSLStream) else None
        self._source = source_of(serving.watch, connection, self._tls, self._received)
        self.cut = self._source.cut
        self._parser = RequestParser(serving.settings, cleartext=self._tls is None)
        self._ahead = bytearray()
        self._exchange: LeanExchange | None = None
        self._idle: trio.lowlevel.Task | None = None
        self._ending = False
        self._writes = 0
        self._replied = False
        self._alarm = Alarm(serving.watch, self._late)
        self._body_by, self._came = inf, 0.0
        self.client, self.server = self._guarded.addresses()

    @property
    def draining(self) -> bool:
        return self._connection.draining

    @property
    def tls(self) -> bool:
        return self._tls is not None

    @property
    def handover(self) -> bytes | None:
        """When `run` has ended: the bytes that another server is to begin with, None when the connection has ended."""
        begun = self._parser.handover
        return None if self.gone or begun is None else begun + self._ahead

    async def run(self) -> None:
        self._guarded.first_request_came()  # its time is kept here
        self._connection.look = self._source.look
        self._connection.ending.tell(self._end)
        self._alarm.set(trio.current_time() + self._settings.first_request)
        try:
            ended = await self._source.feed_while(self._answer_all)
        finally:
            self._alarm.end()
        if not ended and (exchange := self._exchange) is not None:
            self._serving.counters.clients_gone += not exchange.finished
            self._replied = exchange.started
        if self.handover is not None:
            return
        if self._replied:
            self._guarded.replied()
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._stream.aclose()

    # Reading

    def _received(self, data: bytes) -> bool:
        """Bytes that came, or the end. Whether more may come now."""
        if not data:
            self._lose()
            return False
        self._take(data)
        if self._exchange is None or not self._full(self._exchange):
            return True
        # Not the client is late from here on.
        self._alarm.due = inf
        return False

    def _full(self, exchange: LeanExchange) -> bool:
        """Nothing more is to be read for now."""
        # The client may have gone on to its next request: with the last bytes that leave, and while a handler has work to do
        # after its response.
        return exchange.request.body.full or (exchange.ending and len(self._ahead) >= READ_AHEAD)

    def _take(self, data: bytes) -> None:
        """Bytes that came, behind those that were kept; or those alone."""
        exchange, parser = self._exchange, self._parser
        request = parser.next_request if exchange is None else exchange.request
        if (request is not None and request.body.complete) or parser.over:
            self._ahead += data
            self._came = self._came or perf_counter()
            if len(self._ahead) > READ_AHEAD and not (exchange is not None and exchange.ending):
                self._guarded.abort()
                self._lose()
            return
        if self._ahead:
            data = bytes(self._ahead) + data
            self._ahead.clear()
        if exchange is None:
            self._came = self._came or perf_counter()
        parser.feed(data)
        if exchange is not None:
            if parser.over and not exchange.request.body.complete:
                exchange.break_off()
            elif exchange.request.body.complete:
                self._alarm.due = self._body_by = inf
            elif self._body_by < inf:
                self._alarm.set(min(trio.current_time() + self._settings.body_idle, self._body_by))
                if exchange.request.body.awaited:
                    return
        elif parser.in_head and self._alarm.due > (latest := trio.current_time() + self._settings.first_request):
            self._alarm.set(latest)
        self._tell_change()

    def read_on(self) -> None:
        """See `exchange.Line`."""
        if self._exchange is None or not self._full(self._exchange):
            self._source.resume()

    def _tell_change(self) -> None:
        """To who waits for a request, or to those that answer one."""
        if self._idle is not None:
            task, self._idle = self._idle, None
            trio.lowlevel.reschedule(task)
        elif self._exchange is not None:
            self.changed.unpark_all()

    def _lose(self) -> None:
        if self.gone:
            return
        self.gone = True
        if self._guarded.write_deadline.waiting:
            # What is being sent waits for a client that takes nothing more.
            self._connection.tighten(0)
        if self._exchange is not None:
            self._exchange.tell_gone()
        self._tell_change()

    # Time

    def time_body(self) -> None:
        """See `exchange.Line`."""
        now = trio.current_time()
        if self._body_by == inf:
            self._body_by = now + self._settings.body_whole
        self._alarm.set(min(now + self._settings.body_idle, self._body_by))

    def _late(self) -> None:
        if self._exchange is not None:
            self._exchange.slow = True
        elif self._parser.in_head:
            self._parser.end(408)
        elif not self._parser.requests:
            self._ending = True
        self._tell_change()

    def _end(self) -> None:
        """By a drain, or with the stream: now, or after the response that is under way."""
        begins, self._ending = not self._ending, True
        if self._guarded.gone.is_set():
            self._source.stop()
            self._lose()
        elif begins:
            self._source.look()  # the next request may have come
        self._tell_change()

    # Answering

    async def _answer_all(self) -> None:
        while (request := await self._next()) is not None:
            if not await self._answer(request):
                return
            self._alarm.set(trio.current_time() + self._settings.keep_alive)
        if refusal := self._parser.refusal:
            await self._send_refusal(refusal)

    async def _next(self) -> Request | None:
        parser = self._parser
        while True:
            if self.gone:
                return None
            if parser.requests:
                self._alarm.due = inf
                request = parser.requests.pop(0)
                # What follows its head is no body: nobody need be asked.
                return None if parser.over and not request.body.complete else request
            if self._ending or parser.over:
                return None
            if self._ahead:
                self._take(b"")
            else:
                self._idle = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._idle_no_more)

    def _idle_no_more(self, _: object) -> trio.lowlevel.Abort:
        self._idle = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def _answer(self, request: Request) -> bool:
        """Whether the connection goes on."""
        serving, connection = self._serving, self._connection
        exchange = self._exchange = LeanExchange(self, request)
        if self._ahead and not request.body.complete:
            self._take(b"")
        connection.requests += 1
        serving.counters.begin(self._came)
        self._came = 0.0
        crashed = left = False
        try:
            if (handler := serving.handler_of(request.path)) is not None:
                await handler(exchange)
            else:
                await answer_by_asgi(serving.application, exchange, self, serving.state)
        except* ClientGone:
            left = True
        except* SlowBody:
            self._parser.end(408)
            exchange.broken = True
        except* (Exception, SystemExit):
            log.exception("a request handler failed: %s %s", request.method, request.path)
            crashed = True
        finally:
            connection.requests -= 1
            exchange.handled()
        if crashed or not exchange.finished:
            await self._make_up(exchange, crashed=crashed, left=left)
        if not exchange.finished or exchange.closes or self._ending or self.gone:
            self._parser.end(0)
            self._replied = exchange.started
            return False
        if not request.body.complete and not await self._drop(exchange):
            self._replied = True
            return False
        self._exchange = None
        self._body_by = inf
        self.read_on()
        return True

    async def _make_up(self, exchange: LeanExchange, *, crashed: bool, left: bool) -> None:
        """For a handler that failed, or left its response without an end."""
        counters, request = self._serving.counters, exchange.request
        if not crashed and not exchange.finished:
            if exchange.broken:
                if not exchange.started:
                    await self._send_refusal(self._parser.refusal or 400)
                return
            if self.gone or left:
                counters.clients_gone += 1
                return
            log.error("a request handler ended without a whole response: %s %s", request.method, request.path)
        counters.crashes += 1
        if not exchange.started:
            try:
                reply: Reply = self._serving.crash_reply(scope_of(exchange, self, {}))
            except Exception:
                log.exception("the reply to a failed request failed")
                reply = plain_crash_reply({})
            exchange.begin_again()
            with suppress(ClientGone):
                await exchange.send_head(reply.status, reply.headers)
                await exchange.send_last(reply.body)
        elif not exchange.finished and exchange.ends_with_connection:
            # Its end would look like that of the response.
            self._guarded.abort()

    async def _drop(self, exchange: LeanExchange) -> bool:
        """Lets the rest of a body come for a moment, after a response that was there before it. Whether all of it came."""
        body = exchange.request.body
        body.drop()
        self._body_by = inf
        self.read_on()
        with trio.move_on_after(DROP_BODY):
            while not (body.complete or self.gone or self._ending or exchange.broken):
                await self.changed.park()
        return body.complete

    # Writing

    def write(self, data: bytes) -> Awaitable[None]:
        """See `exchange.Line`."""
        if self._tls is not None:
            return self._write_rest(self._tls, data, 0)
        try:
            sent = self._guarded.send_now(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise self._lost() from error
        if sent < len(data):
            return self._write_rest(self._guarded, data, sent)
        self._writes += 1
        if self._writes < YIELD_AFTER:
            return DONE
        self._writes = 0
        return self._let_others_run()

    async def _let_others_run(self) -> None:
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def _write_rest(self, stream: EdgeStream, data: bytes, sent: int) -> None:
        try:
            with trio.CancelScope(shield=True), memoryview(data) as view:
                await stream.send_all(view[sent:])
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise self._lost() from error

    def _lost(self) -> ClientGone:
        self._lose()
        return ClientGone("the client did not take the response")

    async def _send_refusal(self, status: int) -> None:
        # Also to a client that sends no more: it may still read.
        refusal = self._serving.refuse(status, self._parser.refused_path)
        with suppress(ClientGone):
            await self.write(refusal_of(status, refusal, self.date))
        self._replied = True
