"""Replies to the client's bytes, without waiting: what `encode` does between its waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyperinfer.engine import Failure
from hyperinfer.formats import codec
from hyperinfer.formats.errors import ErrorReport
from hyperinfer.formats.events import Event, MessageEnd, UpstreamError
from hyperinfer.nodes.items import Answering, Chunk, Failed, Head, HeaderList, Output, Reply, Ticket

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Loss, StreamEncoder

_STREAM_HEADERS: HeaderList = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)


class ReplyWriter:
    """Writes one response. `take` gives what is to be sent for an item; once `done`, nothing follows.

    The head goes with the first bytes, so that an early failure carries a real HTTP status.
    """

    def __init__(self) -> None:
        self.done = False
        self._answering: Answering | None = None
        self._encoder: StreamEncoder | None = None
        self._head_sent = False
        self._events: list[Event] = []  # of a whole response

    @property
    def keeps_alive(self) -> bool:
        """Whether silence may be filled: a streamed response that has begun to be worked on."""
        return self._encoder is not None and not self.done

    def take(self, item: Reply | Failure) -> list[Output]:
        """The output for one item."""
        if isinstance(item, Failure):
            return self._failed(item)
        if isinstance(item, Answering):
            self._open(item)
            return []
        if isinstance(item[-1], UpstreamError) and not self._head_sent and self._encoder is None:
            return self._failed(_failure_of(item[-1], self._answering))
        if self._encoder is None:
            return self._whole(item)
        return self._streamed(item, self._encoder)

    def keep_alive(self) -> list[Output]:
        """A sign of life. The first one commits the status 200."""
        return [*self._head(), Chunk(self._need_encoder().keep_alive())]

    def stop(self, code: str, message: str) -> list[Output]:
        """Ends the response with an error of the gateway's own (a drain, a bug)."""
        ticket = self._answering.ticket if self._answering is not None else None
        return self._failed(Failed(code, message, ticket=ticket))

    def _open(self, answering: Answering) -> None:
        self._answering = answering
        if answering.conversation.streamed:
            self._encoder = answering.ticket.format.stream_encoder(_reply(answering))

    def _need_encoder(self) -> StreamEncoder:
        if self._encoder is None:
            raise RuntimeError("no stream is being written")
        return self._encoder

    def _streamed(self, burst: Sequence[Event], encoder: StreamEncoder) -> list[Output]:
        known = len(encoder.losses)
        pieces = [encoder.send(event) for event in burst]
        self._note(encoder.losses[known:])
        last = burst[-1]
        if isinstance(last, MessageEnd):
            pieces.append(encoder.end())
            self.done = True
        elif isinstance(last, UpstreamError):
            self.done = True
        data = b"".join(pieces)
        return [*self._head(), Chunk(data, last=self.done)] if data or self.done else []

    def _head(self) -> list[Output]:
        if self._head_sent:
            return []
        self._head_sent = True
        answering = self._need_answering()
        return [Head(200, (*_STREAM_HEADERS, *self._common(answering), *answering.headers), answering.ticket)]

    def _whole(self, burst: Sequence[Event]) -> list[Output]:
        self._events.extend(burst)
        if not isinstance(burst[-1], MessageEnd):
            return []
        answering = self._need_answering()
        encoded = answering.ticket.format.encode_response(self._events, _reply(answering))
        self._note(encoded.losses)
        self.done = self._head_sent = True
        headers = (
            ("content-type", "application/json"),
            ("content-length", str(len(encoded.body))),
            *self._common(answering),
            *answering.headers,
        )
        return [Head(200, headers, answering.ticket, whole=True), Chunk(encoded.body, last=True)]

    def _need_answering(self) -> Answering:
        if self._answering is None:
            raise RuntimeError("events came before the route that answers")
        return self._answering

    def _note(self, losses: Sequence[Loss]) -> None:
        if losses:
            self._need_answering().ticket.losses.extend(losses)

    def _common(self, answering: Answering) -> HeaderList:
        ticket = answering.ticket
        losses = {(loss.path, loss.reason) for loss in (*ticket.losses, *answering.losses)}
        return (*identity_headers(ticket), ("x-hyperinfer-loss", str(len(losses))))

    def _failed(self, failure: Failure) -> list[Output]:
        ticket = failure.ticket if isinstance(failure, Failed) else None
        if ticket is None and self._answering is not None:
            ticket = self._answering.ticket
        if ticket is None:
            raise RuntimeError(f"a failure without a request: {failure.code}")
        self.done = True
        ticket.tally.error_code = failure.code
        report = report_of(failure, ticket)
        if self._head_sent:
            return [Chunk(self._need_encoder().fail(report), last=True)]
        headers = failure.headers if isinstance(failure, Failed) else ()
        return error_response(report, failure, ticket, headers)


def report_of(failure: Failure, ticket: Ticket) -> ErrorReport:
    """A failure as it is told to the client."""
    return ErrorReport(
        failure.code, failure.message, ticket.request_id, param=failure.param, details=dict(failure.details) or None
    )


def error_response(report: ErrorReport, failure: Failure, ticket: Ticket, headers: HeaderList) -> list[Output]:
    """A whole error response: head and body."""
    body = ticket.format.encode_error(report)
    fields = [("content-type", "application/json"), ("content-length", str(len(body))), *identity_headers(ticket)]
    passed = {name for name, _ in headers}
    if failure.retry_after is not None and "retry-after" not in passed:
        fields.append(("retry-after", str(max(1, round(failure.retry_after + 0.499)))))
    return [Head(report.http_status, (*fields, *headers), ticket, whole=True), Chunk(body, last=True)]


def identity_headers(ticket: Ticket) -> HeaderList:
    """The request id, under each name that the client's SDK looks for."""
    if ticket.format.dialect == "anthropic_messages":
        return (("x-request-id", ticket.request_id), ("request-id", ticket.request_id))
    return (("x-request-id", ticket.request_id),)


def _failure_of(event: UpstreamError, answering: Answering | None) -> Failed:
    ticket = answering.ticket if answering is not None else None
    return Failed(event.code, event.message, event.param, event.retry_after, ticket=ticket)


def _reply(answering: Answering) -> codec.Reply:
    ticket = answering.ticket
    return codec.Reply(
        request_id=ticket.request_id,
        model=answering.slug,
        created=ticket.created,
        conversation=answering.conversation,
        upstream=answering.route.provider.protocol,
    )
