"""The span of one attempt at a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from hyperinfer.api.tracing.attributes import of_usage
from hyperinfer.api.tracing.spans import LONGEST_TEXT
from hyperinfer.formats import events as ev
from hyperinfer.nodes.tap import AttemptTap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperinfer.api.tracing.spans import Span
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.formats.usage import Usage


class AttemptTrace(AttemptTap):
    """Fills it. `over`: told that it has ended."""

    def __init__(self, span: Span, over: Callable[[Span], None]) -> None:
        self._span, self._over = span, over
        self._usage: Usage | None = None
        self._stops: dict[int, str] = {}
        self._begun = False

    def head(self, status: int, connected: float | None) -> None:
        """See the port."""
        span = self._span
        span.attributes["http.response.status_code"] = status
        if connected is not None:
            fresh = connected >= span.start
            span.attributes["hyperinfer.connection.reused"] = not fresh
            if fresh:
                span.events.append((connected, "hyperinfer.connected"))
        span.events.append((trio.current_time(), "hyperinfer.response_head"))

    def output(self) -> None:
        """See the port."""
        now, span = trio.current_time(), self._span
        span.events.append((now, "hyperinfer.first_output"))
        if "gen_ai.request.stream" in span.attributes:
            span.attributes["gen_ai.response.time_to_first_chunk"] = now - span.start

    def heard(self, events: Sequence[Event]) -> None:
        """See the port. What is looked for stands in the first burst, and in such as end with it."""
        if self._begun and type(events[-1]) not in (ev.UsageUpdate, ev.MessageEnd, ev.ChoiceEnd):
            return
        self._begun = True
        for event in events:
            if isinstance(event, ev.MessageStart):
                self._usage = event.usage
                if event.id:
                    self._span.attributes["gen_ai.response.id"] = event.id[:LONGEST_TEXT]
                if event.model:
                    self._span.attributes["gen_ai.response.model"] = event.model[:LONGEST_TEXT]
            elif isinstance(event, ev.UsageUpdate):
                self._usage = event.usage
            elif isinstance(event, ev.MessageEnd | ev.ChoiceEnd):
                self._stops[event.choice] = event.stop

    def counted(self, tokens: int) -> None:
        """See the port."""
        self._span.attributes["gen_ai.usage.input_tokens"] = tokens

    def ended(self, fault: UpstreamFault | None, *, complete: bool) -> None:
        """See the port."""
        span = self._span
        span.end = trio.current_time()
        if self._usage is not None:
            span.attributes |= of_usage(self._usage)
        if self._stops:
            span.attributes["gen_ai.response.finish_reasons"] = [self._stops[choice] for choice in sorted(self._stops)]
        if fault is not None:
            span.error = fault.code
            if fault.deadline is not None:
                span.attributes["hyperinfer.deadline"] = fault.deadline
        elif not complete:
            span.attributes["hyperinfer.cut_short"] = True
        self._over(span)
