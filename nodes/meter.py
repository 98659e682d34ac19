"""The meter: what a reply used and what it costs. Pure; the settlement is another node's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias, cast

import msgspec
import trio

from hyperinfer.engine import Failure, Node, step
from hyperinfer.formats import events as ev
from hyperinfer.formats.tokens import Written, estimate_input
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes.bill import cost_lines, request_lines, request_usage, total
from hyperinfer.nodes.items import Answering, Failed, Metered, Reply, Tally

if TYPE_CHECKING:
    from hyperinfer.formats.events import Burst, Event

_Piece: TypeAlias = "ev.TextDelta | ev.ReasoningDelta | ev.ArgumentsDelta | ev.RefusalDelta"
# Types are looked up: `isinstance` that does not hold takes ten times as long for a `msgspec.Struct`.
_OUTPUT = frozenset((ev.TextDelta, ev.ReasoningDelta, ev.ArgumentsDelta, ev.RefusalDelta))
_NOTED = frozenset((ev.UsageUpdate, ev.MessageStart, ev.ToolCallStart))
_BEGINS_OUTPUT = frozenset((*_OUTPUT, ev.ToolCallStart, ev.ServerToolStart))


class Meter:
    """Counts into the ticket's tally and puts the exact cost on the last `UsageUpdate`, which it makes sure there is."""

    def __init__(self) -> None:
        self._tally: Tally | None = None  # of the ticket

    def push(self, item: Reply | Failure) -> Iterable[Reply | Failure]:
        """One item in, one out."""
        if isinstance(item, tuple):
            return (self._burst(item),)
        if isinstance(item, Answering):
            self._tally = item.ticket.tally
            self._tally.answering = item
        else:
            if isinstance(item, Failed) and item.ticket is not None:
                self._tally = item.ticket.tally
            if self._tally is not None:
                self._tally.error_code = item.code
        return (item,)

    def end(self) -> Iterable[Reply | Failure]:
        """Nothing is held back."""
        return ()

    def _burst(self, burst: Burst) -> Burst:
        tally = self._tally
        if tally is None:  # of a pipeline whose events come from no route
            tally = self._tally = Tally()
        texts: list[str] = []
        if tally.first_output is None and not _BEGINS_OUTPUT.isdisjoint(map(type, burst)):
            tally.first_output = trio.current_time()
        for event in burst:
            kind = type(event)
            if kind in _OUTPUT:
                texts.append(cast("_Piece", event).text)
            elif kind in _NOTED:
                _note(event, tally, texts)
        if texts:
            tally.written.text("".join(texts))
        last = burst[-1]
        if tally.rounds:
            burst = tuple(_of_request(event, tally) for event in burst)
        if isinstance(last, ev.MessageEnd):
            return _finished(burst, last, tally)
        if isinstance(last, ev.UpstreamError):
            tally.error_code = last.code
        return burst


def _finished(burst: Burst, end: ev.MessageEnd, tally: Tally) -> Burst:
    tally.written.end()
    if end.stop == "unfinished" and end.raw_stop == "queued":
        tally.began = False  # the upstream has not read the request yet
    usage = counted(tally)
    if tally.answering is not None:
        tally.lines = request_lines(tally, cost_lines(usage, tally.answering.route.pricing))
        usage = msgspec.structs.replace(request_usage(tally, usage), cost=total(tally.lines))
    tally.usage = usage
    tally.stop = end.stop
    kept = [event for event in burst[:-1] if type(event) is not ev.UsageUpdate]
    return (*kept, ev.UsageUpdate(usage), end)


def _note(event: Event, tally: Tally, texts: list[str]) -> None:
    """What an event that is no piece of the output counts for. `texts`: the output before it that was not counted yet."""
    if isinstance(event, ev.UsageUpdate):
        tally.began = True
        tally.usage = event.usage
        if event.round_over:
            tally.written.text("".join(texts))
            texts.clear()
            _close_round(tally)
    elif isinstance(event, ev.MessageStart):
        tally.began = True
        tally.usage = event.usage or tally.usage
    elif isinstance(event, ev.ToolCallStart):
        texts.append(event.name)
        tally.written.calls += 1


def _close_round(tally: Tally) -> None:
    """What comes after it is counted on its own, and by the prices of its own route."""
    tally.written.end()
    usage = counted(tally)
    lines = () if tally.answering is None else cost_lines(usage, tally.answering.route.pricing)
    tally.rounds.append(Metered(usage, lines))
    tally.usage, tally.written, tally.began = None, Written(), False


def _of_request(event: Event, tally: Tally) -> Event:
    """The counts of an upstream are those of one round; clients are told those of the whole request."""
    if type(event) is ev.UsageUpdate and not event.round_over:
        return ev.UsageUpdate(request_usage(tally, event.usage))
    return event


def counted(tally: Tally) -> Usage:
    """The upstream's counts, with estimates for what it did not count, or not to the end; `estimated` says so."""
    usage = tally.usage or Usage()
    estimates: dict[str, int] = {}
    if usage.estimated or not usage.output_tokens:
        produced = _produced(tally)
        if produced > usage.output_tokens:
            estimates["output_tokens"] = produced
    if not usage.input_tokens and tally.answering is not None and (tally.began or not tally.written.nothing):
        estimates["input_tokens"] = _asked(tally.answering)
    return msgspec.structs.replace(usage, estimated=True, **estimates) if estimates else usage


def counted_so_far(tally: Tally) -> Usage:
    """The counts of a reply that was cut short: early counts of output are too low by what came after them."""
    usage = counted(tally)
    if tally.stop is None and usage.output_tokens < (produced := _produced(tally)):
        return msgspec.structs.replace(usage, output_tokens=produced, estimated=True)
    return usage


def _produced(tally: Tally) -> int:
    if tally.answering is None:
        return tally.written.tokens(model="", protocol="openai_chat")
    route = tally.answering.route
    return tally.written.tokens(model=route.model, protocol=route.provider.protocol)


def _asked(answering: Answering) -> int:
    """Never more than the model can read."""
    route = answering.route
    asked = estimate_input(answering.asked or answering.conversation, model=route.model, protocol=route.provider.protocol)
    return min(asked, answering.context_length or asked)


def meter() -> Node[Reply | Failure, Reply | Failure]:
    """The node that counts tokens and money: a `Reply` or a failure in, the same out, with the cost on the last usage.

    For whoever wants `usage.cost` in the reply, or the counts in `ticket.tally`; a pipeline with `settle` needs it.
    """
    return step(Meter, name="meter", consumes=Reply | Failure, produces=Reply | Failure)
