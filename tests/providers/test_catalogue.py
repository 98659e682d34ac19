"""What a good providers.yaml becomes."""

import pytest

from hyperinfer.providers.catalogue import CatalogueErrors, CustomNode, Limits, Pricing, Timeouts, load
from hyperinfer.providers.quirks import PROTOCOL_QUIRKS
from hyperinfer.providers.secret import Secret

FULL = """
providers:
  one:
    protocol: openai_chat
    base_url: https://one.example/v1/
    api_key: ${ONE_KEY}
    api_keys: ["${SECOND_KEY}", literal]
    auth: header:Api-Key
    headers: {X-Org: "org-${ORG}"}
    locations: [US, DE]
    data_collection: deny
    timeouts: {connect: 2, first_token: 1.5}
    quirks: {tool_id: alnum9, stop: max16}
    native_tools: [web_search]
    concurrency: 8
  two:
    protocol: anthropic_messages
    base_url: http://two.example:8000/v1
  three:
    protocol: openai_responses
    base_url: https://${HOST}.example/v1
    vendor: azure
    api_key: ${THREE_KEY}
creators:
  maker: {name: The Maker, brand_color: "#4d6bfe"}
models:
  - slug: maker/big
    name: Big
    description: A model.
    release_date: 2026-01-31
    context_length: 200_000
    max_output_tokens: 8000
    pricing: {prompt: 2, completion: 10, cached_prompt: 0.2}
    features: [tools, vision]
    hugging_face_id: maker/Big
    source: https://maker.example/pricing, read 2026-01-31
    routes:
      - {provider: one, model: big-v1, weight: 0.5, quirks: {stop: none}}
      - {provider: two, model: big, pricing: {prompt: 3, completion: 9}, native_tools: [web_fetch]}
      - {provider: three, model: big}
  - {slug: other, context_length: 10, max_output_tokens: 5, pricing: {prompt: 0, completion: 0},
     routes: [{provider: two, model: o}]}
tools:
  web_search: {kind: searxng, base_url: http://search.example, price: 0.005}
  image: {kind: openai, api_key: "${IMAGE_KEY}"}
limits: {burst: 5, in_flight: 100, grace: 1.5}
pipeline:
  - {node: "a.b:c", name: own, before: call, buffer: 3, deadline: 1.5, options: {text: to 7, deep: [1, -2.5, true, null]}}
  - {node: short, after: meter}
demo: false
"""
ENVIRON = {"ONE_KEY": "key-one", "SECOND_KEY": "key-two\n", "ORG": "7", "HOST": "host"}


def test_a_whole_file() -> None:
    catalogue = load(FULL, ENVIRON)
    assert catalogue.warnings == ()
    one, two, three = catalogue.providers["one"], catalogue.providers["two"], catalogue.providers["three"]
    assert (one.base_url, one.protocol, one.vendor, one.auth) == (
        "https://one.example/v1",
        "openai_chat",
        "openai",
        "header:api-key",
    )
    assert [key.reveal() for key in one.keys] == ["key-one", "key-two", "literal"]
    assert one.headers == (("x-org", Secret("org-7")),)
    assert (one.locations, one.data_collection, one.concurrency) == (("US", "DE"), "deny", 8)
    assert one.timeouts == Timeouts(connect=2.0, first_token=1.5)
    assert (one.quirks.tool_id, one.quirks.stop) == ("alnum9", "max16")
    assert (two.keys, two.missing, two.auth, two.vendor) == ((), (), "x-api-key", "anthropic")
    assert two.quirks == PROTOCOL_QUIRKS["anthropic_messages"]
    assert (three.missing, three.vendor, three.base_url) == (("THREE_KEY",), "azure", "https://host.example/v1")

    big = catalogue.models["maker/big"]
    assert catalogue.model("maker/big") is big
    assert (big.creator.name, big.creator.brand_color) == ("The Maker", "#4d6bfe")
    assert (big.context_length, big.max_output_tokens, big.release_date) == (200_000, 8000, "2026-01-31")
    assert big.pricing == Pricing(2_000_000, 10_000_000, 200_000, 2_000_000, 3_200_000)
    first, second, third = big.routes
    assert (first.weight, first.quirks.stop, first.quirks.tool_id, first.native_tools) == (
        0.5,
        "none",
        "alnum9",
        ("web_search",),
    )
    assert first.pricing == third.pricing == big.pricing
    assert second.pricing == Pricing(3_000_000, 9_000_000, 3_000_000, 3_000_000, 4_800_000)
    assert second.native_tools == ("web_fetch",)
    assert catalogue.routes_for("maker/big") == (first, second)
    assert catalogue.models["other"].name == "other"
    assert catalogue.models["other"].creator.name == "other"

    assert catalogue.tools["web_search"].price == 5_000_000_000
    assert not catalogue.tools["image"].available
    assert catalogue.limits == Limits(burst=5, in_flight=100, grace=1.5)
    options = {"text": "to 7", "deep": [1, -2.5, True, None]}
    assert catalogue.pipeline == (
        CustomNode(node="a.b:c", name="own", side="before", neighbour="call", buffer=3, deadline=1.5, options=options),
        CustomNode(node="short", side="after", neighbour="meter"),
    )
    assert catalogue.pipeline[0].lines["options"] == catalogue.pipeline[1].line - 1
    assert list(catalogue.models) == ["maker/big", "other"]


