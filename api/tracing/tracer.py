"""Decides which requests are traced, and begins with them."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Protocol

from hyperinfer.api.tracing.request_trace import RequestTrace
from hyperinfer.api.tracing.spans import Trace
from hyperinfer.api.tracing.trace_context import parent_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperinfer.api.edge.exchange import Exchange
    from hyperinfer.api.tracing.contents import Contents
    from hyperinfer.api.tracing.sampling import Sampler
    from hyperinfer.nodes.items import Ticket

log = logging.getLogger("hyperinfer.tracing")


class Traces(Protocol):
    """Where traces go (`exporter.Exporter`)."""

    def take(self, trace: Trace) -> None:
        """One that is complete."""
        ...


class Tracer:
    """For the requests of one worker. `traces`: takes them. `scheme`: by which clients come. `entropy`: that many random
    bytes. `contents`: puts what is asked and answered onto the spans; None: it is in none."""

    def __init__(
        self,
        sampler: Sampler,
        traces: Traces,
        *,
        scheme: str = "http",
        entropy: Callable[[int], bytes] = os.urandom,
        contents: Contents | None = None,
    ) -> None:
        self._contents = contents
        self._sampler, self.traces, self._scheme, self._entropy = sampler, traces, scheme, entropy

    def begin(self, ticket: Ticket, exchange: Exchange) -> RequestTrace | None:
        """Looks on at a request from here on, and says so on its ticket; None where it is not traced. Its log lines have the
        id of the trace all the same, where the client has given one. Whoever calls `end`s what this gives."""
        try:
            return self._begin(ticket, exchange)
        except Exception:  # of ours: no reason to refuse anybody
            log.exception("%s is not traced", ticket.request_id)
            return None

    def _begin(self, ticket: Ticket, exchange: Exchange) -> RequestTrace | None:
        parent = parent_of(exchange.headers)
        chance = self._entropy(24)
        trace_id = chance[:16] if parent is None else parent.trace_id
        if not self._sampler.samples(trace_id, parent):
            ticket.trace_id = None if parent is None else trace_id.hex()
            return None
        ticket.trace_id = trace_id.hex()
        trace = Trace(
            trace_id,
            chance[16:],
            unix=ticket.created,
            started=ticket.started,
            parent=b"" if parent is None else parent.span_id,
            state="" if parent is None else parent.state,
        )
        contents = None if self._contents is None else self._contents.of(exchange)
        looking = RequestTrace(trace, ticket, exchange, self.traces.take, scheme=self._scheme, contents=contents)
        ticket.add_tap(looking)
        return looking
