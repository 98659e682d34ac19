"""The three POST routes: one HTTP exchange through one pipeline.

What happens here is what needs the connection: method, media type, key, body, disconnect, and the last word when a
pipeline crashes. Everything else is a node.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.client_key import key_of
from hyperinfer.api.edge.exchange import BodyTooLarge, ClientGone, Exchange, SlowBody
from hyperinfer.api.media_type import is_json
from hyperinfer.engine import Drain, DrainingError, Failure, run
from hyperinfer.formats import FORMATS
from hyperinfer.formats.errors import ErrorReport
from hyperinfer.nodes.items import Head, HeaderList, Incoming, Output, Ticket
from hyperinfer.nodes.reply_writer import identity_headers
from hyperinfer.nodes.settlement import Settlement, stream_error

if TYPE_CHECKING:
    from hyperinfer.api.edge.dispatch import Handler
    from hyperinfer.api.ids import RequestIds
    from hyperinfer.api.pipelines import Pipelines
    from hyperinfer.formats.codec import Format
    from hyperinfer.nodes.ports import Accounts, Principal

log = logging.getLogger("hyperinfer.requests")

ROUTES = {
    "/api/v1/chat/completions": FORMATS["openai_chat"],
    "/api/v1/responses": FORMATS["openai_responses"],
    "/api/v1/messages": FORMATS["anthropic_messages"],
}
"""Path to client format (contract)."""

_STREAMED = re.compile(rb'"stream"\s*:\s*true')


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlane:
    """The parts that a request needs. `body_limit`: bytes. `now`: unix seconds."""

    accounts: Accounts
    settlement: Settlement
    pipelines: Pipelines
    ids: RequestIds
    drain: Drain
    body_limit: Callable[[], int]
    now: Callable[[], float]

    def route(self, path: str) -> Handler | None:
        """The handler of a path, None when it is not one of these routes."""
        format = ROUTES.get(path)
        return partial(self.handle, format) if format is not None else None

    async def handle(self, format: Format, exchange: Exchange) -> None:
        """One exchange. Nothing that a client or an upstream does leaves it as an exception."""
        ticket = Ticket(
            request_id=self.ids.next(), format=format, created=int(self.now()), started=trio.current_time()
        )
        sink = ExchangeSink(exchange)
        try:
            async with self.drain.admitted():
                await self._serve(exchange, ticket, sink)
        except DrainingError:
            await sink.refuse(
                ticket, Failure("provider_overloaded", "The gateway is shutting down.", retry_after=1.0)
            )
        except ClientGone:
            log.info("%s the client left", ticket.request_id)
        except Exception:
            log.exception("%s crashed", ticket.request_id)
            await sink.crashed(ticket)

    async def _serve(self, exchange: Exchange, ticket: Ticket, sink: ExchangeSink) -> None:
        if exchange.method != "POST":
            message = f"{exchange.method} is not possible here; use POST."
            await sink.refuse(ticket, Failure("invalid_request", message), status=405, headers=(("allow", "POST"),))
            return
        headers = _first_values(exchange)
        principal = await self._principal(headers)
        if isinstance(principal, Failure):
            await sink.refuse(ticket, principal)
            return
        if not is_json(headers.get("content-type", "")):
            message = "The body must be JSON, with the header Content-Type: application/json."
            await sink.refuse(ticket, Failure("invalid_request", message))
            return
        if headers.get("content-encoding", "identity").lower() != "identity":
            await sink.refuse(ticket, Failure("invalid_request", "The body must not be compressed."))
            return
        limit = self.body_limit()
        try:
            body = await exchange.read_body(limit)
        except BodyTooLarge:
            message = f"The body is larger than {limit // (1024 * 1024)} MB."
            await sink.refuse(ticket, Failure("payload_too_large", message))
            return
        except SlowBody:
            await sink.refuse(ticket, Failure("invalid_request", "The body did not come in time."))
            return
        ticket.principal = principal
        ticket.body_size = len(body)
        ticket.strict = headers.get("x-hyperinfer-strict", "").lower() == "true"
        ticket.upstream_headers = tuple(
            (name, headers[name]) for name in ("anthropic-version", "anthropic-beta") if name in headers
        )
        await self._run(exchange, Incoming(ticket, body), sink)

    async def _principal(self, headers: dict[str, str]) -> Principal | Failure:
        secret = key_of(headers)
        if secret is None:
            message = "No API key: send Authorization: Bearer hi-… or x-api-key: hi-…."
            return Failure("invalid_api_key", message)
        return await self.accounts.authenticate(hashlib.sha256(secret.encode()).digest())

    async def _run(self, exchange: Exchange, incoming: Incoming, sink: ExchangeSink) -> None:
        streamed = _STREAMED.search(incoming.body) is not None
        graph = self.pipelines.stream if streamed else self.pipelines.whole
        gone = False

        async def watch() -> None:
            nonlocal gone
            await exchange.wait_disconnect()
            gone = True
            nursery.cancel_scope.cancel()

        crash: Exception | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch)
                try:
                    await run(graph, (incoming,), sink)
                except Exception as error:  # told by `handle`, outside of the nursery's group
                    crash = error
                nursery.cancel_scope.cancel()
        finally:
            await self.settlement.close(incoming.ticket)
        if crash is not None:
            raise crash
        if gone and not sink.ended:
            raise ClientGone("the client left")


def _first_values(exchange: Exchange) -> dict[str, str]:
    """Header values by lower-case name; repeated ones are joined with commas (RFC 9110, 5.3)."""
    values: dict[str, str] = {}
    for raw_name, raw_value in exchange.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


class ExchangeSink:
    """Writes a pipeline's output to an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._head_sent = False
        self.ended = False

    async def send(self, item: Output) -> None:
        """One head or chunk. A client that is gone ends what is upstream."""
        try:
            if isinstance(item, Head):
                self._head_sent = True
                await self._exchange.send_head(item.status, _encoded(item.headers))
            elif item.last:
                self.ended = True
                await self._exchange.send_last(item.data)
            else:
                await self._exchange.send_body(item.data)
        except ClientGone as error:
            raise trio.BrokenResourceError("the client left") from error

    async def refuse(
        self, ticket: Ticket, failure: Failure, *, status: int | None = None, headers: HeaderList = ()
    ) -> None:
        """A whole error response for a request that no pipeline has seen."""
        report = ErrorReport(
            failure.code,
            failure.message,
            ticket.request_id,
            param=failure.param,
            status=status,
            details=dict(failure.details) or None,
        )
        body = ticket.format.encode_error(report)
        fields = [("content-type", "application/json"), ("content-length", str(len(body))), *identity_headers(ticket)]
        if failure.retry_after is not None:
            fields.append(("retry-after", str(max(1, round(failure.retry_after + 0.499)))))
        self._head_sent = self.ended = True
        await self._exchange.send_head(report.http_status, _encoded((*fields, *headers)))
        await self._exchange.send_last(body)

    async def crashed(self, ticket: Ticket) -> None:
        """The end of a response whose pipeline had a bug: an error where that is still possible."""
        if self.ended:
            return
        try:
            if not self._head_sent:
                await self.refuse(
                    ticket, Failure("internal_error", "The gateway made a mistake; it has been logged.")
                )
                return
            report = ErrorReport(
                "internal_error", "The gateway made a mistake; it has been logged.", ticket.request_id
            )
            self.ended = True
            await self._exchange.send_last(stream_error(ticket, report))
        except ClientGone:
            return


def _encoded(headers: HeaderList) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers]
