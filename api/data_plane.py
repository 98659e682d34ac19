"""The POST routes of the three formats: one HTTP exchange through one pipeline.

What happens here is what needs the connection: method, media type, key, body, disconnect, and the last word when a
pipeline crashes. Everything else is a node.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from hyperinfer.api.body_room import FREE, BodyRoom
from hyperinfer.api.client_key import FOREIGN
from hyperinfer.api.edge.exchange import BodyTooLarge, ClientGone, Exchange, SlowBody
from hyperinfer.api.exchange_sink import ExchangeSink
from hyperinfer.api.key_places import KeyPlaces
from hyperinfer.api.log_formats import REQUEST
from hyperinfer.api.metrics.requests import RequestMetrics
from hyperinfer.api.request_head import head_of
from hyperinfer.api.request_line import says_lines
from hyperinfer.api.store.authentication import UNKNOWN
from hyperinfer.api.waiting_room import WaitingRoom
from hyperinfer.engine import Drain, DrainingError, Failure, FullError, run
from hyperinfer.formats import COUNTING, FORMATS
from hyperinfer.nodes.items import Incoming, Ticket

if TYPE_CHECKING:
    from hyperinfer.api.edge.dispatch import Handler
    from hyperinfer.api.idempotency import Idempotency
    from hyperinfer.api.ids import RequestIds
    from hyperinfer.api.pipelines import Pipelines
    from hyperinfer.api.recording.recorder import Recorder
    from hyperinfer.api.request_head import RequestHead
    from hyperinfer.api.request_line import Say
    from hyperinfer.api.tracing.tracer import Tracer
    from hyperinfer.engine import Graph
    from hyperinfer.formats.codec import Format
    from hyperinfer.nodes.ports import Accounts, Principal
    from hyperinfer.nodes.settlement import Settlement
    from hyperinfer.nodes.tap import Tap

log = logging.getLogger("hyperinfer.requests")

ROUTES = {
    "/api/v1/chat/completions": FORMATS["openai_chat"],
    "/api/v1/responses": FORMATS["openai_responses"],
    "/api/v1/messages": FORMATS["anthropic_messages"],
}
"""Path to client format (contract)."""

COUNTS = {f"{path}{COUNTING[format.dialect].path}": format for path, format in ROUTES.items() if format.dialect in COUNTING}
"""The same for the routes that count the tokens of a request."""

CRASHES: Final = (Exception, SystemExit)
"""What a bug raises; a node of the operator's may do anything."""

MISTAKE: Final = "The gateway made a mistake; it has been logged under this request id. Tell whoever runs it."
CRASHED = Failure("internal_error", MISTAKE)
"""What the client is told of a bug."""

FULL = Failure(
    "provider_overloaded", "The gateway has as many requests as it takes at once; try again in a second.", retry_after=1.0
)
"""What the client is told where no room is for its request (`limits.in_flight`)."""

LEAVING = Failure(
    "provider_overloaded", "The gateway is shutting down; send the request again in a second.", retry_after=1.0
)
"""The same during a drain."""

_STREAM = b'"stream"'
_IS_TRUE = re.compile(rb"\s*:\s*true")


def seems_streamed(body: bytes) -> bool:
    """Whether a body has `"stream": true` somewhere. For which graph runs, not for what the request means: where it is wrong
    (it stands elsewhere than at the top, or is spelled with escapes) either graph serves the request all the same."""
    at = body.rfind(_STREAM)  # clients tend to put it last
    while at >= 0:
        if _IS_TRUE.match(body, at + len(_STREAM)):
            return True
        at = body.rfind(_STREAM, 0, at)
    return False


