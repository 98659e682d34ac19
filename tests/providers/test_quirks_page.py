"""The documentation of the quirks is the record of the quirks."""

from dataclasses import fields
from pathlib import Path

from hyperinfer.providers.quirks import Quirks, quirk_facts
from hyperinfer.providers.quirks_page import quirks_page

PAGE = Path(__file__).parents[2] / "docs" / "quirks.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == quirks_page()


def test_every_quirk_and_value_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for item in fields(Quirks):
        assert f"## `{item.name}`" in page
    for fact in quirk_facts():
        section = page.split(f"## `{fact.name}`", 1)[1].split("\n## ", 1)[0]
        assert fact.default in fact.values
        assert len(fact.text) > 20
        for value in fact.values:
            assert f"`{value}`" in section


def test_the_quirks_that_the_rules_name_exist() -> None:
    values = {fact.name: set(fact.values) for fact in quirk_facts()}
    assert "alnum9" in values["tool_id"]
    assert {"none", "no_ttl", "full"} <= values["cache_control"]
    assert "omit" in values["sampling"]
    assert {"budget", "adaptive"} <= values["thinking"]
    assert "fold" in values["system_role"]
    assert {"max_tokens", "max_completion_tokens"} <= values["max_tokens_field"]