def test_options_of_a_node_may_hold_secrets() -> None:
    text = 'pipeline: [{node: a, before: b, options: {key: "x ${KEY}"}}]'
    (node,) = load(text, {"KEY": "sk-secret"}).pipeline
    assert node.options == {"key": "x sk-secret"}
    assert "sk-secret" not in repr(node)
    assert "sk-secret" not in str(node.problem("node", "raised ValueError: x sk-secret"))
    with pytest.raises(CatalogueErrors, match=r"pipeline\[0\].options.key: KEY not set"):
        load(text, {})


def test_signing_puts_the_key_where_the_provider_wants_it() -> None:
    catalogue = load(FULL, {**ENVIRON, "THREE_KEY": "k3"})
    one, two, three = (catalogue.providers[name] for name in ("one", "two", "three"))
    assert one.sign(one.keys[0]) == ("api-key", Secret("key-one"))
    assert two.sign(Secret("k")) == ("x-api-key", Secret("k"))
    assert three.sign(three.keys[0]) == ("authorization", Secret("Bearer k3"))


def test_an_unset_variable_takes_away_its_routes_and_nothing_else() -> None:
    catalogue = load(FULL, {})
    one = catalogue.providers["one"]
    assert one.missing == ("ORG",), "one key is left, but the header cannot be filled in"
    assert one.unset == ("ORG", "ONE_KEY", "SECOND_KEY")
    assert [key.reveal() for key in one.keys] == ["literal"]
    assert catalogue.providers["three"].missing == ("HOST", "THREE_KEY")
    assert [route.provider.name for route in catalogue.routes_for("maker/big")] == ["two"]
    assert catalogue.models["maker/big"].available
    assert catalogue.routes_for("no/such") == ()


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_a_variable_set_to_nothing_is_unset(value: str) -> None:
    assert load(FULL, {**ENVIRON, "THREE_KEY": value}).providers["three"].missing == ("THREE_KEY",)


def test_a_model_without_callable_route_stays_and_is_not_available() -> None:
    text = """
providers: {p: {protocol: openai_chat, base_url: "https://p.example/v1", api_key: "${NOPE}"}}
models: [{slug: m/m, context_length: 9, max_output_tokens: 9, pricing: {prompt: 0, completion: 0},
          routes: [{provider: p, model: m}]}]
"""
    assert not load(text, {}).models["m/m"].available
    assert load(text, {"NOPE": "x"}).models["m/m"].available


def test_demo_models_come_with_the_package() -> None:
    for text in ("", "# nothing\n", "demo: true", "{}"):
        catalogue = load(text, {})
        assert list(catalogue.models) == ["demo/chat", "demo/responses", "demo/messages"]
        assert {
            route.provider.protocol: route.provider.transport for m in catalogue.models.values() for route in m.routes
        } == {
            "openai_chat": "demo",
            "openai_responses": "demo",
            "anthropic_messages": "demo",
        }
        assert all(model.available and model.pricing.is_free for model in catalogue.models.values())
        assert catalogue.providers["demo-messages"].base_url == "demo://messages"
    hidden = load("demo: false", {})
    assert (hidden.models, hidden.providers, hidden.creators) == ({}, {}, {})


def test_the_demo_names_are_free_once_demo_is_off() -> None:
    text = """
providers: {demo-chat: {protocol: openai_chat, base_url: "https://p.example/v1"}}
models: [{slug: demo/chat, context_length: 9, max_output_tokens: 9, pricing: {prompt: 0, completion: 0},
          routes: [{provider: demo-chat, model: m}]}]
"""
    with pytest.raises(CatalogueErrors) as caught:
        load(text, {})
    assert [(p.line, p.path) for p in caught.value.problems] == [(2, "providers.demo-chat"), (3, "models[0].slug")]
    assert load(text + "demo: false", {}).models["demo/chat"].routes[0].provider.transport == "network"


def test_defaults_of_the_limits() -> None:
    limits = load("", {}).limits
    assert (limits.body_mb, limits.json_depth, limits.grace, limits.write, limits.keepalive) == (50, 128, 30, 60, 10)
    assert limits.bodies_mb == 512
    assert (limits.retries, limits.rate_per_minute, limits.burst, limits.in_flight) == (2, 60, 120, 10_000)


def test_loading_is_a_pure_function() -> None:
    assert load(FULL, ENVIRON) == load(FULL, dict(ENVIRON))
    assert load(FULL, ENVIRON) != load(FULL, {})


def test_a_catalogue_prints_no_secret() -> None:
    text = repr(load(FULL, {**ENVIRON, "THREE_KEY": "key-three"}))
    assert not [key for key in ("key-one", "key-two", "literal", "key-three", "org-7") if key in text]


def test_what_a_gateway_can_run_with_is_a_warning() -> None:
    text = """
providers: {p: {protocol: openai_chat, base_url: "https://p.example/v1"}}
models:
  - slug: m/m
    pricing: {prompt: 1, completion: 2}
    routes: [{provider: p, model: m}]
"""
    catalogue = load(text, {}, "my.yaml")
    assert [str(warning) for warning in catalogue.warnings] == [
        "my.yaml:4: models[0]: context_length is not given; 128000 is assumed",
        "my.yaml:5: models[0].pricing: a price without a source: say in `source` where it was read and on which day",
    ]
    assert (catalogue.models["m/m"].context_length, catalogue.models["m/m"].max_output_tokens) == (128_000, 16_384)


def test_an_address_with_a_query() -> None:
    text = (
        "providers: {p: {protocol: openai_chat, base_url: 'https://p.example/openai/deployments/d/?api-version=2024-10-21'}}"
    )
    provider = load(text, {}).providers["p"]
    assert provider.base_url == "https://p.example/openai/deployments/d?api-version=2024-10-21"
