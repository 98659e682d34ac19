"""The one settlement of a request: its row, its money, its hold."""

from __future__ import annotations

import logging
from functools import partial

import trio

from hyperinfer.engine import Node, Sink, Stage, stage
from hyperinfer.formats.errors import ErrorReport
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes.bill import cost_lines, generation_of, without_output
from hyperinfer.nodes.items import Chunk, Head, Output, Ticket
from hyperinfer.nodes.meter import counted_so_far
from hyperinfer.nodes.ports import Generation, Ledger, SettlementRejected, Status

log = logging.getLogger("hyperinfer.settlement")


class Settlement:
    """Settles requests, each once, shielded from cancellation and under a deadline of its own."""

    def __init__(self, ledger: Ledger, *, seconds: float = 10.0) -> None:
        self._ledger, self._seconds = ledger, seconds

    async def finish(self, ticket: Ticket) -> bool:
        """Settles a request that came to its end, well or not. False when the store would not have it in time."""
        if ticket.admitted is None or ticket.settled:
            return True
        return await self._settle(ticket, "failed" if ticket.tally.stop is None else _status(ticket))

    async def close(self, ticket: Ticket) -> None:
        """Settles what the pipeline left unsettled because it was cancelled or crashed."""
        if ticket.admitted is not None and not ticket.settled:
            await self._settle(ticket, "cancelled")

    async def _settle(self, ticket: Ticket, status: Status) -> bool:
        ticket.settled = True
        row = row_of(ticket, status, trio.current_time())
        with trio.CancelScope(shield=True, deadline=trio.current_time() + self._seconds) as scope:
            try:
                await self._ledger.settle(row)
            except SettlementRejected:
                log.exception("the settlement of %s was rejected", ticket.request_id)
                return False
        if scope.cancelled_caught:
            log.error("the settlement of %s took longer than %s s", ticket.request_id, self._seconds)
        return not scope.cancelled_caught


def _status(ticket: Ticket) -> Status:
    return "incomplete" if ticket.tally.stop in ("length", "context_window", "refusal") else "completed"


def row_of(ticket: Ticket, status: Status, now: float) -> Generation:
    """The row. A reply that was completed or cut off by its client is billed, one that failed is not."""
    tally = ticket.tally
    latency = now - ticket.started
    error_code = (tally.error_code or "internal_error") if status == "failed" else None
    if tally.answering is None:
        if ticket.admitted is None:
            raise RuntimeError("a request that was not admitted has no row")
        return without_output(
            ticket.admitted, status=status, error_code=error_code, created_at=ticket.created, latency=latency
        )
    usage = tally.usage or Usage()
    lines = tally.lines
    if status == "cancelled":
        usage = counted_so_far(tally, ticket)
        lines = cost_lines(usage, tally.answering.route.pricing)
    return generation_of(
        tally.answering,
        usage,
        lines,
        status=status,
        error_code=error_code,
        finish_reason=tally.stop,
        created_at=ticket.created,
        latency=latency,
        first_output=None if tally.first_output is None else tally.first_output - ticket.started,
    )


class Settle(Stage[Output, Output]):
    """Holds the last bytes back until the request is settled: whoever saw the end finds the row."""

    def __init__(self, settlement: Settlement) -> None:
        self._settlement = settlement
        self._ticket: Ticket | None = None
        self._head: Head | None = None

    async def receive(self, item: Output, sink: Sink[Output]) -> None:
        """Passes everything on; the last chunk after the settlement."""
        if isinstance(item, Head):
            self._ticket = item.ticket
            if item.whole:
                self._head = item  # may still become an error
                return
        elif item.last and self._ticket is not None and not await self._settlement.finish(self._ticket):
            await self._refuse(self._ticket, sink)
            return
        if self._head is not None:
            head, self._head = self._head, None
            await sink.send(head)
        await sink.send(item)

    async def _refuse(self, ticket: Ticket, sink: Sink[Output]) -> None:
        """The bill could not be written: the client must not see the end of an answer that has no row."""
        report = ErrorReport("internal_error", "The request could not be recorded.", ticket.request_id)
        if self._head is not None:
            headers = tuple((name, value) for name, value in self._head.headers if name != "content-length")
            body = ticket.format.encode_error(report)
            await sink.send(Head(report.http_status, (*headers, ("content-length", str(len(body)))), ticket))
            await sink.send(Chunk(body, last=True))
            return
        await sink.send(Chunk(stream_error(ticket, report), last=True))


def stream_error(ticket: Ticket, report: ErrorReport) -> bytes:
    """An error for a stream whose encoder is out of reach: a frame of its own after whatever was sent."""
    body = ticket.format.encode_error(report)
    match ticket.format.dialect:
        case "openai_chat":
            return b"data: " + body + b"\n\ndata: [DONE]\n\n"
        case _:
            return b"event: error\ndata: " + body + b"\n\n"


def settle(settlement: Settlement) -> Node[Output, Output]:
    """The node."""
    return stage(partial(Settle, settlement), name="settle", consumes=Output, produces=Output)
