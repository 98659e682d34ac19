"""One attempt at one route: call, read, decode, under deadlines that name their cause."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

import httpx2
import msgspec
import trio

from hyperinfer.engine import DONE, Cause, Deadlines, Expired, Failure, Sink
from hyperinfer.formats import FORMATS
from hyperinfer.formats import events as ev
from hyperinfer.formats.answer_reply import AnswerRestorer
from hyperinfer.formats.codec import Upstream
from hyperinfer.formats.stop_sequences import StopSequences
from hyperinfer.nodes.attempt_faults import timeout, unfinished, unreadable
from hyperinfer.nodes.bill import cost_lines, total
from hyperinfer.nodes.ports import Attempt
from hyperinfer.nodes.reply_reader import ReplyReader
from hyperinfer.providers.connection_faults import fault_of_exception
from hyperinfer.providers.response_headers import passable_headers

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from hyperinfer.formats.events import Burst, Event
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.nodes.items import Answering, HeaderList, Reply
    from hyperinfer.nodes.selection import Chosen, Ways
    from hyperinfer.nodes.tap import AttemptTap
    from hyperinfer.providers.catalogue import Provider
    from hyperinfer.providers.client import UpstreamResponse
    from hyperinfer.providers.transport_scope import ExchangeScope

LINGER = 0.05
"""Seconds that a complete stream is given to end its HTTP response too, which lets the connection be used again."""

LAST_WORDS = 2.0
"""Seconds that a stream which has failed is given to say why."""

_NO_OUTPUT = frozenset({ev.MessageStart, ev.UsageUpdate, ev.Unknown, ev.TextStart, ev.ReasoningStart, ev.RefusalStart})
"""Events that say nothing of the model yet: while only these came, another attempt may still be made."""

_LAST = (ev.MessageEnd, ev.UpstreamError)


class Client(Protocol):
    """What asks one provider (`client.Upstream`)."""

    @property
    def endpoint(self) -> str: ...

    def scope(self) -> ExchangeScope | None: ...

    def open(
        self, path: str, body: bytes, *, stream: bool, extra_headers: HeaderList = (), scope: ExchangeScope | None = None
    ) -> AbstractAsyncContextManager[UpstreamResponse]: ...


class Clients(Protocol):
    """Where the client of a provider comes from."""

    def of(self, provider: Provider) -> Client:
        """The client, made once for each provider."""
        ...


class Attempting:
    """One attempt. `run` says how it went.

    `record`: its place among the ticket's attempts, once it is written down. `output`: model output was seen, so nothing may
    be repeated. `complete`: the whole reply was handed on, or is `reply` (one that is not streamed is handed on by the
    caller, when no deadline can cut that short). `hard_end`: it was left because the grace of `drain` was over. `headers`:
    what of the upstream's headers the client gets. `held_up`: its stream had to wait for the client. `began`: trio's clock.
    `chosen`: the way that it takes, whose health is told of its output. `tap`: hears of it (`heard_attempt`).
    `took`: seconds to the end of a stream that was complete.
    """

    def __init__(
        self,
        answering: Answering,
        body: bytes,
        clients: Clients,
        now: Callable[[], float],
        ways: Ways,
        chosen: Chosen,
    ) -> None:
        self._answering, self._body, self._now = answering, body, now
        self._ticket, self._route = answering.ticket, answering.route
        self._client = clients.of(answering.route.provider)
        self._streamed = answering.conversation.streamed
        self._measures, drain = ways.measures, ways.drain
        self._chosen = chosen
        self._held: list[Event] = []  # events that are not handed on yet
        self._answer = AnswerRestorer(answering.answer) if answering.answer is not None else None
        self._stops: StopSequences | None = None
        if answering.stops:
            self._stops = StopSequences(answering.stops, answering.conversation.sampling.n or 1)
        self._status: int | None = None
        self.record: int | None = None
        self.tap: AttemptTap | None = None
        timeouts = answering.route.provider.timeouts
        if self._streamed:
            seconds: dict[Cause, float] = {"stream": timeouts.stream, "first_token": timeouts.first_token}
            self._scope = None
            self._deadlines = Deadlines(seconds, drain=drain)
        else:
            # What comes is handed on when it is over: nothing but the provider is waited for.
            self._scope = self._client.scope()
            self._deadlines = Deadlines({"whole": timeouts.whole}, drain=drain, scope=self._scope)
        self.output = False
        self.held_up = False
        self.began = self.took = 0.0
        self.complete = False
        self.reply: Burst | None = None
        self.headers: HeaderList = ()

    @property
    def hard_end(self) -> bool:
        return self._deadlines.hard_end

    async def run(self, sink: Sink[Reply | Failure]) -> UpstreamFault | None:
        """Hands the reply on, burst by burst where it is streamed. None when it is complete, or left at the hard end; else
        why it is not."""
        fault: UpstreamFault | None = None
        deadlines = self._deadlines
        try:
            with deadlines:
                self.began = deadlines.began
                try:
                    fault = await self._exchange(sink)
                except httpx2.TransportError as error:
                    fault = fault_of_exception(error)
            if deadlines.hard_end or self.complete:
                fault = None
            else:
                if self._stops is not None and self.output:
                    await self._give(list(self._stops.end()), sink)
                if self.complete:
                    fault = None
                elif deadlines.expired is not None:
                    fault = timeout(deadlines.expired)
        finally:
            if fault is not None or self.record is None:
                self._note(fault)
        return fault

    def _is_whole(self, now: float) -> None:
        self.took = now - self.began
        if not self.held_up:
            self._measures.of(self._route.provider.name).whole.add(self.took)

    async def _exchange(self, sink: Sink[Reply | Failure]) -> UpstreamFault | None:
        """The request and its response. Raises httpx2.TransportError."""
        body, self._body = self._body, b""  # a reply may take an hour
        client, headers = self._client, self._ticket.upstream_headers
        opening = client.open(client.endpoint, body, stream=self._streamed, extra_headers=headers, scope=self._scope)
        async with opening as response:
            del body
            self._status = response.status
            if self.tap is not None:
                self.tap.head(response.status, response.connected)
            if self._streamed:
                self._measures.of(self._route.provider.name).first_byte.add(trio.current_time() - self.began)
            self.headers = tuple(
                passable_headers(response.meaningful, self._route.provider.protocol, self._ticket.format.dialect)
            )
            if not 200 <= response.status < 300:
                return await response.fault(now=self._now())
            return await self._read(response, sink)

    async def _read(self, response: UpstreamResponse, sink: Sink[Reply | Failure]) -> UpstreamFault | None:
        provider = self._route.provider
        reader = ReplyReader(
            FORMATS[provider.protocol],
            Upstream(vendor=provider.vendor, id_seed=self._ticket.request_id, quirks=self._route.quirks),
        )
        # Counts from the first byte of the answer on; the time that the client takes is not the provider's.
        idle = provider.timeouts.idle if self._streamed else math.inf
        came: list[Event] = []
        sending: Awaitable[None] = DONE

        def take(piece: bytes) -> bool:
            """Hands on what comes while nobody has to wait for it and nothing but more of the reply is in it."""
            nonlocal came, sending
            came = reader.receive_data(piece)
            if not came:
                return not reader.stops
            if not self._plain or reader.stops or type(came[-1]) in _LAST:
                return False
            sending = sink.send(tuple(came))
            return sending is DONE

        while (heard := await response.pass_on(take, idle)) == "enough":
            if sending is not DONE:
                came = []  # a client that takes its time holds them once, in its own form
                await self._wait_for_client(sending)
                sending = DONE
                continue
            if came:
                fault = await self._take(response, came, sink)
                if fault is not None:
                    return fault
            if self.complete:
                # Else it is here, or not worth waiting for: the reply was over at a stop string.
                if reader.ended and not response.ended:
                    await self._linger(response)
                return None
            if reader.error is not None:
                return unreadable(reader)
            if reader.failing:
                came = await self._last_words(response, reader)
                break
        else:
            if heard == "silence":
                return timeout(Expired("idle", idle))
            came = reader.receive_eof()
        fault = await self._take(response, came, sink) if came else None
        return fault if fault is not None or self.complete else unreadable(reader)

    @property
    def _plain(self) -> bool:
        """Whether events go on as they come."""
        return self.output and self._streamed and self._answer is None and self._stops is None

    async def _take(
        self, response: UpstreamResponse, events: list[Event], sink: Sink[Reply | Failure]
    ) -> UpstreamFault | None:
        """Hands events on once there is output; an error among them, which is the last one, is returned."""
        last, fault = events[-1], None
        if isinstance(last, ev.UpstreamError):
            events.pop()
            fault = response.fault_within(last)
        elif isinstance(last, ev.MessageEnd) and last.stop == "unfinished" and not self._tells_unfinished():
            events.pop()
            fault = unfinished(last, response.status)
            if not self.output:
                return fault
        if not self.output and not _NO_OUTPUT.issuperset(map(type, events)):
            self.output = True
            if self.tap is not None:
                self.tap.output()
            self._chosen.health.answered(self._chosen.attempt)
            self._note(None)
            if self._streamed:
                self._deadlines.disarm("first_token")
            if self.headers:
                await sink.send(msgspec.structs.replace(self._answering, headers=self.headers))
        if self._answer is not None:
            events = self._restored(events, self._answer)
        await self._give(events if self._stops is None else _until_stop(events, self._stops), sink)
        return None if self.complete else fault

    def _tells_unfinished(self) -> bool:
        """Whether the client can be told of a reply that has not ended: as the object of the upstream's own format."""
        return not self._streamed and self._ticket.format.dialect == self._route.provider.protocol

    def _restored(self, events: list[Event], answer: AnswerRestorer) -> list[Event]:
        """With the answer as the text that the caller asked for; stop strings are looked for in that text."""
        known = len(answer.losses)
        found = [given for event in events for given in answer.push(event)]
        self._ticket.losses.extend(answer.losses[known:])
        return found

    async def _give(self, events: list[Event], sink: Sink[Reply | Failure]) -> None:
        """Hands events on, or keeps them for the caller: of a whole reply, or while there is no output."""
        if not self._streamed or not self.output:
            self._held += events
            if events and isinstance(events[-1], ev.MessageEnd):
                self.reply, self.complete = tuple(self._held), True
        elif events or self._held:
            burst = (*self._held, *events)
            self._held.clear()
            events.clear()
            if ends := type(burst[-1]) is ev.MessageEnd:
                # The provider has said all: what is waited for now is not its fault.
                self._deadlines.disarm("stream")
                self._is_whole(trio.current_time())
            sending = sink.send(burst)
            del burst  # as in `_read`
            await sending
            self.complete = ends

    async def _wait_for_client(self, sending: Awaitable[None]) -> None:
        """The channel to the client is full."""
        measures, began = self._measures, trio.current_time()
        measures.held_up += 1
        try:
            await sending
        finally:
            self.held_up = True
            measures.held_up -= 1
            measures.waits += 1
            measures.waited += trio.current_time() - began

    async def _linger(self, response: UpstreamResponse) -> None:
        with trio.move_on_after(LINGER), suppress(httpx2.TransportError):
            async for _ in response:
                pass

    async def _last_words(self, response: UpstreamResponse, reader: ReplyReader) -> list[Event]:
        """Why a reply has failed, where the upstream says so at once."""
        with trio.move_on_after(LAST_WORDS), suppress(httpx2.TransportError):
            async for chunk in response:
                if events := reader.receive_data(chunk):
                    return events
        return reader.receive_eof()

    def _note(self, fault: UpstreamFault | None) -> None:
        """Writes the attempt down, before anything of it is handed on: with its first output, or where it ended."""
        attempts = self._ticket.attempts
        began, came = self._deadlines.began, self._ticket.started
        attempt = Attempt(
            provider=self._route.provider.name,
            model=self._route.model,
            status=self._status,
            code=None if fault is None else fault.code,
            ms=math.floor((trio.current_time() - began) * 1000),
            unbilled=None if fault is None or (self._streamed and self.output) else self._used(),
            deadline=None if fault is None else cast("Cause | None", fault.deadline),
            chosen_by=self._answering.by,
            at=math.floor((began - came) * 1000),
        )
        if self.record is None:
            self.record = len(attempts)
            attempts.append(attempt)
        else:
            attempts[self.record] = attempt

    def _used(self) -> int:
        """Pico-USD of what the upstream counted of a reply that goes to nobody."""
        counts = [event.usage for event in self._held if isinstance(event, ev.UsageUpdate | ev.MessageStart) and event.usage]
        return total(cost_lines(counts[-1], self._route.pricing)) if counts else 0


def _until_stop(events: list[Event], stops: StopSequences) -> list[Event]:
    """What the caller gets of these events: up to the stop string that ends the reply, and then the end."""
    found = [given for event in events for given in stops.push(event)]
    return [*found, *stops.end()] if stops.matched else found
