"""Who serves a request, through the whole gateway, in all three formats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from hyperinfer.api.store.records import KeyTerms
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes.admit import CHARACTERS_PER_TOKEN
from tests.nodes.envelopes import check_error
from tests.nodes.test_retries import bad, good
from tests.support.bench import DIALECTS, asked, bench
from tests.support.judge import breaches
from tests.support.replies import STREAMS, text_of
from tests.support.routed import routed
from tests.support.tool_rounds import ScriptedTool, call, found, switched_on, text, tooling, upstream
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.engine import Failure
    from hyperinfer.formats import Dialect
    from hyperinfer.nodes.ports import Admission
    from tests.support.bench import Bench
    from tests.support.exchanges import ScriptedExchange

CATALOGUE = routed()
ANSWER = good("openai_chat", stream=False)
TEXT = "hi"


def served_by(gateway: Bench) -> list[str]:
    """The hosts that were asked, in order."""
    return [(urlsplit(played.url).hostname or "").removesuffix(".test") for played in gateway.transport.played]


def param(exchange: ScriptedExchange) -> Any:
    return json.loads(exchange.sent)["error"].get("param")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("model", "provider", "host"),
    [
        ("order", {}, "one"),
        ("price", {}, "two"),
        ("order", {"order": ["three"]}, "three"),
        ("order", {"order": ["unheard", "TWO"]}, "two"),
        ("order", {"only": ["three", "nowhere"]}, "three"),
        ("order", {"ignore": ["one", "two/eu"]}, "three"),
        ("order", {"sort": "price"}, "two"),
        ("order", {"sort": {"by": "price", "partition": "model"}, "ignore": ["two"]}, "one"),
        ("price", {"data_collection": "deny"}, "one"),
        ("price", {"locations": ["US", "EU"], "ignore": ["two", "one"]}, "three"),
        ("price", {"locations": ["EU"], "ignore": ["two"]}, "one"),
        ("price", {"max_price": {"completion": 1.0}}, "three"),
        ("order:floor", {}, "two"),
    ],
)
async def test_a_request_goes_where_it_wants(
    dialect: Dialect, model: str, provider: dict[str, Any], host: str, autojump_clock: object
) -> None:
    async with bench(ANSWER, catalogue=CATALOGUE) as gateway:
        exchange = await gateway.ask(dialect, model, stream=False, provider=provider)
        assert (exchange.status, served_by(gateway)) == (200, [host])
        assert b"provider" not in gateway.transport.played[0].body
        assert gateway.row.provider.removesuffix("/eu") == host
        assert json.loads(exchange.sent)["model"] == gateway.row.model == f"test/{model.partition(':')[0]}"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ({"only": ["unheard"]}, "provider.only"),
        ({"ignore": ["one", "two", "three", "nowhere"]}, "provider.ignore"),
        ({"order": ["unheard"], "allow_fallbacks": False}, "provider.allow_fallbacks"),
        ({"data_collection": "deny", "only": ["two"]}, "provider"),
        ({"locations": ["CH"]}, "provider.locations"),
        ({"max_price": {"prompt": "0.5"}}, "provider.max_price.prompt"),
        ({"sort": "best"}, "provider.sort"),
        ({"zdr": True}, "provider.zdr"),
    ],
)
async def test_preferences_that_leave_nobody_are_named(
    dialect: Dialect, provider: dict[str, Any], path: str, autojump_clock: object
) -> None:
    async with bench(catalogue=CATALOGUE) as gateway:
        exchange = await gateway.ask(dialect, "order", stream=True, provider=provider)
        message = check_error(dialect, exchange, "invalid_request")
        assert path in message
        if dialect != "anthropic_messages":
            assert param(exchange) == path
        if path == "provider":
            assert "provider.only 3" in message
            assert "provider.data_collection 1" in message
        assert gateway.store.settlements == []


@pytest.mark.parametrize(
    ("provider", "hosts"),
    [
        ({"order": ["three", "one"]}, ["three", "one", "two"]),
        ({"order": ["three", "one"], "allow_fallbacks": False}, ["three", "one", "three"]),
        ({"allow_fallbacks": False}, ["one", "one", "one"]),
        ({"only": ["three", "two"]}, ["two", "three", "two"]),
    ],
)
async def test_who_steps_in(provider: dict[str, Any], hosts: list[str], autojump_clock: object) -> None:
    async with bench(bad(503), bad(503), ANSWER, catalogue=CATALOGUE) as gateway:
        assert (await gateway.ask("openai_chat", "order", stream=False, provider=provider)).status == 200
        assert served_by(gateway) == hosts


async def test_require_parameters_leaves_out_who_cannot_say_it_all(autojump_clock: object) -> None:
    wish = {"order": ["claude"], "require_parameters": True}
    async with bench(ANSWER, catalogue=CATALOGUE) as gateway:
        exchange = await gateway.ask("openai_chat", "mixed", stream=False, seed=7, provider=wish)
        assert (exchange.status, served_by(gateway)) == (200, ["one"])
    async with bench(catalogue=CATALOGUE) as gateway:
        exchange = await gateway.ask("openai_chat", "mixed", stream=False, seed=7, provider={**wish, "only": ["claude"]})
        assert "seed" in check_error("openai_chat", exchange, "invalid_request")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_another_model_steps_in(dialect: Dialect, stream: bool, autojump_clock: object) -> None:
    scripts = bad(503), bad(429, retry_after="1"), bad(500), good("openai_chat", stream=stream)
    models = ["test/unset", "test/other"]
    async with bench(*scripts, catalogue=CATALOGUE) as gateway:
        exchange = await gateway.ask(dialect, "order", stream=stream, models=models)
        assert exchange.status == 200
        assert [played.at for played in gateway.transport.played] == [0.0, 1.0, 2.0, 3.0], "at once"
        assert served_by(gateway) == ["one", "two", "three", "one"]
        assert not stream or breaches(dialect, exchange.sent) == []
        assert text_of(dialect, stream, exchange.sent)
        assert b'"test/other"' in exchange.sent
        assert b"test/order" not in exchange.sent
        row = gateway.row
        assert (row.model, row.provider, row.upstream_model, row.route) == ("test/other", "one", "other1", 0)
        assert [(attempt.model, attempt.chosen_by) for attempt in row.attempts] == [
            ("up1", "order"),
            ("up2", "failover"),
            ("up3", "failover"),
            ("other1", "fallback"),
        ]
        assert row.cost == sum(line.tokens * line.price for line in row.lines) > 0
        assert b"models" not in gateway.transport.played[-1].body


async def test_each_model_has_its_own_attempts_and_the_last_one_its_patience(autojump_clock: object) -> None:
    scripts = *(bad(503),) * 3, bad(429, retry_after="1"), ANSWER
    async with bench(*scripts, catalogue=CATALOGUE) as gateway:
        assert (await gateway.ask("openai_chat", "order", stream=False, models=["test/other"])).status == 200
        assert [played.at for played in gateway.transport.played] == [0.0, 1.0, 2.0, 3.0, 5.0]


@pytest.mark.parametrize("status", [400, 401, 404, 413])
async def test_also_where_the_first_model_refuses(status: int, autojump_clock: object) -> None:
    async with bench(bad(status), ANSWER, catalogue=CATALOGUE) as gateway:
        wish: dict[str, Any] = {"models": ["test/order", "test/other"], "provider": {"allow_fallbacks": False}}
        assert (await gateway.ask("openai_chat", "order", stream=False, **wish)).status == 200
        assert gateway.row.model == "test/other"


async def test_also_where_the_first_cannot_be_asked_it(autojump_clock: object) -> None:
    async with bench(ANSWER, catalogue=CATALOGUE) as gateway:
        wish: dict[str, Any] = {"models": ["test/other"], "provider": {"ignore": ["one"]}, "n": 2}
        exchange = await gateway.ask("openai_chat", "mixed", stream=False, **wish)
        assert "provider gives one answer" in check_error("openai_chat", exchange, "invalid_request"), "nobody else is left"
        wish["provider"] = {"order": ["claude"], "only": ["claude", "one"]}
        assert (await gateway.ask("openai_chat", "mixed", stream=False, **wish)).status == 200


async def test_the_last_failure_is_told(autojump_clock: object) -> None:
    async with bench(bad(400), bad(401), catalogue=CATALOGUE) as gateway:
        exchange = await gateway.ask("openai_chat", "order", stream=False, models=["test/other"])
        check_error("openai_chat", exchange, "provider_auth")
        assert (gateway.row.model, gateway.row.status, gateway.row.cost) == ("test/other", "failed", 0)


async def test_nobody_steps_in_after_output(autojump_clock: object) -> None:
    cut = Script([(0.0, b"".join(STREAMS["openai_chat"][:3]))])
    async with bench(cut, catalogue=CATALOGUE) as gateway:
        exchange = await gateway.ask("openai_chat", "order", stream=True, models=["test/other"])
        assert b'"error"' in exchange.sent
        assert served_by(gateway) == ["one"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_model_of_a_request_is_one_of_the_keys(dialect: Dialect, autojump_clock: object) -> None:
    terms = KeyTerms(models=("test/order",))
    async with bench(catalogue=CATALOGUE, terms=terms) as gateway:
        exchange = await gateway.ask(dialect, "order", stream=False, models=["test/order", "test/other"])
        assert "test/other" in check_error(dialect, exchange, "model_not_allowed")
        exchange = await gateway.ask(dialect, "other:floor", stream=False)
        check_error(dialect, exchange, "model_not_allowed")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_model_that_nobody_knows_is_named(dialect: Dialect, autojump_clock: object) -> None:
    async with bench(catalogue=CATALOGUE) as gateway:
        exchange = await gateway.ask(dialect, "order", stream=False, models=["test/other", "test/unheard"])
        assert "test/unheard" in check_error(dialect, exchange, "invalid_request")
        if dialect != "anthropic_messages":
            assert param(exchange) == "models[1]"
        exchange = await gateway.ask(dialect, "unset", stream=False, models=["test/unset"])
        check_error(dialect, exchange, "provider_unavailable")


async def test_one_order_across_models(autojump_clock: object) -> None:
    wish = {"sort": {"by": "price", "partition": "none"}, "ignore": ["nowhere"]}
    async with bench(*(bad(400),) * 4, catalogue=CATALOGUE) as gateway:
        await gateway.ask("openai_chat", "other", stream=False, models=["test/weight"], provider=wish)
        # 24 for two, 24 for one by both of its names, 28 for three: prompt three times, completion once, in USD.
        assert [attempt.model for attempt in gateway.row.attempts] == ["up2", "other1", "up1"]


async def test_the_hold_is_for_the_dearest(autojump_clock: object) -> None:
    body = asked("openai_chat", "price", stream=False, models=["test/other"], max_tokens=100, pad="x" * 12000)
    tokens = len(body) // CHARACTERS_PER_TOKEN + 1
    dearest = 4_800_000 * tokens + 15_000_000 * 100  # of test/other, all written to a cache: the others read 1000 tokens
    async with bench(ANSWER, catalogue=CATALOGUE, credits=1) as gateway:
        holds: list[int] = []
        admit = gateway.store.admit

        async def noted(admission: Admission) -> Failure | None:
            holds.append(admission.hold)
            return await admit(admission)

        gateway.store.admit = noted  # type: ignore[method-assign]
        assert (await gateway.send("openai_chat", body)).status == 200
        assert holds == [dearest]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_conversation_stays_where_it_was_served(dialect: Dialect, autojump_clock: object) -> None:
    def turns(*texts: str) -> dict[str, Any]:
        roles = ("user", "assistant")
        said = [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]
        return {"input" if dialect == "openai_responses" else "messages": said}

    async with bench(bad(503), *(ANSWER,) * 4, catalogue=CATALOGUE) as gateway:
        for texts in (["hi"], ["hi", "yes?", "more"], ["new"]):
            assert (await gateway.ask(dialect, "price", stream=False, **turns(*texts))).status == 200
        assert served_by(gateway) == ["two", "one", "one", "two"]
        assert (await gateway.ask(dialect, "price", stream=False, provider={"ignore": ["one"]}, **turns("hi"))).status == 200
        assert served_by(gateway)[-1] == "two"


async def test_each_attempt_says_why(autojump_clock: object) -> None:
    wishes: list[dict[str, Any]] = [
        {"provider": {"order": ["three"]}},
        {"provider": {"sort": "price", "ignore": ["one"]}},
        {},
    ]
    async with bench(bad(503), *(ANSWER,) * 4, catalogue=CATALOGUE) as gateway:
        for wish in wishes:
            await gateway.ask("openai_chat", "order", stream=False, **wish)
        await gateway.ask("openai_chat", "other", stream=False)
        told = [[attempt.chosen_by for attempt in row.attempts] for _, row in gateway.store.settlements]
        # The last of those at several routes stays where the one before was served.
        assert told == [["request", "failover"], ["price"], ["conversation"], [None]]


async def test_many_conversations_are_shared_by_weight(autojump_clock: object) -> None:
    many = 60
    async with bench(*(ANSWER,) * many, catalogue=CATALOGUE) as gateway:
        for number in range(many):
            await gateway.ask("openai_chat", "weight", stream=False, messages=[{"role": "user", "content": str(number)}])
        counts = {host: served_by(gateway).count(host) for host in ("one", "two", "three", "nowhere")}
        assert counts["nowhere"] == 0
        assert counts["three"] == pytest.approx(0.6 * many, abs=0.35 * many)
        assert min(counts["one"], counts["two"]) > 0


async def test_a_tools_next_round_stays_with_the_model_that_answered(autojump_clock: object) -> None:
    first = upstream("openai_chat", call("web_search", query="weather"), stream=False)
    second = upstream("openai_chat", text("21 degrees."), stream=False)
    search = ScriptedTool(steps=[(2.0, found("It is 21 degrees."))])
    async with bench(bad(400), first, bad(503), second, catalogue=CATALOGUE, tooling=tooling(search)) as gateway:
        fields: dict[str, Any] = {**switched_on("openai_chat", "web_search"), "models": ["test/order"]}
        exchange = await gateway.ask("openai_chat", "other", stream=False, **fields)
        assert (exchange.status, gateway.row.model) == (200, "test/order"), exchange.sent
        assert [attempt.model for attempt in gateway.row.attempts] == ["other1", "up1", "up1", "up2"]


async def test_an_open_breaker_sends_to_the_next_model_unasked(autojump_clock: object) -> None:
    async with bench(ANSWER, ANSWER, catalogue=CATALOGUE) as gateway:
        (route,) = CATALOGUE.routes_for("test/other")
        gateway.health.of(route).open(60.0, 60.0)
        assert (await gateway.ask("openai_chat", "other", stream=False, models=["test/price"])).status == 200
        assert served_by(gateway) == ["two"]
        assert (await gateway.ask("openai_chat", "other", stream=False)).status == 200, "nobody else is left"
        assert served_by(gateway) == ["two", "one"]


async def test_an_open_route_is_not_first_for_anyone(autojump_clock: object) -> None:
    async with bench(ANSWER, catalogue=CATALOGUE) as gateway:
        gateway.health.of(CATALOGUE.routes_for("test/order")[0]).open(60.0, 60.0)
        assert (await gateway.ask("openai_chat", "order", stream=False)).status == 200
        assert served_by(gateway) == ["two"]
        assert [attempt.chosen_by for attempt in gateway.row.attempts] == ["failover"]


@pytest.mark.parametrize("by", ["latency", "throughput"])
async def test_new_conversations_go_where_it_was_quick(by: str, autojump_clock: object) -> None:
    def said(number: int) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": str(number)}]}

    def measured(seconds: float) -> Script:
        usage = Usage(input_tokens=1, output_tokens=20)
        return upstream("openai_chat", text("hi " * 20), stream=True, usage=usage, every=seconds)

    scripts = [measured(seconds) for seconds in (3.0, 1.0, 2.0, 1.0, 1.0)]
    wish: dict[str, Any] = {"provider": {"ignore": ["nowhere"]}}
    async with bench(*scripts, catalogue=CATALOGUE) as gateway:
        for number in range(5):
            assert (await gateway.ask("openai_chat", by, stream=True, **said(number), **wish)).status == 200
        # Each is measured once, then the best comes first.
        assert served_by(gateway) == ["one", "two", "three", "two", "two"]
