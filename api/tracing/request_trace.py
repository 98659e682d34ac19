"""One request as spans: that of the server, below it one of each node, and below the node that asks models those of the
attempts, of the waits between them and of the tools that run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.api.tracing.attempt_trace import AttemptTrace
from hyperinfer.api.tracing.attributes import of_attempt, of_counting, of_exchange
from hyperinfer.api.tracing.spans import CLIENT, INTERNAL, LONGEST_TEXT, SERVER
from hyperinfer.engine import Observer
from hyperinfer.nodes.money import pico_to_usd_text
from hyperinfer.nodes.tap import AttemptTaps, Tap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from hyperinfer.api.edge.exchange import Exchange
    from hyperinfer.api.tracing.contents import RequestContents
    from hyperinfer.api.tracing.spans import Span, Trace
    from hyperinfer.engine import Counts, Failure
    from hyperinfer.formats.codec import ToolAlias
    from hyperinfer.formats.conversation import Conversation
    from hyperinfer.formats.server_tools import ToolOutcome, ToolRun
    from hyperinfer.nodes.items import Answering, Planned, Ticket
    from hyperinfer.nodes.ports import Generation
    from hyperinfer.nodes.tap import AttemptTap, WaitsFor
    from hyperinfer.nodes.tools.attached import ReadPdf
    from hyperinfer.providers.catalogue import Route

log = logging.getLogger("hyperinfer.tracing")

_ASKING: Final = ("tool_loop", "call")
"""The nodes that ask models."""


class RequestTrace(Tap, Observer):
    """Looks on at one request and makes its spans. `over`: takes the trace once the request is. `contents`: puts what
    is asked and answered onto the spans; None: nobody does."""

    def __init__(
        self,
        trace: Trace,
        ticket: Ticket,
        exchange: Exchange,
        over: Callable[[Trace], None],
        *,
        scheme: str,
        contents: RequestContents | None = None,
    ) -> None:
        self._contents = contents
        self._trace, self._ticket, self._over = trace, ticket, over
        self._root = trace.open(f"{exchange.method} {exchange.path}", SERVER, ticket.started, None)
        self._root.attributes = {**of_exchange(exchange), "url.scheme": scheme}
        self._nodes: dict[str, Span] = {}
        self._sent: dict[str, float] = {}  # when each node has done something last
        self._waiting: Span | None = None
        self._tools: dict[int, Span] = {}
        self._settling: Span | None = None

    @property
    def observer(self) -> Observer:
        """See `Tap`."""
        return self

    def end(self, status: int | None, *, left: bool) -> None:
        """The request is over: `status` was sent (None: none), or its client had `left` before the end."""
        try:
            self._end(status, left=left)
        except Exception:  # of ours: the request itself has gone well
            log.exception("the trace of %s is lost", self._ticket.request_id)

    def _end(self, status: int | None, *, left: bool) -> None:
        ticket, root = self._ticket, self._root
        now = root.end = trio.current_time()
        attributes, code, row = root.attributes, ticket.tally.error_code, ticket.row
        attributes["hyperinfer.request.id"] = ticket.request_id
        attributes["hyperinfer.format"] = ticket.format.dialect
        if ticket.principal is not None:
            attributes["hyperinfer.workspace"] = ticket.principal.workspace
            attributes["hyperinfer.key"] = ticket.principal.key_id
        if status is not None:
            attributes["http.response.status_code"] = status
        if row is not None:
            attributes["hyperinfer.model"] = row.model
            attributes["hyperinfer.status"] = row.status
            attributes["hyperinfer.cost_usd"] = pico_to_usd_text(row.cost)
        if left:
            attributes["hyperinfer.client_left"] = True
        if code is not None:
            attributes["hyperinfer.error_code"] = code
            if status is None or status >= 500 or status < 400:
                root.error = code  # what is the client's mistake is none of the server's (conventions for HTTP)
        for span in self._trace.spans:
            if span.end is None:
                span.end = now
        if self._contents is not None:
            self._trace.content_bytes = self._contents.size
        self._over(self._trace)

    # The graph: `Observer`

    def received(self, node: str, item: Any) -> None:
        """A node is there once it is handed something."""
        if node not in self._nodes and not self._trace.full:
            self._nodes[node] = span = self._trace.open(node, INTERNAL, trio.current_time(), self._root)
            span.attributes["hyperinfer.node"] = node

    def sent(self, node: str, item: Any) -> None:
        """What a node does last is what it sends."""
        self._sent[node] = trio.current_time()

    def completed(self, node: str, counts: Counts) -> None:
        """See `Observer`."""
        self._node_over(node, counts, self._sent.get(node))

    def failed(self, node: str, counts: Counts, error: BaseException) -> None:
        """See `Observer`."""
        if (span := self._node_over(node, counts, None)) is not None:
            span.error = type(error).__name__

    def stopped(self, node: str, counts: Counts) -> None:
        """See `Observer`."""
        if (span := self._node_over(node, counts, None)) is not None:
            span.attributes["hyperinfer.cut_short"] = True

    def _node_over(self, node: str, counts: Counts, end: float | None) -> Span | None:
        span = self._nodes.get(node)
        if span is not None:
            span.end = trio.current_time() if end is None else end
            span.attributes["hyperinfer.items.received"] = counts.received
            span.attributes["hyperinfer.items.sent"] = counts.sent
        return span

    # What nodes do outside: `Tap`

    def _below(self, name: str, kind: int, *nodes: str) -> Span | None:
        """A span of what one of these nodes does; below the server's where none of them is under way. None: no more are
        taken."""
        if self._trace.full:
            return None
        found = [span for node in nodes if (span := self._nodes.get(node)) is not None and span.end is None]
        return self._trace.open(name, kind, trio.current_time(), found[0] if found else self._root)

    def _asked_over(self, _: Span) -> None:
        for node in _ASKING:
            if node in self._nodes:
                self._sent[node] = trio.current_time()

    def refused(self, by: str, failure: Failure, status: int | None = None) -> None:
        """See `Tap`."""
        self._root.attributes["hyperinfer.refused_by"] = by

    def attempting(self, answering: Answering) -> AttemptTap | None:
        """See `Tap`."""
        span = self._below(f"chat {answering.route.model}", CLIENT, *_ASKING)
        if span is None:
            return None
        span.attributes = of_attempt(answering)
        return self._heard(span, answering.asked or answering.conversation, answering.aliases)

    def counting(self, item: Planned, route: Route) -> AttemptTap | None:
        """See `Tap`."""
        span = self._below(f"count_tokens {route.model}", CLIENT, "count")
        if span is None:
            return None
        span.attributes = of_counting(route, item.model.slug)
        return self._heard(span, item.asked_of(route), {})

    def _heard(self, span: Span, asked: Conversation, aliases: Mapping[str, ToolAlias]) -> AttemptTap:
        heard = AttemptTrace(span, self._asked_over)
        return heard if self._contents is None else AttemptTaps([self._contents.attempt(span, asked, aliases), heard])

    def waits(self, what: WaitsFor, seconds: float) -> None:
        """See `Tap`."""
        self._waiting = self._below(
            "wait for another attempt" if what == "pause" else "wait for a place", INTERNAL, *_ASKING
        )

    def waited(self) -> None:
        """See `Tap`."""
        if self._waiting is not None:
            self._waiting.end = trio.current_time()
            self._asked_over(self._waiting)

    def tool_started(self, run: ToolRun) -> None:
        """See `Tap`."""
        span = self._tool(run.name)
        if span is not None:
            span.attributes["gen_ai.tool.call.id"] = run.call_id[:LONGEST_TEXT]
            self._tools[id(run)] = span
            if self._contents is not None:
                self._contents.calling(span, run.input)

    def tool_ended(self, run: ToolRun, outcome: ToolOutcome | None) -> None:
        """See `Tap`."""
        span = self._tools.pop(id(run), None)
        if span is not None:
            self._tool_over(span, outcome)

    def reading(self, read: ReadPdf) -> ReadPdf:
        """See `Tap`."""

        async def reads(pdf: bytes | str) -> ToolOutcome:
            span, outcome = self._tool("pdf"), None
            if span is not None and self._contents is not None:
                self._contents.calling(span, {"url": pdf} if isinstance(pdf, str) else {"hyperinfer.bytes": len(pdf)})
            try:
                outcome = await read(pdf)
                return outcome
            finally:
                if span is not None:
                    self._tool_over(span, outcome)

        return reads

    def _tool(self, name: str) -> Span | None:
        span = self._below(f"execute_tool {name}", INTERNAL, *_ASKING)
        if span is not None:
            span.attributes |= {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": name,
                "gen_ai.tool.type": "extension",
            }
        return span

    def _tool_over(self, span: Span, outcome: ToolOutcome | None) -> None:
        span.end = trio.current_time()
        if outcome is None:
            span.attributes["hyperinfer.cut_short"] = True
        else:
            span.error = outcome.error
            if self._contents is not None:
                self._contents.called(span, outcome)
        self._asked_over(span)

    def settling(self, row: Generation) -> None:
        """See `Tap`."""
        self._settling = self._below("settlement", INTERNAL, "settle")

    def settled(self, row: Generation, *, in_time: bool) -> None:
        """See `Tap`."""
        if self._settling is not None:
            self._settling.end = trio.current_time()
            self._settling.attributes["hyperinfer.status"] = row.status
            if not in_time:
                self._settling.error = "not_recorded"
