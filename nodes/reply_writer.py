"""Replies to the client's bytes, without waiting: what `encode` does between its waits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from hyperinfer.engine import Failure
from hyperinfer.formats import codec
from hyperinfer.formats.errors import ErrorReport
from hyperinfer.formats.events import Event, MessageEnd, UpstreamError
from hyperinfer.nodes.items import Answering, Chunk, Failed, Head, HeaderList, LastChunk, Output, Reply, Ticket

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Loss, StreamEncoder

_STREAM_HEADERS: HeaderList = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)

Outputs: TypeAlias = Sequence[Output | Failure]


class ReplyWriter:
    """Writes one response. `take` gives what is to be sent for an item; once `done`, nothing follows.

    The head goes with the first bytes, so that an early failure carries a real HTTP status. A failure of a request that
    the writer does not know yet is given back as it is.
    """

    def __init__(self) -> None:
        self.done = False
        self._answering: Answering | None = None
        self._encoder: StreamEncoder | None = None
        self._head_sent = self._said = False
        self._events: list[Event] = []  # of a whole response
        self._pieces: list[bytes] = []  # of a burst that is being encoded

    @property
    def keeps_alive(self) -> bool:
        """Whether silence may be filled: a streamed response that has begun to be worked on."""
        return self._encoder is not None and not self.done

    def take(self, item: Reply | Failure) -> Outputs:
        """The output for one item."""
        if isinstance(item, Failure):
            return self._failed(item)
        if isinstance(item, Answering):
            self._open(item)
            return ()
        if item and isinstance(last := item[-1], UpstreamError):
            return (*self._burst(item[:-1]), *self._failed(_failure_of(last)))
        return self._burst(item)

    def keep_alive(self) -> Outputs:
        """A sign of life. The first one commits the status 200."""
        if self._encoder is None:
            raise RuntimeError("no stream is being written")
        return (*self._head(), Chunk(self._encoder.keep_alive()))

    def stop(self) -> Outputs:
        """Ends a response to which nothing more comes although it is not complete."""
        return self._failed(Failure("internal_error", "The reply ended before it was complete."))

    def _open(self, answering: Answering) -> None:
        if answering.round:  # goes on with the reply that is being written
            return
        self._answering = answering
        if answering.conversation.streamed:
            self._encoder = answering.ticket.format.stream_encoder(_reply(answering))

    def _need_answering(self) -> Answering:
        if self._answering is None:
            raise RuntimeError("events came before the route that answers")
        return self._answering

    def _burst(self, burst: Sequence[Event]) -> Outputs:
        if self._encoder is None:
            return self._whole(burst)
        return self._streamed(burst, self._encoder) if burst else ()

    def _streamed(self, burst: Sequence[Event], encoder: StreamEncoder) -> Outputs:
        known = len(encoder.losses)
        ends = isinstance(burst[-1], MessageEnd)
        pieces = self._pieces
        if not self._said:
            self._said = self._need_answering().ticket.said = True
        encoder.send_burst(burst, pieces)
        data = b"".join(pieces)
        self._note(encoder.losses[known:])
        if ends:
            self.done = True
            return (*self._head(), LastChunk(data, encoder.end, encoder.fail))
        pieces.clear()
        return (*self._head(), Chunk(data)) if data else ()

    def _last_words(self, report: ErrorReport) -> bytes:
        """Ends the stream after a crash, also one of the encoder in the middle of a burst."""
        return b"".join(self._pieces) + (self._encoder.fail(report) if self._encoder is not None else b"")

    def _head(self) -> Outputs:
        if self._head_sent:
            return ()
        self._head_sent = True
        answering = self._need_answering()
        if self._encoder is not None:
            answering.ticket.last_words = self._last_words
        return (Head(200, (*_STREAM_HEADERS, *_common(answering)), answering.ticket),)

    def _whole(self, burst: Sequence[Event]) -> Outputs:
        self._events.extend(burst)
        if not burst or not isinstance(burst[-1], MessageEnd):
            return ()
        answering = self._need_answering()
        encoded = answering.ticket.format.encode_response(self._events, _reply(answering))
        self._note(encoded.losses)
        self.done = True
        return response(200, encoded.body, answering.ticket, _common(answering))

    def _note(self, losses: Sequence[Loss]) -> None:
        if losses:
            self._need_answering().ticket.losses.extend(losses)

    def _failed(self, failure: Failure) -> Outputs:
        self.done = True
        ticket = failure.ticket if isinstance(failure, Failed) else None
        if ticket is None:
            if self._answering is None:
                return (failure,)
            ticket = self._answering.ticket
        ticket.tally.error_code = failure.code
        report = report_of(failure, ticket)
        if self._head_sent and self._encoder is not None:
            return (Chunk(self._encoder.fail(report), last=True),)
        headers = failure.headers if isinstance(failure, Failed) else ()
        return error_response(ticket, report, (*retry_headers(failure, headers), *headers))


def report_of(failure: Failure, ticket: Ticket, *, status: int | None = None) -> ErrorReport:
    """A failure as it is told to the client. `status`: in place of the code's own (404 and 405)."""
    return ErrorReport(
        failure.code,
        failure.message,
        ticket.request_id,
        param=failure.param,
        status=status,
        details=dict(failure.details) or None,
    )


def error_response(ticket: Ticket, report: ErrorReport, headers: HeaderList = ()) -> tuple[Head, Chunk]:
    """A whole error response."""
    body = ticket.format.encode_error(report)
    return response(report.http_status, body, ticket, (*identity_headers(ticket), *headers))


def response(status: int, body: bytes, ticket: Ticket, headers: HeaderList) -> tuple[Head, Chunk]:
    """A whole response of JSON."""
    fields = (("content-type", "application/json"), ("content-length", str(len(body))), *headers)
    return Head(status, fields, ticket, whole=True), Chunk(body, last=True)


def retry_headers(failure: Failure, given: HeaderList = ()) -> HeaderList:
    """What says when to try again: `Retry-After` in whole seconds where the failure knows and `given` does not say."""
    if failure.retry_after is None or any(name == "retry-after" for name, _ in given):
        return ()
    return (("retry-after", str(max(1, math.ceil(failure.retry_after)))),)


def identity_headers(ticket: Ticket) -> HeaderList:
    """The request id, under each name that the client's SDK looks for."""
    if ticket.format.dialect == "anthropic_messages":
        return (("x-request-id", ticket.request_id), ("request-id", ticket.request_id))
    return (("x-request-id", ticket.request_id),)


def _common(answering: Answering) -> HeaderList:
    ticket = answering.ticket
    losses = 0
    if ticket.losses or answering.losses:
        losses = len({(loss.path, loss.reason) for loss in (*ticket.losses, *answering.losses)})
    return (*identity_headers(ticket), ("x-hyperinfer-loss", str(losses)), *answering.headers)


def _failure_of(event: UpstreamError) -> Failure:
    return Failure(event.code, event.message, event.param, event.retry_after)


def _reply(answering: Answering) -> codec.Reply:
    ticket = answering.ticket
    return codec.Reply(
        request_id=ticket.request_id,
        model=answering.slug,
        created=int(ticket.created),
        conversation=answering.conversation,
        upstream=answering.route.provider.protocol,
    )
