"""One round of the loop as it is heard: calls of the gateway's tools are taken out, all else goes on to the client."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import Opaque
from hyperinfer.formats.retold import as_asked, as_asked_at_end
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes.items import Answering, Reply

if TYPE_CHECKING:
    from hyperinfer.engine import Failure, Sink
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.ids import DistinctIds
    from hyperinfer.nodes.tools.citing import Citing


class HeardCall(msgspec.Struct, frozen=True):
    """A call of a server tool. `run_id`: as clients are told of it: `call_id`, unless an earlier one of the request had it.
    `before`: how many calls of the client's own came before it in the reply. `opaque`: what its vendor wants back."""

    call_id: str
    run_id: str
    function: str
    arguments: str
    before: int
    opaque: tuple[Opaque, ...] = ()


class Hearing:
    """The sink of `call` in one round. The end of a reply with calls of ours is kept back: there may be another round.
    `ids`: of the runs of the request so far.

    `events`: the whole reply, for the next round. `calls`: those of ours. `theirs`: the client's, in order. `end`: None
    while the reply is not complete.
    """

    def __init__(
        self, sink: Sink[Reply | Failure], functions: Container[str], round: int, citing: Citing, ids: DistinctIds
    ) -> None:
        self._sink, self._functions, self._round, self.citing, self._ids = sink, functions, round, citing, ids
        self._hidden: list[str] | None = None  # the arguments of the call that is being taken out
        self.answering: Answering | None = None
        self.events: list[Event] = []
        self.calls: list[HeardCall] = []
        self.theirs: list[ev.ToolCallStart] = []
        self.usage = Usage()
        self.end: ev.MessageEnd | None = None

    async def send(self, item: Reply | Failure) -> None:
        """What `call` sends."""
        if isinstance(item, tuple):
            burst = tuple(given for event in item for given in self._heard(event))
            if burst:
                await self._sink.send(burst)
            return
        if isinstance(item, Answering):
            self.answering = item
        await self._sink.send(item)

    def _heard(self, event: Event) -> tuple[Event, ...]:
        self.events.append(event)
        if self._hidden is not None:
            return self._taken_out(event, self._hidden)
        match event:
            case ev.MessageStart():
                self.usage = event.usage or self.usage
                return (as_asked(event),) if not self._round else (ev.UsageUpdate(event.usage or Usage()),)
            case ev.UsageUpdate():
                self.usage = event.usage
            case ev.ToolCallStart(namespace=None) if event.name in self._functions:
                self._hidden = []
                run_id = self._ids.give(event.call_id)
                self.calls.append(HeardCall(event.call_id, run_id, event.name, "", len(self.theirs), event.opaque))
                return ()
            case ev.ToolCallStart():
                self.theirs.append(event)
            case ev.MessageEnd():
                self.end = as_asked_at_end(event)
                return () if self.calls else (self.end,)
            case _:
                return self.citing.push(event)
        return (event,)

    def _taken_out(self, event: Event, arguments: list[str]) -> tuple[Event, ...]:
        match event:
            case ev.ArgumentsDelta():
                arguments.append(event.text)
            case ev.ToolCallEnd():
                self.calls[-1] = msgspec.structs.replace(self.calls[-1], arguments="".join(arguments))
                self._hidden = None
                if self.answering is not None:  # it is output all the same, where the upstream does not count it
                    written = self.answering.ticket.tally.written
                    written.calls += 1
                    written.text(self.calls[-1].function + self.calls[-1].arguments)
            case _:
                return (event,)
        return ()
