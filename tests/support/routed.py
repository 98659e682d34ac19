"""A catalogue of models with several routes."""

from __future__ import annotations

from hyperinfer.providers.catalogue import Catalogue, load

_PROVIDERS = """\
providers:
  one: {protocol: openai_chat, base_url: "https://one.test/v1", api_key: sk-one, locations: [EU], data_collection: deny}
  two/eu: {protocol: openai_chat, base_url: "https://two.test/v1", api_key: sk-two, locations: [eu]}
  three: {protocol: openai_chat, base_url: "https://three.test/v1", api_key: sk-three, locations: [EU, US]}
  nowhere: {protocol: openai_chat, base_url: "https://nowhere.test/v1", api_key: sk-nowhere}
  claude: {protocol: anthropic_messages, base_url: "https://claude.test/v1", api_key: sk-claude}
  unset: {protocol: openai_chat, base_url: "https://unset.test/v1", api_key: "${NO_SUCH_KEY}"}
creators:
  test: {name: Test}
models:
"""
_MODEL = """\
  - slug: test/{slug}
    context_length: {context}
    max_output_tokens: 100
    pricing: {{prompt: 3, completion: 15}}
    source: made up for the tests
    route_by: {by}
    routes: [{routes}]
"""
_FOUR = (
    "{provider: one, model: up1}, {provider: two/eu, model: up2, pricing: {prompt: 1, completion: 5}}, "
    "{provider: three, model: up3, pricing: {prompt: 9, completion: 1}, weight: 3}, "
    "{provider: nowhere, model: up4, weight: 0}"
)


def routed(text: str = "") -> Catalogue:
    """Models at `one` (EU, keeps nothing), `two/eu` (EU, cheapest), `three` (EU and US) and `nowhere` (weight 0):

    `test/weight`, `test/order`, `test/price`, `test/latency`, `test/throughput` by what they are routed by. `test/other`:
    at `one` alone, ten times as long. `test/mixed`: at `one`, then at `claude`, in that order. `test/unset`: not callable.
    """
    listed = [(by, by, 1000, _FOUR) for by in ("weight", "order", "price", "latency", "throughput")]
    listed.append(("other", "weight", 10_000, "{provider: one, model: other1}"))
    listed.append(("mixed", "order", 1000, "{provider: one, model: up1}, {provider: claude, model: up5}"))
    listed.append(("unset", "weight", 1000, "{provider: unset, model: up6}"))
    models = "".join(_MODEL.format(slug=slug, by=by, context=context, routes=routes) for slug, by, context, routes in listed)
    return load(_PROVIDERS + models + text, {}, "test.yaml")
