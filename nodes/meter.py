"""The meter: what a reply used and what it costs. Pure; the settlement is another node's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
import trio

from hyperinfer.engine import Failure, Node, step
from hyperinfer.formats import events as ev
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes.bill import cost_lines, total
from hyperinfer.nodes.items import Answering, Failed, Reply, Tally, Ticket

if TYPE_CHECKING:
    from hyperinfer.formats.events import Burst, Event

CHARACTERS_PER_TOKEN = 4
"""For replies whose upstream gives no counts: the usual average of English prose. Such counts are marked `estimated`."""

_OUTPUT = (ev.TextDelta, ev.ReasoningDelta, ev.ArgumentsDelta, ev.RefusalDelta)


class Meter:
    """Counts into the ticket's tally and puts the exact cost on the last `UsageUpdate`, which it makes sure there is."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._ticket: Ticket | None = None

    def push(self, item: Reply | Failure) -> Iterable[Reply | Failure]:
        """One item in, one out."""
        if isinstance(item, tuple):
            return (self._burst(item),)
        if isinstance(item, Answering):
            self._ticket, self._tally = item.ticket, item.ticket.tally
            self._tally.answering = item
        elif isinstance(item, Failed) and item.ticket is not None:
            item.ticket.tally.error_code = item.code
        return (item,)

    def end(self) -> Iterable[Reply | Failure]:
        """Nothing is held back."""
        return ()

    def _burst(self, burst: Burst) -> Burst:
        tally = self._tally
        for event in burst:
            kind = type(event)
            if kind in _OUTPUT:
                if tally.first_output is None:
                    tally.first_output = trio.current_time()
                tally.characters += len(event.text)  # type: ignore[union-attr]  # every kind of output has a text
            elif kind is ev.UsageUpdate:
                tally.usage = event.usage  # type: ignore[union-attr]
            elif kind is ev.MessageStart:
                tally.began = True
                tally.usage = event.usage or tally.usage  # type: ignore[union-attr]
            elif (kind is ev.ToolCallStart or kind is ev.ServerToolStart) and tally.first_output is None:
                tally.first_output = trio.current_time()
        last = burst[-1]
        if isinstance(last, ev.MessageEnd):
            return self._finished(burst, last)
        if isinstance(last, ev.UpstreamError):
            tally.error_code = last.code
        return burst

    def _finished(self, burst: Burst, end: ev.MessageEnd) -> Burst:
        usage = counted(self._tally, self._ticket)
        answering = self._tally.answering
        if answering is not None:
            self._tally.lines = cost_lines(usage, answering.route.pricing)
            usage = msgspec.structs.replace(usage, cost=total(self._tally.lines))
        self._tally.usage = usage
        self._tally.stop = end.stop
        kept: list[Event] = [event for event in burst[:-1] if type(event) is not ev.UsageUpdate]
        return (*kept, ev.UsageUpdate(usage), end)


def counted(tally: Tally, ticket: Ticket | None) -> Usage:
    """The upstream's counts, with estimates for what it did not count."""
    usage = tally.usage or Usage()
    produced = math.ceil(tally.characters / CHARACTERS_PER_TOKEN)
    estimates: dict[str, int] = {}
    if not usage.output_tokens and produced:
        estimates["output_tokens"] = produced
    if not usage.input_tokens and ticket is not None and (tally.began or produced):
        estimates["input_tokens"] = math.ceil(ticket.body_size / CHARACTERS_PER_TOKEN)
    return msgspec.structs.replace(usage, estimated=True, **estimates) if estimates else usage


def counted_so_far(tally: Tally, ticket: Ticket) -> Usage:
    """The counts of a reply that was cut short: early counts of output are too low by what came after them."""
    usage = counted(tally, ticket)
    produced = math.ceil(tally.characters / CHARACTERS_PER_TOKEN)
    if tally.stop is None and usage.output_tokens < produced:
        return msgspec.structs.replace(usage, output_tokens=produced, estimated=True)
    return usage


def meter() -> Node[Reply | Failure, Reply | Failure]:
    """The node."""
    return step(Meter, name="meter", consumes=Reply | Failure, produces=Reply | Failure)
