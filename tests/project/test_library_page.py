"""docs/library.md: its example prints what it says, and every name of the nodes is in it."""

from __future__ import annotations

import re

import pytest

from hyperinfer import nodes
from hyperinfer.engine import testing
from tests.project.examples import Example, examples
from tests.project.tree import ROOT

PAGE = "docs/library.md"
TEXT = (ROOT / PAGE).read_text("utf-8")


@pytest.mark.parametrize("example", examples(PAGE).values(), ids=lambda example: example.name)
def test_the_example_prints_what_the_page_says(example: Example) -> None:
    assert example.output
    assert example.run().decode() == example.output


def test_there_is_an_example() -> None:
    assert "words" in examples(PAGE)


@pytest.mark.parametrize("name", nodes.__all__)
def test_every_public_name_of_the_nodes_is_explained(name: str) -> None:
    assert re.search(rf"`{name}\b", TEXT)


def test_the_test_kit_has_what_the_page_names() -> None:
    kit = TEXT.partition("`hyperinfer.engine.testing`")[2]
    named = re.findall(r"`(\w+)`", kit)
    assert named
    assert all(hasattr(testing, name) for name in named)


def test_the_readme_leads_here() -> None:
    assert f"]({PAGE})" in (ROOT / "README.md").read_text("utf-8")