_Serve: TypeAlias = "Callable[[RequestHead, Incoming, ExchangeSink], Awaitable[None]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlane:
    """The parts that a request needs. `body_limit`: bytes. `now`: unix seconds. `say`: logs a line for each request,
    `metrics` counts it. `recorder`, `tracer`: of requests; None: none is recorded, or traced."""

    accounts: Accounts
    settlement: Settlement
    idempotency: Idempotency
    pipelines: Pipelines
    ids: RequestIds
    drain: Drain
    body_limit: Callable[[], int]
    now: Callable[[], float]
    say: Say = field(default_factory=says_lines)
    metrics: RequestMetrics = field(default_factory=RequestMetrics)
    key_places: KeyPlaces = field(default_factory=KeyPlaces)
    body_room: BodyRoom = field(default_factory=BodyRoom)
    waiting_room: WaitingRoom = field(default_factory=WaitingRoom)
    recorder: Recorder | None = None
    tracer: Tracer | None = None

    def route(self, path: str) -> Handler | None:
        """The handler of a path, None when it is not one of these routes."""
        if (format := ROUTES.get(path)) is not None:
            return partial(self._exchange, format, self._serving(self._answer))
        if (format := COUNTS.get(path)) is not None:
            return partial(self._exchange, format, self._serving(self._count))
        return None

    def handle(self, format: Format, exchange: Exchange, tap: Tap | None = None) -> Awaitable[None]:
        """One exchange that asks for an answer. Nothing that a client or an upstream does leaves it as an exception. `tap`:
        looks on at it."""
        return self._exchange(format, self._serving(self._answer), exchange, tap)

    def count(self, format: Format, exchange: Exchange) -> Awaitable[None]:
        """The same for one that asks for the number of its tokens."""
        return self._exchange(format, self._serving(self._count), exchange)

    def _serving(self, serve: _Serve) -> _Serve:
        """The same, recorded where requests are."""
        return serve if self.recorder is None else self.recorder.around(serve)

    async def _exchange(self, format: Format, serve: _Serve, exchange: Exchange, tap: Tap | None = None) -> None:
        ticket = Ticket(request_id=self.ids.next(), format=format, created=self.now(), started=trio.current_time(), tap=tap)
        sink, left = ExchangeSink(exchange, ticket), False
        REQUEST.set(ticket.request_id)
        trace = None if self.tracer is None else self.tracer.begin(ticket, exchange)
        try:
            try:
                try:
                    self.drain.admit()
                except FullError:
                    await self.waiting_room.admit(self.drain, exchange)
                try:
                    await self._serve(exchange, ticket, sink, serve)
                finally:
                    self.drain.release()
                    if self.waiting_room.waiting:
                        self.waiting_room.wake()
                    if self.body_room.held:
                        self.body_room.leave(ticket.request_id)
            except DrainingError:
                await sink.fail(LEAVING)
            except FullError:
                await sink.fail(FULL)
            except ClientGone:
                raise
            except CRASHES:
                log.exception("%s crashed", ticket.request_id)
                await sink.fail(CRASHED)
        except ClientGone:
            left = True
        except BaseException:
            left = exchange.gone and not sink.ended
            raise
        finally:
            self.metrics.over(ticket, sink.status, left)
            self.say(ticket, sink.status, left)
            if trace is not None:
                trace.end(sink.status, left=left)
            ticket.let_go()
            REQUEST.set("")

    async def _serve(self, exchange: Exchange, ticket: Ticket, sink: ExchangeSink, serve: _Serve) -> None:
        if exchange.method != "POST":
            message = f"{exchange.method} is not possible here; use POST."
            await sink.fail_for_anybody(Failure("invalid_request", message), status=405, headers=(("allow", "POST"),))
            return
        head = head_of(exchange)
        try:
            incoming = await self._incoming(exchange, head, ticket)
        except SlowBody:
            await sink.fail(Failure("invalid_request", "The body did not come in time: send it without pauses."), status=408)
            return
        if isinstance(incoming, Failure):
            await sink.fail(incoming)
            return
        if head.theirs:
            log.info("%s is the client's %.100r", ticket.request_id, head.theirs)
        exchange.end_with_client()
        if self.key_places.most is None:
            await serve(head, incoming, sink)
        else:
            await self._serve_in_place(head, incoming, sink, serve)

    async def _serve_in_place(self, head: RequestHead, incoming: Incoming, sink: ExchangeSink, serve: _Serve) -> None:
        key = _principal_of(incoming.ticket).key_id
        refusal = self.key_places.enter(key)
        if refusal is not None:
            await sink.fail(refusal)
            return
        try:
            await serve(head, incoming, sink)
        finally:
            self.key_places.leave(key)

    def _count(self, _: RequestHead, incoming: Incoming, sink: ExchangeSink) -> Awaitable[None]:
        return self._run(incoming, sink, self.pipelines.count)

    def _answer(self, head: RequestHead, incoming: Incoming, sink: ExchangeSink) -> Awaitable[None]:
        graph = self.pipelines.stream if seems_streamed(incoming.body) else self.pipelines.whole
        if head.once is None:
            return self._run(incoming, sink, graph)
        return self._answer_once(head.once, incoming, sink, graph)

    async def _answer_once(self, key: str, incoming: Incoming, sink: ExchangeSink, graph: Graph) -> None:
        ticket = incoming.ticket
        path = ticket.format.ingress
        refused = await self.idempotency.begin(_principal_of(ticket).workspace, key, path, incoming.body, ticket.request_id)
        if refused is not None:
            # The official SDKs repeat a 409 by themselves unless they are told not to.
            headers_of_refusal = (("x-should-retry", "false"),) if refused.final else ()
            if ticket.tap is not None:
                ticket.tap.refused("idempotency", refused.failure, refused.status)
            await sink.fail(refused.failure, status=refused.status, headers=headers_of_refusal)
            return
        try:
            await self._run(incoming, sink, graph)
        finally:
            if ticket.admitted is None:
                await self.idempotency.withdraw(ticket.request_id)
            else:
                self.idempotency.end(ticket.request_id)

    async def _incoming(self, exchange: Exchange, head: RequestHead, ticket: Ticket) -> Incoming | Failure:
        """The request, or why it is not taken in. Raises SlowBody."""
        if head.key is None:
            return Failure("invalid_api_key", "No API key: send Authorization: Bearer hi-… or x-api-key: hi-….")
        principal = await self.accounts.authenticate(head.key)
        if isinstance(principal, Failure):
            return Failure(principal.code, FOREIGN) if head.foreign and principal is UNKNOWN else principal
        if head.refusal is not None:
            return head.refusal
        limit, size = self.body_limit(), exchange.body_length
        if size is None or FREE < size <= limit:
            refusal = await self.body_room.enter(ticket.request_id, limit if size is None else size, exchange)
            if refusal is not None:
                return refusal
        try:
            body = await exchange.read_body(limit)
        except BodyTooLarge:
            message = f"The body is larger than {limit / (1024 * 1024):g} MB: send less, or give files by URL."
            return Failure("payload_too_large", message)
        if size is None:
            self.body_room.correct(ticket.request_id, len(body))
        ticket.principal = principal
        ticket.body_size = len(body)
        ticket.strict = head.strict
        ticket.upstream_headers = head.passed_on
        return Incoming(ticket, body)

    async def _run(self, incoming: Incoming, sink: ExchangeSink, graph: Graph) -> None:
        """The pipeline, for as long as the client is there; then the settlement, if the pipeline did not come to it."""
        crash: Exception | SystemExit | None = None
        ticket = incoming.ticket
        try:
            await run(graph, (incoming,), sink, observer=None if ticket.tap is None else ticket.tap.observer)
        except CRASHES as error:  # raised when the request is settled
            crash = error
            ticket.tally.error_code = CRASHED.code
        finally:
            if not ticket.settled:
                await self.settlement.close(ticket)
        if crash is not None:
            raise crash
        if not sink.ended:
            await sink.finish()


def _principal_of(ticket: Ticket) -> Principal:
    if ticket.principal is None:
        raise RuntimeError("a request without a principal was taken in")
    return ticket.principal
