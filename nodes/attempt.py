"""One attempt at one route: encode, call, decode, under deadlines that name their cause."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import httpx2

from hyperinfer.engine import Deadline, Failure, Sink, first_expired
from hyperinfer.formats import FORMATS
from hyperinfer.formats import events as ev
from hyperinfer.formats.codec import Encoded, Format, StreamDecoder, Target, Upstream, Wait
from hyperinfer.formats.errors import PeerError, RequestError
from hyperinfer.nodes.items import Answering, HeaderList, Planned, Reply
from hyperinfer.providers.connection_faults import fault_of_exception
from hyperinfer.providers.fault import SENTENCES, UpstreamFault
from hyperinfer.providers.response_headers import passable_headers

if TYPE_CHECKING:
    from hyperinfer.formats.events import Burst, Event
    from hyperinfer.providers import client
    from hyperinfer.providers.catalogue import Provider, Route
    from hyperinfer.providers.client import UpstreamResponse

WHOLE_LIMIT = 256 * 1024 * 1024
"""Bytes of a whole response that are read. Generated images come as base64."""

_NO_OUTPUT = (ev.MessageStart, ev.UsageUpdate, ev.Unknown, ev.TextStart, ev.ReasoningStart, ev.RefusalStart)
"""Events that say nothing of the model yet: while only these came, another attempt may still be made."""


class Clients(Protocol):
    """Where the client of a provider comes from."""

    def of(self, provider: Provider) -> client.Upstream:
        """The client, made once for each provider."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt failed before any output."""

    code: str
    message: str
    param: str | None = None
    retry_after: float | None = None
    retryable: bool = False
    failover: bool = False
    details: Mapping[str, object] = field(default_factory=lambda: dict[str, object]())


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went. `fault`: it failed before any output. `late_code`: it failed after some, which was told."""

    status: int | None = None
    fault: Fault | None = None
    headers: HeaderList = ()
    late_code: str | None = None


class Attempting:
    """One attempt."""

    def __init__(
        self, planned: Planned, route: Route, index: int, clients: Clients, now: Callable[[], float]
    ) -> None:
        self._planned, self._route, self._index = planned, route, index
        self._client = clients.of(route.provider)
        self._now = now
        self._format: Format = FORMATS[route.provider.protocol]
        self._held: list[Event] = []  # events before the first output
        self._output = False
        self._status: int | None = None
        self._headers: HeaderList = ()

    async def run(self, sink: Sink[Reply | Failure]) -> Outcome:
        """Sends the reply on, or says why there is none."""
        planned, route = self._planned, self._route
        ticket, conversation = planned.ticket, planned.conversation
        try:
            encoded = self._format.encode_request(conversation, self._target())
        except RequestError as error:
            details = dict(error.details or {})
            return Outcome(fault=Fault(error.code, error.message, error.param, details=details))
        if encoded.losses and ticket.strict:
            return Outcome(fault=_strict_fault(encoded))
        await sink.send(
            Answering(
                ticket=ticket,
                conversation=conversation,
                slug=planned.model.slug,
                route=route,
                route_index=planned.model.routes.index(route),
                losses=encoded.losses,
                aliases=encoded.aliases,
            )
        )
        if conversation.streamed:
            return await self._stream(encoded.body, sink)
        return await self._whole(encoded.body, sink)

    def _target(self) -> Target:
        route, planned = self._route, self._planned
        return Target(
            dialect=route.provider.protocol,
            model=route.model,
            vendor=route.provider.vendor,
            streamed=planned.conversation.streamed,
            max_output_tokens=planned.model.max_output_tokens,
            quirks=route.quirks,
            native_tools=frozenset(route.native_tools),
        )

    def _upstream(self) -> Upstream:
        route = self._route
        return Upstream(vendor=route.provider.vendor, id_seed=self._planned.ticket.request_id, quirks=route.quirks)

    async def _whole(self, body: bytes, sink: Sink[Reply | Failure]) -> Outcome:
        timeouts = self._route.provider.timeouts
        data, content_type = b"", ""
        fault: Fault | None = None
        with Deadline("whole", timeouts.whole) as deadline:
            try:
                async with self._open(body) as response:
                    fault = await self._refused(response)
                    if fault is None:
                        content_type = response.headers.get("content-type", "")
                        data = await response.read(WHOLE_LIMIT)
            except httpx2.TransportError as error:
                fault = _fault_of(fault_of_exception(error))
        if deadline.expired is not None:
            fault = _timeout(f"The provider did not answer within {timeouts.whole:g} s.")
        if fault is None:
            try:
                burst = self._decode_whole(data, content_type)
            except PeerError as error:
                fault = _unavailable(error)
            else:
                return await self._deliver_whole(burst, sink)
        return Outcome(self._status, fault, self._headers)

    def _decode_whole(self, data: bytes, content_type: str) -> Burst:
        if content_type.startswith("text/event-stream"):  # a server that streams whatever it is asked
            decoder = self._format.stream_decoder(self._upstream())
            decoder.receive_data(data)
            decoder.receive_eof()
            return tuple(_drain(decoder)[0])
        return self._format.decode_response(data, self._upstream())

    async def _deliver_whole(self, burst: Burst, sink: Sink[Reply | Failure]) -> Outcome:
        last = burst[-1] if burst else None
        if isinstance(last, ev.UpstreamError):
            return Outcome(self._status, _fault_of_event(last), self._headers)
        if not isinstance(last, ev.MessageEnd):
            return Outcome(self._status, _unavailable(PeerError("the reply is not complete")), self._headers)
        await sink.send(burst)
        return Outcome(self._status)

    async def _stream(self, body: bytes, sink: Sink[Reply | Failure]) -> Outcome:
        timeouts = self._route.provider.timeouts
        fault: Fault | None = None
        decoder = self._format.stream_decoder(self._upstream())
        ended = False
        with (
            Deadline("stream", timeouts.stream) as whole,
            Deadline("first_token", timeouts.first_token) as first,
            Deadline("idle", math.inf) as idle,
        ):
            try:
                async with self._open(body) as response:
                    fault = await self._refused(response)
                    if fault is None and _is_json(response):
                        burst = self._format.decode_response(await response.read(WHOLE_LIMIT), self._upstream())
                        fault, ended = await self._send(list(burst), sink)
                    elif fault is None:
                        idle.seconds = timeouts.idle
                        idle.rearm()
                        async for chunk in response:
                            idle.at = math.inf  # the time that the client takes is not the provider's
                            decoder.receive_data(chunk)
                            events, ended = _drain(decoder)
                            fault, failed = await self._send(events, sink)
                            ended = ended or failed
                            if self._output:
                                first.at = math.inf
                            if ended or fault is not None:
                                break
                            idle.rearm()
                        else:
                            decoder.receive_eof()
                            events, ended = _drain(decoder)
                            fault, _ = await self._send(events, sink)
            except httpx2.TransportError as error:
                fault = _fault_of(fault_of_exception(error))
            except PeerError as error:
                fault = _unavailable(error)
        if (expired := first_expired(whole, first, idle)) is not None:
            fault = _timeout(_EXPIRED[expired.cause].format(expired.seconds))
        if fault is None:
            if not ended:
                fault = _unavailable(PeerError("the reply is not complete"))
            else:
                return Outcome(self._status)
        if not self._output:
            return Outcome(self._status, fault, self._headers)
        told = ev.UpstreamError(fault.code, fault.message, retry_after=fault.retry_after, retryable=fault.retryable)
        await sink.send((told,))
        return Outcome(self._status, late_code=fault.code)

    def _open(self, body: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202 - an async context manager of UpstreamResponse
        extra = self._planned.ticket.upstream_headers
        return self._client.open(
            self._client.endpoint, body, stream=self._planned.conversation.streamed, extra_headers=extra
        )

    async def _refused(self, response: UpstreamResponse) -> Fault | None:
        self._status = response.status
        dialect = self._planned.ticket.format.dialect
        headers = passable_headers(response.headers, self._route.provider.protocol, dialect)
        self._headers = tuple(headers)
        if 200 <= response.status < 300:
            return None
        return _fault_of(await response.fault(now=self._now()))

    async def _send(self, events: list[Event], sink: Sink[Reply | Failure]) -> tuple[Fault | None, bool]:
        """Sends events on once there is output. (a fault before any output, whether the reply is over)."""
        if not events:
            return None, False
        last = events[-1]
        if not self._output:
            if isinstance(last, ev.UpstreamError) and all(isinstance(event, _NO_OUTPUT) for event in events[:-1]):
                return _fault_of_event(last), True
            self._held.extend(events)
            if all(isinstance(event, _NO_OUTPUT) for event in events):
                return None, False
            self._output = True
            events, self._held = self._held, []
        await sink.send(tuple(events))
        return None, isinstance(last, ev.MessageEnd | ev.UpstreamError)


_EXPIRED = {
    "stream": "The provider's stream took longer than {:g} s.",
    "first_token": "The provider sent no output within {:g} s.",
    "idle": "The provider fell silent for {:g} s.",
    "connect": "No connection to the provider within {:g} s.",
    "whole": "The provider did not answer within {:g} s.",
}


def _drain(decoder: StreamDecoder) -> tuple[list[Event], bool]:
    """The events that are there, and whether the reply is over. Events before an error are kept: the error comes again."""
    events: list[Event] = []
    while True:
        try:
            event = decoder.next_event()
        except PeerError:
            if events:
                return events, False
            raise
        if isinstance(event, Wait):
            return events, event is Wait.END
        events.append(event)


def _is_json(response: UpstreamResponse) -> bool:
    return response.headers.get("content-type", "").startswith("application/json")


def _fault_of(fault: UpstreamFault) -> Fault:
    return Fault(fault.code, fault.message, fault.param, fault.retry_after, fault.retryable, fault.failover)


def _fault_of_event(event: ev.UpstreamError) -> Fault:
    failover = event.retryable or event.code in ("provider_auth", "provider_unavailable")
    return Fault(event.code, event.message, event.param, event.retry_after, event.retryable, failover)


def _timeout(message: str) -> Fault:
    return Fault("provider_timeout", message, retryable=False)


def _unavailable(error: PeerError) -> Fault:
    message = f"{SENTENCES['provider_unavailable'].rstrip('.')}: {error.reason}."
    return Fault("provider_unavailable", message, retryable=True, failover=True)


def _strict_fault(encoded: Encoded) -> Fault:
    named = "; ".join(f"{loss.path}: {loss.reason}" for loss in encoded.losses)
    details = {"losses": [{"path": loss.path, "reason": loss.reason} for loss in encoded.losses]}
    message = f"This model cannot express the whole request: {named}"
    return Fault("invalid_request", message, encoded.losses[0].path, details=details)
