"""What a recording keeps of the catalogue is a catalogue, and says of its models what the whole one says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hyperinfer.api.recording.excerpt import excerpt, models_named
from hyperinfer.api.recording.redaction import REDACTED
from hyperinfer.providers.catalogue import Catalogue, Model, Provider, load
from hyperinfer.providers.catalogue_records import EgressRules
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.upstreams import shipped_catalogue

ODD = """
limits: {retries: 0, in_flight_per_key: 3, grace: 1.5}
tools:
  web_search: {kind: brave, api_key: "${BRAVE}", price: 0.005}
  pdf: {price: 0.000000000001}
providers:
  odd:
    protocol: openai_chat
    base_url: https://odd.test/v1?api-version=2
    api_keys: [sk-first-key-1, sk-second-key-2]
    auth: header:x-key
    headers: {x-team: team-secret-1, x-short: eu}
    vendor: mistral
    locations: [eu]
    data_collection: deny
    timeouts: {first_token: 1.5}
    breaker: {faults: 2, pause: 200}
    quirks: {tool_id: alnum9}
    native_tools: [web_search]
    concurrency: 4
  unset: {protocol: anthropic_messages, base_url: "https://unset.test/v1", api_key: "${UNSET}", count_tokens: true}
  open: {protocol: openai_responses, base_url: "http://open.test/v1"}
models:
  - slug: a/b
    pricing: {prompt: 0.000001, completion: 1000000, cached_prompt: 0.1, cache_write: 3.75}
    context_length: 5000
    max_output_tokens: 50
    features: [tools, reasoning]
    route_by: price
    source: made up, 2026-11-26
    routes:
      - {provider: odd, model: m, weight: 0.25, quirks: {tool_id: max40}, native_tools: [], pricing: {prompt: 7}}
      - {provider: unset, model: n, weight: 0}
      - {provider: open, model: o}
  - {slug: a/other, pricing: {prompt: 0, completion: 0}, routes: [{provider: open, model: p}]}
"""


def again(catalogue: Catalogue, *names: str) -> Catalogue:
    return load(json.dumps(excerpt(catalogue, names).catalogue), {})


def of(provider: Provider) -> Provider:
    """What must be the same: not the keys, nor how a connection is made."""
    keys = (Secret(REDACTED),) if provider.keys and provider.available else ()
    headers = tuple((name, Secret(REDACTED)) for name, _ in provider.headers)
    url = provider.base_url or "https://unset.invalid"
    return replace(provider, base_url=url, keys=keys, headers=headers, unset=(), missing=provider.missing[:1], http2=False)


def seen(model: Model | None) -> Any:
    assert model is not None
    routes = [replace(route, source="", provider=of(route.provider)) for route in model.routes]
    told = (model.slug, model.context_length, model.max_output_tokens, model.pricing, model.features, model.route_by)
    return (*told, routes)


@pytest.mark.parametrize("catalogue", [shipped_catalogue(), load(ODD, {"BRAVE": "brave-key-1"})], ids=["shipped", "odd"])
def test_it_says_the_same_of_its_models(catalogue: Catalogue) -> None:
    assert catalogue.models
    read = again(catalogue, *catalogue.models)
    assert {slug: seen(model) for slug, model in read.models.items()} == {
        slug: seen(model) for slug, model in catalogue.models.items()
    }
    assert (read.limits, read.egress, read.demo) == (catalogue.limits, EgressRules(), True)
    assert {name: (tool.kind, tool.price, tool.available) for name, tool in read.tools.items()} == {
        name: (tool.kind, tool.price, tool.available) for name, tool in catalogue.tools.items()
    }


def test_it_holds_what_was_asked_for_and_no_secret() -> None:
    catalogue = load(ODD, {"BRAVE": "brave-key-1"})
    made = excerpt(catalogue, ("a/b:nitro", "demo/chat", "none", "none:floor"))
    assert [model["slug"] for model in made.catalogue["models"]] == ["a/b"]
    assert set(made.catalogue["providers"]) == {"odd", "unset", "open"}
    secrets = {"sk-first-key-1", "sk-second-key-2", "team-secret-1", "brave-key-1"}
    assert {each.reveal() for each in made.secrets} == secrets
    assert not [secret for secret in secrets if secret in json.dumps(made.catalogue)]
    assert set(again(catalogue).models) == {"demo/chat", "demo/responses", "demo/messages"}


def test_a_catalogue_without_demo_models_has_none_again() -> None:
    read = again(load("demo: false\n" + ODD, {}), "a/other")
    assert (set(read.models), set(read.providers)) == ({"a/other"}, {"open"})


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b'{"model": "a", "models": ["b", "a", 7, "c"]}', ("a", "b", "c")),
        (b'{"models": ["b"]}', ("b",)),
        (b'{"model": 7, "models": {}}', ()),
        (b'{"model": "a", "x": [', ()),
        (b"[1]", ()),
        (b'{"model": "\xff"}', ()),
        (b'{"model": "a", "models": ["\\ud800", "b"]}', ("a", "\ufffd", "b")),
        (b'{"model": "\\ud800", "x": "\xff"}', ()),
        (b'["\\ud800"]', ()),
        (b"", ()),
    ],
)
def test_the_models_that_a_body_names(body: bytes, names: tuple[str, ...]) -> None:
    assert models_named(body) == names
