"""docs/graphs.md: its examples print what it says, pictures are what they draw, and all names of the engine are in it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from hyperinfer import engine
from hyperinfer.engine import testing
from tests.project.blocks import blocks
from tests.project.pictures import PAGE, made

TEXT = PAGE.read_text("utf-8")


def test_the_page_is_what_its_examples_make() -> None:
    assert made(TEXT) == TEXT, "run: make pictures"


def test_there_are_pictures_and_outputs() -> None:
    kinds = Counter(block.kind for block in blocks("docs/graphs.md", "example", "output", "picture"))
    assert min(kinds.values()) >= 6


@pytest.mark.parametrize("name", engine.__all__)
def test_every_public_name_of_the_engine_is_explained(name: str) -> None:
    assert re.search(rf"^\| .*`{name}`", TEXT, re.MULTILINE)


@pytest.mark.parametrize("name", ["check_node", "run_virtual"])
def test_the_test_kit_has_what_the_page_names(name: str) -> None:
    assert name in TEXT
    assert hasattr(testing, name)
