"""The public list of models against the published contract and the two SDKs."""

import json
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import jsonschema
import msgspec
import openai
import pytest

from hyperinfer.providers.catalogue import load
from hyperinfer.providers.listing import PublicModel, public_model, public_models

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT.parent / "shared" / "contract" / "openapi.json"
TEXT = """
providers:
  eu: {protocol: openai_chat, base_url: "https://a/v1", locations: [FR, DE]}
  us: {protocol: openai_chat, base_url: "https://b/v1", locations: [US, DE], api_key: "${NOPE}"}
creators: {maker: {name: Maker, brand_color: "#123ABC"}}
models:
  - slug: maker/one
    name: One
    description: First.
    release_date: 2026-01-02
    context_length: 1000
    max_output_tokens: 100
    pricing: {prompt: 0.1, completion: 0.3, cached_prompt: 0.025}
    features: [vision, tools]
    hugging_face_id: maker/One
    benchmarks:
      - {label: Extra, score: 1, tier: extra, source_url: "https://x.example/"}
      - {label: Main, score: 71.25, unit: "%", mode: High, tier: primary, source_url: "https://y.example/"}
    source: test
    routes: [{provider: us, model: x}, {provider: eu, model: y, pricing: {prompt: 7, completion: 7}}]
  - slug: maker/two
    context_length: 1000
    max_output_tokens: 100
    pricing: {prompt: 0, completion: 0}
    routes: [{provider: us, model: z}]
demo: false
"""


def listed(text: str) -> Any:  # JSON
    return json.loads(msgspec.json.encode(public_models(load(text, {}))))


def test_a_model_as_the_public_sees_it() -> None:
    first, second = listed(TEXT)["data"]
    assert first == {
        "slug": "maker/one",
        "name": "One",
        "provider": {"slug": "maker", "name": "Maker", "brand_color": "#123ABC"},
        "description": "First.",
        "release_date": "2026-01-02",
        "context_length": 1000,
        "max_output_tokens": 100,
        "pricing": {"prompt": 0.1, "completion": 0.3, "cached_prompt": 0.025},
        "features": ["vision", "tools"],
        "datacenter_locations": ["DE", "FR", "US"],
        "hugging_face_id": "maker/One",
        "benchmarks": [
            {
                "label": "Main",
                "score": 71.25,
                "unit": "%",
                "mode": "High",
                "tier": "primary",
                "source_url": "https://y.example/",
            },
            {"label": "Extra", "score": 1.0, "tier": "extra", "source_url": "https://x.example/"},
        ],
        "id": "maker/one",
        "object": "model",
        "created": 1_767_312_000,
        "owned_by": "maker",
        "display_name": "One",
        "type": "model",
        "created_at": "2026-01-02T00:00:00Z",
        "available": True,
    }
    assert (second["release_date"], second["created"], second["created_at"]) == ("", 0, "1970-01-01T00:00:00Z")
    assert second["available"] is False
    assert not {"hugging_face_id", "weekly_token_volume"} & second.keys()


def test_the_page_around_the_models() -> None:
    page = listed(TEXT)
    assert (page["object"], page["has_more"], page["first_id"], page["last_id"]) == (
        "list",
        False,
        "maker/one",
        "maker/two",
    )
    empty = listed("demo: false")
    assert (empty["data"], empty["first_id"], empty["last_id"]) == ([], None, None)


@pytest.mark.parametrize(
    ("tools", "configured"),
    [
        ("", False),
        ("tools: {web_search: {kind: exa, api_key: a}}", False),
        ("tools: {image: {api_key: a}}", True),
        ("tools: {image: {api_key: '${NOPE}'}}", False),
    ],
)
def test_whether_images_can_be_made(tools: str, configured: bool) -> None:
    assert listed(tools)["meta"] == {"image_generation_configured": configured}


def test_nothing_of_an_upstream_is_shown() -> None:
    text = json.dumps(listed((ROOT / "providers.yaml").read_text(encoding="utf-8")))
    assert "api.groq.com" not in text
    assert "_API_KEY" not in text
    assert "accounts/fireworks" not in text


@pytest.mark.skipif(not CONTRACT.exists(), reason="the published contract is not beside this checkout")
@pytest.mark.parametrize("text", [TEXT, (ROOT / "providers.yaml").read_text(encoding="utf-8")], ids=["small", "shipped"])
def test_the_list_is_what_the_contract_promises(text: str) -> None:
    contract = json.loads(CONTRACT.read_text(encoding="utf-8"))
    schema = contract["components"]["schemas"]["PublicModel"]
    for model in listed(text)["data"]:
        jsonschema.validate(model, schema)
    page = contract["paths"]["/api/v1/models"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(listed(text), {**page, "components": contract["components"]})


@pytest.mark.skipif(not CONTRACT.exists(), reason="the published contract is not beside this checkout")
def test_the_schema_of_the_structs_has_all_that_the_contract_has() -> None:
    contract = json.loads(CONTRACT.read_text(encoding="utf-8"))["components"]["schemas"]["PublicModel"]
    _, components = msgspec.json.schema_components([PublicModel])
    ours = components["PublicModel"]
    assert set(contract["required"]) <= set(ours["required"])
    assert contract["properties"].keys() <= ours["properties"].keys()
    assert set(contract["properties"]["pricing"]["properties"]) == set(components["PublicPricing"]["properties"])


def test_both_sdks_read_the_list() -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=listed(TEXT))

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        theirs = list(openai.OpenAI(api_key="k", http_client=http).models.list())
        infos = list(anthropic.Anthropic(api_key="k", http_client=http).models.list())
    assert [model.id for model in theirs] == [info.id for info in infos] == ["maker/one", "maker/two"]
    assert (theirs[0].owned_by, theirs[0].created) == ("maker", 1_767_312_000)
    assert (infos[0].display_name, infos[0].created_at.isoformat()) == ("One", "2026-01-02T00:00:00+00:00")


def test_one_model_is_the_same_as_in_the_list() -> None:
    catalogue = load(TEXT, {})
    assert public_model(catalogue.models["maker/one"]) == public_models(catalogue).data[0]
