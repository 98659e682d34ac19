"""What a request was served under: read back it serves the same, and it holds no secret."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from hyperinfer.api.recording.served import read_served, served_under
from hyperinfer.providers.catalogue import Catalogue, Limits, load
from hyperinfer.providers.upstreams import shipped_catalogue
from tests.support.bench import catalogue

SECRETS = """
limits: {keepalive: 3, retries: 1}
providers:
  p:
    {protocol: openai_chat, base_url: "https://up.test:8443/sk-inthe-path/v1?key=sk-inthe-query",
     api_keys: ["sk-first-key", "sk-second-key"], headers: {x-org: "sk-inthe-header", x-v: "2"}, quirks: {tool_id: alnum9}}
tools: {web_search: {kind: brave, api_key: sk-of-the-tool, price: 0.001}}
models:
  - {slug: t/m, name: M, context_length: 10, max_output_tokens: 5, pricing: {prompt: 1, completion: 2},
     source: "x, 2026-11-26", routes: [{provider: p, model: up, quirks: {tool_id: max40}, native_tools: [pdf]}]}
"""


def _again(given: Catalogue, *names: str) -> Catalogue:
    data = served_under(given, names, None)
    return read_served(msgspec.json.decode(msgspec.json.encode(data))).catalogue


@pytest.mark.parametrize("given", [catalogue("concurrency: 3"), shipped_catalogue()], ids=["tests", "shipped"])
def test_what_is_read_back_serves_the_same(given: Catalogue) -> None:
    again = _again(given, *given.models)
    assert again.limits == given.limits
    for slug, model in given.models.items():
        read = again.models[slug]
        assert (read.pricing, read.context_length, read.max_output_tokens) == (
            (model.pricing, model.context_length, model.max_output_tokens)
        )
        assert (read.features, read.route_by, read.available) == (model.features, model.route_by, model.available)
        for now, then in zip(read.routes, model.routes, strict=True):
            kept = dataclasses.replace(then.provider, keys=(), headers=(), base_url="")
            assert dataclasses.replace(now.provider, keys=(), headers=(), base_url="") == kept
            assert len(now.provider.keys) == len(then.provider.keys)
            assert dataclasses.replace(now, provider=then.provider) == dataclasses.replace(then, source="")


def test_only_what_the_request_names_is_written_and_no_secret() -> None:
    given = load(SECRETS, {})
    text = msgspec.json.encode(served_under(given, ["t/m:floor", "other"], frozenset({"t/m"}))).decode()
    assert "sk-" not in text
    again = read_served(msgspec.json.decode(text))
    assert again.key_models == frozenset({"t/m"})
    assert again.catalogue.limits == Limits(keepalive=3.0, retries=1)
    assert again.catalogue.models["t/m"].routes[0].quirks == given.models["t/m"].routes[0].quirks
    provider = again.catalogue.providers["p"]
    assert provider.base_url == "https://up.test:8443"
    assert [name for name, _ in provider.headers] == ["x-org", "x-v"]
    assert [len(value.reveal()) < 8 for _, value in provider.headers] == [False, True]
    assert again.catalogue.tools["web_search"].price == given.tools["web_search"].price
    assert again.catalogue.tools["web_search"].available
    assert not _again(given, "other").models


@pytest.mark.parametrize(
    "data", [{"models": {"a": {}}}, {"providers": {"p": {"protocol": "x"}}}, {"limits": {"retries": "x"}}]
)
def test_what_cannot_be_read_says_so(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"retries|cannot be read"):
        read_served(data)
