"""Prices are exact: from the characters of the file to the JSON of the listing."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.providers.catalogue import Catalogue, CatalogueErrors, Pricing, load
from hyperinfer.providers.listing import public_models

PICO = st.integers(0, 10**12)  # pico-USD per token: up to a million USD for a million tokens


def catalogue_of(pricing: str, routes: str = "") -> Catalogue:
    return load(
        f"""
providers:
  a: {{protocol: openai_chat, base_url: "https://a/v1"}}
  b: {{protocol: openai_chat, base_url: "https://b/v1"}}
  shut: {{protocol: openai_chat, base_url: "https://c/v1", api_key: "${{NOPE}}"}}
models:
  - slug: m
    context_length: 9
    max_output_tokens: 9
    source: test
    pricing: {pricing}
    routes: [{routes or "{provider: a, model: m}"}]
demo: false
""",
        {},
    )


def pricing_of(pricing: str) -> Pricing:
    return catalogue_of(pricing).models["m"].pricing


def usd(pico_per_token: int) -> str:
    return format(Decimal(pico_per_token).scaleb(-6), "f")


@given(PICO, PICO)
def test_every_price_of_six_decimals_comes_out_as_it_was_written(prompt: int, completion: int) -> None:
    catalogue = catalogue_of(f"{{prompt: {usd(prompt)}, completion: {usd(completion)}}}")
    pricing = catalogue.models["m"].pricing
    assert (pricing.prompt, pricing.completion) == (prompt, completion)
    shown = json.loads(msgspec.json.encode(public_models(catalogue)), parse_float=Decimal)
    assert shown["data"][0]["pricing"] == {
        "prompt": Decimal(prompt).scaleb(-6),
        "completion": Decimal(completion).scaleb(-6),
        "cached_prompt": Decimal(prompt).scaleb(-6),
    }


@pytest.mark.parametrize(
    ("written", "pico"),
    [
        ("0.1", 100_000),
        ("0.3", 300_000),
        ("0.000001", 1),
        ("2.50", 2_500_000),
        ("1.1234560", 1_123_456),
        ("1e-2", 10_000),
        ("1.5E+1", 15_000_000),
        ("1_000", 1_000_000_000),
        ("3.", 3_000_000),
        ("010", 10_000_000),
    ],
)
def test_numbers_are_read_as_decimal_text(written: str, pico: int) -> None:
    assert pricing_of(f"{{prompt: {written}, completion: 0}}").prompt == pico


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0.0000001", "at most 6 decimals"),
        ("0.1000000000000000055511151231257827", "at most 6 decimals"),
        ("1e-7", "at most 6 decimals"),
        ("-0.1", "0 or more"),
        ("1000001", "at most 1000000 USD"),
        ("1e99", "at most 1000000 USD"),
        ("1e999", "expected a number"),
        (".nan", "expected a number"),
        (".inf", "expected a number"),
        ("0x10", "expected a number"),
        ("1:30", "expected a number"),
        ('"0.1"', "expected a number, got text"),
        ("free", "expected a number, got text"),
        ("", "expected a number, got nothing"),
        ("[1]", "expected a number, got a list"),
    ],
)
def test_what_is_no_exact_price_is_an_error(written: str, message: str) -> None:
    with pytest.raises(CatalogueErrors) as caught:
        pricing_of(f"{{prompt: {written}, completion: 0}}")
    assert [problem.path for problem in caught.value.problems] == ["models[0].pricing.prompt"]
    assert message in caught.value.problems[0].message


def test_both_prices_are_required() -> None:
    with pytest.raises(CatalogueErrors) as caught:
        pricing_of("{cached_prompt: 1}")
    assert [problem.message.partition(":")[0] for problem in caught.value.problems] == [
        "missing prompt",
        "missing completion",
    ]


@pytest.mark.parametrize(
    ("written", "pricing"),
    [
        ("{prompt: 2, completion: 9}", Pricing(2_000_000, 9_000_000, 2_000_000, 2_000_000, 3_200_000)),
        ("{prompt: 2, completion: 9, cached_prompt: 0}", Pricing(2_000_000, 9_000_000, 0, 2_000_000, 3_200_000)),
        (
            "{prompt: 2, completion: 9, cache_write: 2.5}",
            Pricing(2_000_000, 9_000_000, 2_000_000, 2_500_000, 4_000_000),
        ),
        (
            "{prompt: 2, completion: 9, cache_write_1h: 7}",
            Pricing(2_000_000, 9_000_000, 2_000_000, 2_000_000, 7_000_000),
        ),
        # 1.6 times an odd last digit is a fraction of a pico-USD: rounded up, so that we never charge less.
        ("{prompt: 0.000001, completion: 0}", Pricing(1, 0, 1, 1, 2)),
        ("{prompt: 0.123456, completion: 0}", Pricing(123_456, 0, 123_456, 123_456, 197_530)),
    ],
)
def test_defaults(written: str, pricing: Pricing) -> None:
    assert pricing_of(written) == pricing


@given(PICO)
def test_the_default_one_hour_price_is_the_least_integer_not_below_1_6_times(price: int) -> None:
    one_hour = pricing_of(f"{{prompt: {usd(price)}, completion: 0}}").cache_write_1h
    assert 16 * price <= 10 * one_hour < 16 * price + 10
    assert price % 5 or 10 * one_hour == 16 * price


@pytest.mark.parametrize(
    ("written", "pricing"),
    [
        ("{}", Pricing(2_000_000, 9_000_000, 500_000, 3_000_000, 6_000_000)),
        ("{completion: 1}", Pricing(2_000_000, 1_000_000, 500_000, 3_000_000, 6_000_000)),
        ("{prompt: 1, completion: 1}", Pricing(1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_600_000)),
        ("{prompt: 1}", Pricing(1_000_000, 9_000_000, 1_000_000, 1_000_000, 1_600_000)),
        ("{cached_prompt: 0.1}", Pricing(2_000_000, 9_000_000, 100_000, 3_000_000, 6_000_000)),
        ("{cache_write: 4}", Pricing(2_000_000, 9_000_000, 500_000, 4_000_000, 6_400_000)),
        ("{prompt: 0, completion: 0}", Pricing(0, 0, 0, 0, 0)),
    ],
)
def test_a_route_states_its_own_prices_over_the_model_s(written: str, pricing: Pricing) -> None:
    catalogue = catalogue_of(
        "{prompt: 2, completion: 9, cached_prompt: 0.5, cache_write: 3, cache_write_1h: 6}",
        f"{{provider: a, model: m, pricing: {written}}}",
    )
    model = catalogue.models["m"]
    assert model.routes[0].pricing == pricing
    assert model.pricing == Pricing(2_000_000, 9_000_000, 500_000, 3_000_000, 6_000_000)


def test_the_hold_is_taken_on_the_dearest_route_that_can_be_called() -> None:
    catalogue = catalogue_of(
        "{prompt: 1, completion: 10, cache_write_1h: 1}",
        """{provider: a, model: m},
           {provider: b, model: m, pricing: {prompt: 4, completion: 5, cache_write_1h: 4}},
           {provider: shut, model: m, pricing: {prompt: 99, completion: 99}}""",
    )
    long_prompt = catalogue.dearest_route("m", 1000, 1)
    long_answer = catalogue.dearest_route("m", 1, 1000)
    assert long_prompt is not None
    assert long_answer is not None
    assert (long_prompt.provider.name, long_answer.provider.name) == ("b", "a")
    assert catalogue.hold("m", 1000, 1) == 1000 * 4_000_000 + 5_000_000
    assert catalogue.hold("m", 1, 1000) == 1_000_000 + 1000 * 10_000_000
    assert catalogue.hold("m", 0, 0) == 0
    assert (catalogue.dearest_route("none", 1, 1), catalogue.hold("none", 1, 1)) == (None, 0)


@given(st.tuples(PICO, PICO, PICO, PICO, PICO), st.integers(0, 10**7), st.integers(0, 10**7), st.data())
def test_no_split_into_buckets_costs_more_than_the_hold(
    prices: tuple[int, int, int, int, int], prompt: int, completion: int, data: st.DataObject
) -> None:
    pricing = Pricing(*prices)
    cached = data.draw(st.integers(0, prompt))
    written = data.draw(st.integers(0, prompt - cached))
    written_1h = data.draw(st.integers(0, prompt - cached - written))
    fresh = prompt - cached - written - written_1h
    cost = (
        fresh * pricing.prompt
        + cached * pricing.cached_prompt
        + written * pricing.cache_write
        + written_1h * pricing.cache_write_1h
        + completion * pricing.completion
    )
    assert cost <= pricing.at_most(prompt, completion)
