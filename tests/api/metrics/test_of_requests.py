"""What is counted of one request, from what its ticket says; and that nothing of it grows without bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from hyperinfer.api.metrics.numbers import Numbers, Told
from hyperinfer.api.metrics.requests import MOST_ROUTES, OTHER, RequestMetrics
from hyperinfer.formats import FORMATS
from hyperinfer.nodes.items import Ticket
from hyperinfer.nodes.ports import Attempt, Generation, LossRecord
from tests.api.store.samples import a_generation

ROW = msgspec.structs.replace(
    a_generation("r", "ws"), model="a/b", provider="p", losses=(), tokens_cached_prompt=0, tokens_cache_write=0
)


@dataclass
class Counted:
    """`over`: counts a request."""

    metrics: RequestMetrics = field(default_factory=RequestMetrics)

    def over(
        self, row: Generation | None = None, http: int | None = 200, *attempts: Attempt, error: str | None = None
    ) -> None:
        ticket = Ticket(request_id="r", format=FORMATS["openai_chat"], created=0.0, started=0.0)
        ticket.row, ticket.attempts, ticket.tally.error_code = row, list(attempts), error
        self.metrics.over(ticket, http, left=False)

    def told(self) -> Numbers:
        told = Told()
        self.metrics.tell(told)
        return told.numbers

    def values(self, name: str) -> dict[tuple[str, ...], Any]:
        return {tuple(labels): value for labels, value in self.told().get(f"hyperinfer_{name}", [])}


def row(**changes: Any) -> Generation:
    return msgspec.structs.replace(ROW, **changes)


def failed(provider: str, code: str, **more: Any) -> Attempt:
    return Attempt(provider=provider, model="m", status=500, code=code, ms=1, **more)


def test_each_token_is_of_one_kind() -> None:
    counted = Counted()
    tokens = {"tokens_prompt": 100, "tokens_cached_prompt": 60, "tokens_cache_write": 30}
    for _ in range(2):
        counted.over(row(**tokens, tokens_completion=50, tokens_reasoning=20))
    assert {labels[-1]: value for labels, value in counted.values("tokens_total").items()} == {
        "prompt": 20,
        "cached": 120,
        "cache_write": 60,
        "completion": 60,
        "reasoning": 40,
    }


@pytest.mark.parametrize(("tokens", "values", "seconds"), [(15, 0, 0.0), (16, 1, 0.2), (31, 1, 0.1)])
def test_the_time_of_a_token(tokens: int, values: int, seconds: float) -> None:
    """Of the stream from its first output, so the first token is none of it; of a few it would say nothing."""
    counted = Counted()
    counted.over(row(streamed=True, latency_ms=4000, first_token_ms=1000, tokens_completion=tokens, tokens_reasoning=0))
    counts, total = counted.values("output_token_seconds")["a/b", "p"]
    assert (sum(counts), total) == (values, pytest.approx(seconds))


def test_losses_are_counted_one_by_one() -> None:
    counted = Counted()
    counted.over(row(losses=(LossRecord("seed", "no"), LossRecord("logit_bias", "no"))))
    counted.over(row(losses=(LossRecord("seed", "no"),)))
    assert counted.values("losses_total") == {("openai_chat", "p"): 3}


def test_another_attempt_is_a_retry_or_a_failover() -> None:
    counted = Counted()
    served = Attempt(provider="q", model="m", status=200, code=None, ms=1)
    first, again = (failed("p", "provider_overloaded", unbilled=pico) for pico in (3 * 10**12, None))
    counted.over(row(provider="q"), 200, first, again, served)
    assert counted.values("upstream_retries_total") == {
        ("p", "provider_overloaded", "retry"): 1,
        ("p", "provider_overloaded", "failover"): 1,
    }
    assert counted.values("unbilled_cost_usd_total") == {("p",): 3.0}


def test_deadlines_are_told_by_whose_they_are() -> None:
    counted = Counted()
    counted.over(None, 408, error="invalid_request")
    counted.over(row(), 504, failed("p", "provider_timeout", deadline="connect"), error="provider_timeout")
    assert counted.values("deadlines_total") == {("body", "none"): 1, ("connect", "p"): 1}


def test_models_without_end_are_counted_together() -> None:
    counted = Counted()
    for number in range(MOST_ROUTES + 50):
        served = Attempt(provider=f"p{number}", model="m", status=200, code=None, ms=1)
        counted.over(row(model=f"a/{number}", provider=f"p{number}", streamed=False, cost=10**12), 200, served)
    for name in ("requests_total", "cost_usd_total", "upstream_attempts_total"):
        values = counted.values(name)
        assert len(values) == MOST_ROUTES + 1, name
        assert sum(values.values()) == MOST_ROUTES + 50, name
    assert counted.values("cost_usd_total")[OTHER, OTHER] == 50
    assert len(counted.metrics.whole) == MOST_ROUTES + 1


def test_statuses_without_end_are_remembered_by_their_class() -> None:
    """Ten times as many kinds of requests as routes are told apart; then those that have the same labels are one."""
    counted = Counted()
    for number in range(MOST_ROUTES):
        for http in range(200, 212):
            counted.over(row(model=f"a/{number}"), http)
    assert len(counted.metrics._kinds) <= 11 * MOST_ROUTES  # pyright: ignore[reportPrivateUsage]
    assert sum(counted.values("requests_total").values()) == 12 * MOST_ROUTES
    assert len(counted.values("requests_total")) == MOST_ROUTES
