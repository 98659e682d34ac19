"""Where the data plane's pipelines end: the response of one exchange."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

import trio

from hyperinfer.api.edge.exchange import ClientGone, Exchange
from hyperinfer.engine import DONE, Failure
from hyperinfer.nodes.items import Head, HeaderList
from hyperinfer.nodes.reply_writer import error_response, report_of, retry_headers

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Headers
    from hyperinfer.nodes.items import Output, Ticket

log = logging.getLogger("hyperinfer.requests")


class Writable(Protocol):
    """The side of an exchange that is written to."""

    @property
    def gone(self) -> bool: ...

    def send_head(self, status: int, headers: Headers) -> Awaitable[None]: ...

    def send_body(self, data: bytes) -> Awaitable[None]: ...

    async def send_last(self, data: bytes = b"") -> None: ...


class ExchangeSink:
    """Writes a pipeline's output to an exchange.

    `ended`: the response is over. `status`: of HTTP, once it was sent. A failure that comes out of the pipeline is told when
    the pipeline is over (`finish`). `out`: what is written to; may be exchanged for what does the same to it.
    """

    def __init__(self, exchange: Exchange, ticket: Ticket) -> None:
        self.exchange, self._ticket = exchange, ticket
        self.out: Writable = exchange
        self._failure: Failure | None = None
        self.ended = False
        self.status: int | None = None

    def send(self, item: Output | Failure) -> Awaitable[None]:
        """One head or chunk."""
        if isinstance(item, Failure):
            self._failure = item
            self._ticket.tally.error_code = item.code
            return DONE
        try:
            writing = self._write(item)
        except ClientGone as error:
            raise _broken() from error
        return DONE if writing is DONE else self._written(writing)

    async def _written(self, writing: Awaitable[None]) -> None:
        try:
            await writing
        except ClientGone as error:
            raise _broken() from error

    async def finish(self) -> None:
        """After the pipeline: tells its failure. Raises `ClientGone` where nobody is there to hear the end, and
        RuntimeError for a pipeline that gave no end."""
        if self.ended:
            return
        if self.out.gone:
            raise ClientGone("the client left before the end")
        if self._failure is None:
            raise RuntimeError("the pipeline ended before the response did")
        await self.fail(self._failure)

    async def fail(self, failure: Failure, *, status: int | None = None, headers: HeaderList = ()) -> None:
        """Ends the response with an error, in whatever state it is; nothing happens after its end. `status`: in place of
        the code's own. Raises `ClientGone`."""
        if self.ended:
            return
        self._ticket.tally.error_code = failure.code
        report = report_of(failure, self._ticket, status=status)
        if self.status is None:
            for item in error_response(self._ticket, report, (*retry_headers(failure), *headers)):
                await self._write(item)
            return
        self.ended = True
        last = b""
        if self._ticket.last_words is not None:
            try:
                last = self._ticket.last_words(report)
            except Exception:  # the encoder may be what crashed
                log.exception("%s could not say its last words", self._ticket.request_id)
        if not last:
            last = b"event: error\ndata: " + self._ticket.format.encode_error(report) + b"\n\n"
        await self.out.send_last(last)

    async def fail_for_anybody(self, failure: Failure, *, status: int, headers: HeaderList = ()) -> None:
        """The same before anything was sent, to somebody who may be a person: a browser gets a page. Raises `ClientGone`."""
        from hyperinfer.api.explained import PAGE_HEADERS, error_page, prefers_page

        accept = b",".join(value for name, value in self.exchange.headers if name == b"accept")
        if not prefers_page(accept.decode("latin-1")):
            await self.fail(failure, status=status, headers=headers)
            return
        request_id = self._ticket.request_id
        page = error_page(failure.code, status, failure.message, request_id)
        self._ticket.tally.error_code = failure.code
        fields = [*PAGE_HEADERS.items(), ("Content-Length", str(len(page))), ("X-Request-Id", request_id), *headers]
        self.status, self.ended = status, True
        await self.out.send_head(status, [(name.lower().encode(), value.encode()) for name, value in fields])
        await self.out.send_last(page)

    def _write(self, item: Output) -> Awaitable[None]:
        if isinstance(item, Head):
            if item.ticket is not self._ticket and item.ticket is not None:
                raise RuntimeError(f"the response to {item.ticket.request_id} came to {self._ticket.request_id}")
            self.status = item.status
            fields = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in item.headers]
            return self.out.send_head(item.status, fields)
        if item.last:
            data = item.data
            self.ended = True
            return self.out.send_last(data)
        return self.out.send_body(item.data)


def _broken() -> trio.BrokenResourceError:
    return trio.BrokenResourceError("the client left")
