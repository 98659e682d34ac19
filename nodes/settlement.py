"""The one settlement of a request: its row, its money, its hold."""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio

from hyperinfer.engine import DONE, Failure, Node, Sink, Stage, stage
from hyperinfer.formats.errors import ErrorReport
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes.bill import cost_lines, generation_of, request_lines, request_usage, without_output
from hyperinfer.nodes.items import Chunk, Head, LastChunk, Output, Ticket
from hyperinfer.nodes.measures import SHORT, Histogram
from hyperinfer.nodes.meter import counted_so_far
from hyperinfer.nodes.ports import Generation, Ledger, NotRecorded, Status
from hyperinfer.nodes.reply_writer import error_response

log = logging.getLogger("hyperinfer.settlement")

SETTLE_SECONDS: Final = 10.0
"""The longest that a settlement keeps its client waiting, and a server that ends."""

_CUT_SHORT = ("length", "context_window", "refusal", "unfinished")


async def recorded(settling: Awaitable[None]) -> bool:
    """`Ledger.record`, of the `settle` of any ledger."""
    with trio.CancelScope(shield=True, deadline=trio.current_time() + SETTLE_SECONDS) as scope:
        await settling
    return not scope.cancelled_caught


class Settlement:
    """Settles requests, each once, whatever becomes of those who wait for it. `seconds`: how long that took, of those that
    were recorded in time; `late`: how many were not. `clock`: steady, in seconds."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.perf_counter) -> None:
        self._ledger, self._clock = ledger, clock
        self.seconds = Histogram(SHORT)
        self.late = 0

    def finish(self, ticket: Ticket) -> Awaitable[bool]:
        """Settles a request whose response comes to its end, well or not. False when the store would not have it, or not
        in time (it may still have it then). A request that was not admitted, or is settled, needs nothing."""
        if ticket.tally.stop is None:
            # Without an error: a node behind the meter has ended the reply before its end. What was metered is billed.
            ended = ticket.tally.error_code is None and ticket.tally.first_output is not None
            return self._settle(ticket, "incomplete" if ended else "failed")
        return self._settle(ticket, "incomplete" if ticket.tally.stop in _CUT_SHORT else "completed")

    async def close(self, ticket: Ticket) -> None:
        """Settles what the pipeline left unsettled because it was cancelled or crashed."""
        await self._settle(ticket, "cancelled")

    async def _settle(self, ticket: Ticket, status: Status) -> bool:
        if ticket.admitted is None or ticket.settled:
            return True
        ticket.settled = True
        failed = ticket.tally.error_code is not None
        ticket.row = row = row_of(ticket, ticket.admitted, "failed" if failed else status, trio.current_time())
        if ticket.tap is not None:
            ticket.tap.settling(row)
        in_time = False
        began = self._clock()
        try:
            in_time = await self._ledger.record(row)
        except NotRecorded:
            log.exception("the settlement of %s failed", ticket.request_id)
            return False
        finally:
            if ticket.tap is not None:
                ticket.tap.settled(row, in_time=in_time)
        if in_time:
            took, seconds = self._clock() - began, self.seconds
            seconds.counts[bisect_left(seconds.bounds, took)] += 1
            seconds.sum += took
        else:
            self.late += 1
            log.error("the settlement of %s took longer than %g s", ticket.request_id, SETTLE_SECONDS)
        return in_time


def row_of(ticket: Ticket, admitted: Generation, status: Status, now: float) -> Generation:
    """The row. What a client got is billed, also of a reply that failed on the way or was cut off by the client itself; a
    failure of which it got nothing is not, and neither is a mistake of ours."""
    tally, latency = ticket.tally, now - ticket.started
    error_code = (tally.error_code or "internal_error") if status == "failed" else None
    if tally.answering is None:
        return without_output(admitted, ticket, status=status, error_code=error_code, latency=latency)
    usage, lines = tally.usage or Usage(), tally.lines
    if tally.stop is None:  # else they are of the whole request
        current = counted_so_far(tally)
        lines = request_lines(tally, cost_lines(current, tally.answering.route.pricing))
        usage = request_usage(tally, current)
    # The meter sees what a node behind it may keep from the client.
    got = tally.answering.conversation.streamed and tally.first_output is not None and ticket.said
    if status == "failed" and (not got or error_code == "internal_error"):
        usage, lines = request_usage(tally, tally.usage or Usage()) if tally.stop is None else usage, ()
    return generation_of(
        admitted,
        tally.answering,
        usage,
        lines,
        status=status,
        error_code=error_code,
        finish_reason=tally.stop,
        latency=latency,
        first_output=None if tally.first_output is None else tally.first_output - ticket.started,
    )


class Settle(Stage[Output, Output]):
    """Holds the last bytes back until the request is settled: whoever saw the end finds the row. A reply that cannot be
    recorded ends with an error."""

    def __init__(self, settlement: Settlement) -> None:
        self._settlement = settlement
        self._ticket: Ticket | None = None
        self._head: Head | None = None  # of a whole response: may still become an error's

    def receive(self, item: Output, sink: Sink[Output]) -> Awaitable[None]:
        """Passes everything on; the last chunk after the settlement."""
        if isinstance(item, Head):
            self._ticket = item.ticket
            if not item.whole:
                return sink.send(item)
            self._head = item
            return DONE
        return self._end(item, sink) if item.last else sink.send(item)

    async def _end(self, item: Chunk, sink: Sink[Output]) -> None:
        ticket = self._ticket
        # Of now: what comes of a provider while this waits is told nobody any more.
        well = ticket is not None and ticket.tally.error_code is None
        settled = ticket is None or await self._settlement.finish(ticket)
        if not settled and ticket is not None and well:
            report = ErrorReport("internal_error", "The request could not be recorded.", ticket.request_id)
            if ticket.tap is not None:
                ticket.tap.refused("settlement", Failure(report.code, report.message))
            if self._head is not None:
                self._head, item = error_response(ticket, report)
            elif isinstance(item, LastChunk):
                item = item.failed(report)
        if self._head is not None:
            await sink.send(self._head)
        await sink.send(Chunk(item.data, last=True) if isinstance(item, LastChunk) else item)


def settle(settlement: Settlement) -> Node[Output, Output]:
    """The node that records a request: `Output` in, the same out, the last chunk only once the request is settled.

    For a pipeline with accounts, the last node, with `admit` and `meter` before it. Whoever runs the pipeline calls
    `settlement.close(ticket)` afterwards, for runs that are cut short.
    """
    return stage(partial(Settle, settlement), name="settle", consumes=Output, produces=Output)
