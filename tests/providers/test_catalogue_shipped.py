"""The catalogue that ships: loads, names its sources, and works by configuration alone."""

import re
from pathlib import Path

import pytest

from hyperinfer.providers.catalogue import Catalogue, load

PATH = Path(__file__).parents[2] / "providers.yaml"
TEXT = PATH.read_text(encoding="utf-8")
DAY = re.compile(r"\b20[0-9]{2}-[01][0-9]-[0-3][0-9]\b")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(TEXT, {})


def test_it_loads_without_a_warning(catalogue: Catalogue) -> None:
    assert catalogue.warnings == ()


def test_it_has_the_providers_and_enough_models(catalogue: Catalogue) -> None:
    assert {
        "openai",
        "anthropic",
        "deepseek",
        "google",
        "mistral",
        "groq",
        "xai",
        "together",
        "fireworks",
        "cerebras",
        "openrouter",
        "vllm",
        "llama-cpp",
        "ollama",
    } <= catalogue.providers.keys()
    assert sum(not slug.startswith("demo/") for slug in catalogue.models) >= 30
    used = {route.provider.name for model in catalogue.models.values() for route in model.routes}
    assert used == catalogue.providers.keys(), "every provider serves some model"


def test_every_price_says_where_and_on_which_day_it_was_read(catalogue: Catalogue) -> None:
    for model in catalogue.models.values():
        if not model.pricing.is_free:
            assert "https://" in model.source, model.slug
            assert DAY.search(model.source), model.slug
        for route in model.routes:
            if route.pricing != model.pricing and not route.pricing.is_free:
                assert "https://" in route.source, (model.slug, route.model)
                assert DAY.search(route.source), (model.slug, route.model)


def test_models_are_described(catalogue: Catalogue) -> None:
    for model in catalogue.models.values():
        assert 20 < len(model.description) < 140, model.slug
        assert model.creator.name != model.creator.slug, f"{model.slug} has no creator entry"
        assert "streaming" in model.features, model.slug
        assert ("prompt_caching" in model.features) == (model.pricing.cached_prompt < model.pricing.prompt), model.slug


def test_without_any_key_only_the_demo_models_can_be_called(catalogue: Catalogue) -> None:
    assert [slug for slug, model in catalogue.models.items() if model.available] == [
        "demo/chat",
        "demo/responses",
        "demo/messages",
    ]


def test_one_variable_opens_what_it_names_and_no_more() -> None:
    catalogue = load(TEXT, {"GROQ_API_KEY": "gsk-test"})
    open_ones = {slug for slug, model in catalogue.models.items() if model.available and not slug.startswith("demo/")}
    assert open_ones == {"openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.8-27b"}
    assert [route.provider.name for route in catalogue.routes_for("qwen/qwen3.8-27b")] == ["groq"]


def test_local_servers_need_no_key() -> None:
    catalogue = load(TEXT, {"LLAMA_CPP_BASE_URL": "http://127.0.0.1:8081/v1"})
    (route,) = catalogue.routes_for("google/gemma-3-270m-it")
    assert route.provider.keys == ()
    assert route.provider.base_url == "http://127.0.0.1:8081/v1"
    assert route.quirks.turns == "alternate"


def test_the_azure_example_works_as_it_stands() -> None:
    """Taking the comment signs off the example gives a provider that is signed in to Azure's way."""
    start = TEXT.index("  # azure:")
    example = TEXT[start : TEXT.index("\n\n", start)]
    text = TEXT[:start] + example.replace("  # ", "  ") + TEXT[start + len(example) :]
    azure = load(text, {"AZURE_OPENAI_RESOURCE": "acme", "AZURE_OPENAI_API_KEY": "k"}).providers["azure"]
    assert azure.base_url == "https://acme.openai.azure.com/openai/v1"
    name, value = azure.sign(azure.keys[0])
    assert (name, value.reveal()) == ("api-key", "k")
    assert azure.missing == ()


def test_quirks_stand_where_the_servers_need_them(catalogue: Catalogue) -> None:
    quirks = {name: provider.quirks for name, provider in catalogue.providers.items()}
    assert (quirks["mistral"].tool_id, quirks["mistral"].seed_field) == ("alnum9", "random_seed")
    assert quirks["openrouter"].cache_control == "full"
    assert quirks["anthropic"].cache_control == "full"
    thinking = {model.slug: route.quirks.thinking for model in catalogue.models.values() for route in model.routes}
    assert thinking["anthropic/claude-haiku-4.5"] == "budget"
    assert thinking["anthropic/claude-opus-5"] == "adaptive"
