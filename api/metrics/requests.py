"""What is counted of a request when it is over. Once a request, so it looks things up twice and adds the rest."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from hyperinfer.api.request_line import outcome
from hyperinfer.formats.errors import CODES
from hyperinfer.nodes.measures import BETWEEN, LONG, Histogram
from hyperinfer.nodes.money import PICO_PER_USD

if TYPE_CHECKING:
    from collections.abc import Hashable

    from hyperinfer.api.metrics.numbers import Told
    from hyperinfer.nodes.items import Ticket
    from hyperinfer.nodes.ports import Attempt, Generation

NONE: Final = "none"
"""The label where there is no such thing: no model, no status."""

OTHER: Final = "other"
"""The label of what was one too many, or no word of ours."""

MOST_ROUTES: Final = 1000
"""Models with their providers that have series of their own, over all catalogues since the start."""

_MOST_KINDS: Final = 10 * MOST_ROUTES

_TOLD_APART: Final = 16
"""Output tokens from which on the time of one is worth telling."""

_CLASSES: Final = {None: NONE, 2: "2xx", 4: "4xx", 5: "5xx"}


class _Route:
    """A model, as one provider serves it."""

    __slots__ = (
        "cached", "completion", "cost", "durations", "first", "model", "per_token", "prompt", "provider", "reasoning",
        "written",
    )  # fmt: skip

    def __init__(self, model: str, provider: str) -> None:
        self.model, self.provider = model, provider
        self.prompt = self.cached = self.written = self.completion = self.reasoning = 0
        self.cost = 0  # pico-USD
        self.durations = (Histogram(LONG), Histogram(LONG))  # whole, streamed
        self.first, self.per_token = Histogram(LONG), Histogram(BETWEEN)

    def stream(self, row: Generation, seconds: float) -> None:
        """What there is to say of a stream alone."""
        if row.first_token_ms is not None:
            first = row.first_token_ms / 1000
            self.first.add(first)
            if row.tokens_completion >= _TOLD_APART:
                self.per_token.add((seconds - first) / (row.tokens_completion - 1))

    def tell(self, told: Told) -> None:
        labels = self.model, self.provider
        kinds = ("prompt", "cached", "cache_write", "completion", "reasoning")
        for kind, tokens in zip(
            kinds, (self.prompt, self.cached, self.written, self.completion, self.reasoning), strict=True
        ):
            told.value("hyperinfer_tokens_total", tokens, *labels, kind)
        told.value("hyperinfer_cost_usd_total", self.cost / PICO_PER_USD, *labels)
        for streamed, durations in zip(("false", "true"), self.durations, strict=True):
            if durations.sum or any(durations.counts):
                told.histogram("hyperinfer_request_duration_seconds", durations, *labels, streamed)
        told.histogram("hyperinfer_first_token_seconds", self.first, *labels)
        told.histogram("hyperinfer_output_token_seconds", self.per_token, *labels)


class _Kind:
    """Requests alike in all labels."""

    __slots__ = ("count", "labels", "route")

    def __init__(self, labels: tuple[str, ...], route: _Route | None) -> None:
        self.labels, self.route = labels, route
        self.count = 0


class _Served:
    """Attempts at a route that went well. `whole`: the seconds of those that were not streamed, of the whole provider."""

    __slots__ = ("count", "whole")

    def __init__(self, whole: Histogram) -> None:
        self.count, self.whole = 0, whole


class RequestMetrics:
    """Of one worker. `whole`: by provider, the seconds of replies that were not streamed."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[Hashable, ...], _Kind] = {}
        self._routes: dict[tuple[str, str], _Route] = {}
        self._errors: dict[tuple[str, ...], int] = {}
        self._deadlines: dict[tuple[str, ...], int] = {}
        self.whole: dict[str, Histogram] = {}
        self._served: dict[tuple[str, str], _Served] = {}
        self._attempts: dict[tuple[str, ...], int] = {}  # those that did not go well
        self._retries: dict[tuple[str, ...], int] = {}
        self._losses: dict[tuple[str, ...], int] = {}
        self._unbilled: dict[str, int] = {}
        self._left = 0

    def over(self, ticket: Ticket, http: int | None, left: bool) -> None:
        """A request is over: what was sent, and whether its client had left."""
        row, format = ticket.row, ticket.format.dialect
        if row is None:
            key: tuple[Hashable, ...] = (format, http, outcome(ticket, left=left))
        else:
            key = (format, http, row.status, row.model, row.provider, row.streamed)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kind(key, format, http, row, ticket, left=left)
        kind.count += 1
        route = kind.route
        if row is not None and route is not None:
            cached, written, reasoning = row.tokens_cached_prompt, row.tokens_cache_write, row.tokens_reasoning
            if cached or written:
                route.cached += cached
                route.written += written
            route.prompt += row.tokens_prompt - cached - written
            route.completion += row.tokens_completion - reasoning
            route.reasoning += reasoning
            route.cost += row.cost
            seconds, durations = row.latency_ms / 1000, route.durations[row.streamed]
            durations.counts[bisect_left(LONG, seconds)] += 1
            durations.sum += seconds
            if row.streamed:
                route.stream(row, seconds)
            if row.losses:
                self._add(self._losses, format, route.provider, by=len(row.losses))
        attempts = ticket.attempts
        for place, attempt in enumerate(attempts):
            if attempt.code is None and attempt.status is not None:
                tried = self._served.get((attempt.provider, attempt.model)) or self._serving(attempt)
                tried.count += 1
                if row is not None and not row.streamed:
                    whole, seconds = tried.whole, attempt.ms / 1000
                    whole.counts[bisect_left(LONG, seconds)] += 1
                    whole.sum += seconds
            else:
                self._failed(attempt, attempts[place + 1 : place + 2])
        code = ticket.tally.error_code
        if code is not None:
            provider = NONE if route is None else route.provider
            self._add(self._errors, format, provider, code if code in CODES else OTHER)
            if http == 408:
                self.deadline("body")
        if left:
            self._left += 1

    def deadline(self, cause: str, provider: str = NONE, by: int = 1) -> None:
        """One of ours ran out."""
        self._add(self._deadlines, cause, provider, by=by)

    def _kind(
        self,
        key: tuple[Hashable, ...],
        format: str,
        http: int | None,
        row: Generation | None,
        ticket: Ticket,
        *,
        left: bool,
    ) -> _Kind:
        """Made when the first of its kind is over."""
        route = None if row is None else self._route(row.model, row.provider)
        status = _CLASSES.get(http if http is None else http // 100, OTHER)
        if row is None or route is None:
            labels = (format, NONE, NONE, NONE, status, outcome(ticket, left=left))
        else:
            labels = (format, route.model, route.provider, "true" if row.streamed else "false", status, row.status)
        if len(self._kinds) >= _MOST_KINDS:
            key = labels  # of which there are fewer
        return self._kinds.setdefault(key, _Kind(labels, route))

    def _route(self, model: str, provider: str) -> _Route:
        if (model, provider) not in self._routes and len(self._routes) >= MOST_ROUTES:
            model = provider = OTHER
        route = self._routes.get((model, provider))
        if route is None:
            route = self._routes[model, provider] = _Route(model, provider)
        return route

    def _serving(self, attempt: Attempt) -> _Served:
        """Made with the first of them."""
        provider, model = attempt.provider, attempt.model
        if len(self._served) >= MOST_ROUTES:
            provider = model = OTHER
        whole = self.whole.setdefault(provider, Histogram(LONG))
        return self._served.setdefault((provider, model), _Served(whole))

    def _failed(self, attempt: Attempt, after: list[Attempt]) -> None:
        """One that did not go well, and the one that came after it."""
        code = "left" if attempt.code is None else attempt.code if attempt.code in CODES else OTHER
        self._add(self._attempts, attempt.provider, attempt.model, code)
        if attempt.deadline is not None:
            self.deadline(attempt.deadline, attempt.provider)
        if attempt.unbilled:
            self._unbilled[attempt.provider] = self._unbilled.get(attempt.provider, 0) + attempt.unbilled
        if attempt.code is not None and after:
            same = (after[0].provider, after[0].model) == (attempt.provider, attempt.model)
            self._add(self._retries, attempt.provider, code, "retry" if same else "failover")

    @staticmethod
    def _add(counts: dict[tuple[str, ...], int], *labels: str, by: int = 1) -> None:
        if labels not in counts and len(counts) >= MOST_ROUTES:
            labels = (OTHER,) * len(labels)
        counts[labels] = counts.get(labels, 0) + by

    def tell(self, told: Told) -> None:
        """All of it."""
        requests: dict[tuple[str, ...], int] = {}
        for kind in self._kinds.values():  # several statuses are of one class, several routes may be the others
            requests[kind.labels] = requests.get(kind.labels, 0) + kind.count
        told.values("hyperinfer_requests_total", requests)
        for route in self._routes.values():
            route.tell(told)
        told.values("hyperinfer_request_errors_total", self._errors)
        told.values("hyperinfer_deadlines_total", self._deadlines)
        told.values("hyperinfer_upstream_attempts_total", self._attempts)
        for (provider, model), served in self._served.items():
            told.value("hyperinfer_upstream_attempts_total", served.count, provider, model, "ok")
        told.values("hyperinfer_upstream_retries_total", self._retries)
        told.values("hyperinfer_losses_total", self._losses)
        for provider, pico in self._unbilled.items():
            told.value("hyperinfer_unbilled_cost_usd_total", pico / PICO_PER_USD, provider)
        told.value("hyperinfer_clients_left_total", self._left)
