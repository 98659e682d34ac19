"""What is counted of requests: as much as their rows say, under labels of the catalogue and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import trio

from hyperinfer.api.metrics.families import FAMILIES
from hyperinfer.api.metrics.numbers import Numbers, Told
from hyperinfer.api.metrics.requests import MOST_ROUTES, OTHER, RequestMetrics
from hyperinfer.formats import FORMATS
from hyperinfer.nodes.items import Ticket
from hyperinfer.nodes.ports import Attempt
from hyperinfer.nodes.settlement import SETTLE_SECONDS
from tests.support.bench import Bench, asked, bench, catalogue
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import NEVER, Script

FRAMES, WHOLE = STREAMS["openai_chat"], WHOLES["openai_chat"]
DOWN = Script(status=503, pieces=[(0.0, b"{}")])


def numbers(gateway: Bench) -> Numbers:
    told = Told()
    gateway.data_plane.metrics.tell(told)
    return told.numbers


def counts(told: Numbers, name: str) -> dict[tuple[str, ...], Any]:
    """By the labels, in the order of the family; histograms as how many values they have."""
    found = {tuple(labels): value for labels, value in told.get(f"hyperinfer_{name}", [])}
    assert all(len(labels) == len(FAMILIES[f"hyperinfer_{name}"].labels) for labels in found)
    return {labels: sum(value[0]) if isinstance(value, tuple) else value for labels, value in found.items()}


async def test_as_much_as_the_row_says(autojump_clock: object) -> None:
    async with bench(
        Script([(1.5, WHOLE)]), Script([(0.75, FRAMES[0] + FRAMES[1]), (2.0, b"".join(FRAMES[2:]))])
    ) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=False)
        await gateway.ask("anthropic_messages", "openai_chat", stream=True)
        told, rows = numbers(gateway), [row for _, row in gateway.store.settlements]
        measures = gateway.measures
    route = "test/openai_chat", "openai_chat"
    assert counts(told, "requests_total") == {
        ("openai_chat", *route, "false", "2xx", "completed"): 1,
        ("anthropic_messages", *route, "true", "2xx", "completed"): 1,
    }
    kinds = {labels[-1]: value for labels, value in counts(told, "tokens_total").items()}
    assert kinds["prompt"] + kinds["cached"] + kinds["cache_write"] == sum(row.tokens_prompt for row in rows)
    assert kinds["completion"] + kinds["reasoning"] == sum(row.tokens_completion for row in rows) > 0
    assert counts(told, "cost_usd_total")[route] * 10**12 == pytest.approx(sum(row.cost for row in rows))
    (durations,) = [value for labels, value in told["hyperinfer_request_duration_seconds"] if labels[-1] == "true"]
    assert isinstance(durations, tuple)
    assert durations[0] == [0, 0, 0, 0, 0, 0, 1, *[0] * 10], "of 2.5 to 5 s"
    assert durations[1] == pytest.approx(2.75)
    assert counts(told, "first_token_seconds") == {route: 1}
    assert counts(told, "upstream_attempts_total") == {("openai_chat", "up", "ok"): 2}
    assert counts(told, "request_errors_total") == {}
    assert sum(measures.gaps.counts) == 1
    assert measures.gaps.sum == pytest.approx(2.0)
    times = measures.of("openai_chat")
    both = times.whole.plus(gateway.data_plane.metrics.whole["openai_chat"])
    assert (sum(times.first_byte.counts), sum(both.counts)) == (1, 2)
    assert both.sum == pytest.approx(1.5 + 2.75)


async def test_what_did_not_go_well(autojump_clock: object) -> None:
    hangs = Script([(0.0, FRAMES[0] + FRAMES[1]), NEVER])
    timeouts = "timeouts: {idle: 7}"
    async with bench(DOWN, DOWN, Script([(0.0, WHOLE)]), hangs, catalogue=catalogue(timeouts)) as gateway:
        await gateway.ask("openai_chat", "twice", stream=False)
        await gateway.ask("openai_chat", "openai_chat", stream=True)
        await gateway.send("openai_chat", b"{}", {"authorization": "Bearer hi-wrong-key"})
        await gateway.ask("openai_chat", "no such model; rm -rf", stream=False)
        told = numbers(gateway)
    assert counts(told, "upstream_retries_total") == {
        ("openai_chat", "provider_overloaded", "failover"): 1,
        ("second", "provider_overloaded", "failover"): 1,
    }
    attempts = counts(told, "upstream_attempts_total")
    assert attempts["openai_chat", "up", "provider_overloaded"] == attempts["second", "up2", "provider_overloaded"] == 1
    assert counts(told, "deadlines_total") == {("idle", "openai_chat"): 1}
    assert counts(told, "request_errors_total") == {
        ("openai_chat", "openai_chat", "provider_timeout"): 1,
        ("openai_chat", "none", "invalid_api_key"): 1,
        ("openai_chat", "none", "invalid_request"): 1,
    }
    refused = {labels[4:]: value for labels, value in counts(told, "requests_total").items() if labels[1] == "none"}
    assert refused == {("4xx", "refused"): 2}
    assert "rm -rf" not in str(told)


async def test_a_client_that_leaves(autojump_clock: object) -> None:
    async with bench(Script([(1.0, FRAMES[0]), NEVER])) as gateway:
        await gateway.ask("openai_chat", "openai_chat", stream=True, leaves_at=3.0)
        told = numbers(gateway)
    assert counts(told, "clients_left_total") == {(): 1}
    ((labels, value),) = counts(told, "requests_total").items()
    assert (labels[-1], value) == ("cancelled", 1)


async def test_a_client_that_takes_its_time_holds_its_channel(autojump_clock: object) -> None:
    script = Script([(0.0, FRAMES[0] + FRAMES[1]), *((1.0, frame) for frame in FRAMES[2:])])
    async with bench(script) as gateway, trio.open_nursery() as nursery:
        measures, held = gateway.measures, Counter[int]()

        async def look() -> None:
            while True:
                held[measures.held_up] += 1
                await trio.sleep(0.5)

        nursery.start_soon(look)
        await gateway.send("openai_chat", asked("openai_chat", "openai_chat", stream=True), writing=4.0)
        nursery.cancel_scope.cancel()
    assert measures.held_up == 0
    assert set(held) == {0, 1}
    assert measures.waits >= 1
    assert measures.waited >= 3.0


async def test_how_long_settlements_took(autojump_clock: object) -> None:
    async with bench(Script([(0.0, WHOLE)]), Script([(0.0, WHOLE)])) as gateway:
        settlement = gateway.data_plane.settlement
        settlement._clock = trio.current_time  # pyright: ignore[reportPrivateUsage]
        for seconds in (0.3, SETTLE_SECONDS + 1):
            gateway.store.settling = seconds
            await gateway.ask("openai_chat", "openai_chat", stream=False)
        assert (sum(settlement.seconds.counts), settlement.late) == (1, 1)
        assert settlement.seconds.sum == pytest.approx(0.3)
        await trio.sleep(1)


def ticket_of(provider: str, **attempt: Any) -> Ticket:
    ticket = Ticket(request_id="r", format=FORMATS["openai_chat"], created=0.0, started=0.0)
    fields: dict[str, Any] = {"model": "up", "status": 500, "code": "provider_unavailable", "ms": 1, **attempt}
    ticket.attempts = [Attempt(provider=provider, **fields), Attempt(provider=provider, **fields)]
    ticket.tally.error_code = "of a node of mine"
    return ticket


def test_the_number_of_series_is_bounded() -> None:
    metrics = RequestMetrics()
    for number in range(MOST_ROUTES + 50):
        metrics.over(ticket_of(f"provider {number}", unbilled=5), 500, left=False)
    told = Told()
    metrics.tell(told)
    attempts = counts(told.numbers, "upstream_attempts_total")
    assert len(attempts) <= MOST_ROUTES + 1
    assert sum(attempts.values()) == 2 * (MOST_ROUTES + 50)
    assert attempts[OTHER, OTHER, OTHER] == 100
    assert counts(told.numbers, "request_errors_total") == {("openai_chat", "none", OTHER): MOST_ROUTES + 50}, (
        "no word of ours"
    )


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_no_label_is_of_a_person(family: Any) -> None:
    assert not {"key", "workspace", "user", "request_id", "address", "client"} & set(family.labels)
