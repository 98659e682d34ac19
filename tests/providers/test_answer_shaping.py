"""What the features of a model say of how its answers are shaped."""

from __future__ import annotations

import pytest

from hyperinfer.providers.catalogue import load

CATALOGUE = """\
providers:
  p: {{protocol: openai_chat, base_url: "https://p.test/v1", quirks: {{{provider}}}}}
creators:
  c: {{name: C}}
models:
  - slug: c/m
    context_length: 1000
    pricing: {{prompt: 0, completion: 0}}
    {features}
    routes: [{{provider: p, model: up, quirks: {{{route}}}}}]
"""


def decided(features: str, provider: str = "", route: str = "") -> str:
    catalogue = load(CATALOGUE.format(features=features, provider=provider, route=route), {}, "test.yaml")
    (found,) = catalogue.routes_for("c/m")
    return found.quirks.json_schema


@pytest.mark.parametrize(
    ("features", "rule"),
    [
        ("", "send"),
        ("features: []", "send"),
        ("features: [json_mode]", "send"),
        ("features: [tools, json_mode, streaming]", "send"),
        ("features: [streaming, tools]", "tool"),
        ("features: [streaming]", "instruction"),
    ],
)
def test_features_decide(features: str, rule: str) -> None:
    assert decided(features) == rule
    assert decided(features, provider="json_schema: auto", route="json_schema: auto") == rule


@pytest.mark.parametrize("rule", ["send", "json_object", "tool", "instruction", "omit"])
@pytest.mark.parametrize("features", ["", "features: [tools]", "features: [json_mode]"])
def test_a_quirk_decides_before_them(features: str, rule: str) -> None:
    assert decided(features, provider=f"json_schema: {rule}") == rule
    assert decided(features, provider="json_schema: omit", route=f"json_schema: {rule}") == rule
    assert decided("features: [tools]", provider=f"json_schema: {rule}", route="json_schema: auto") == "tool"


def test_a_wrong_feature_is_told_once() -> None:
    with pytest.raises(Exception, match="unknown feature") as caught:
        decided("features: [nothing]")
    assert str(caught.value).count("unknown feature") == 1
