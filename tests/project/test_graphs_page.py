"""docs/graphs.md: its examples print what it says, pictures are what they draw, and all names of the engine are in it."""

from __future__ import annotations

import re

import pytest

from hyperinfer import engine
from hyperinfer.engine import testing
from tests.project.pictures import PAGE, made

TEXT = PAGE.read_text("utf-8")


def test_the_page_is_what_its_examples_make() -> None:
    assert made(TEXT) == TEXT, "run: make pictures"


def test_there_are_pictures_and_outputs() -> None:
    for kind in ("example", "output", "picture"):
        assert len(re.findall(rf"^<!-- {kind}: \w+ -->$", TEXT, re.MULTILINE)) >= 6


@pytest.mark.parametrize("name", engine.__all__)
def test_every_public_name_of_the_engine_is_explained(name: str) -> None:
    assert re.search(rf"^\| .*`{name}`", TEXT, re.MULTILINE)


@pytest.mark.parametrize("name", ["check_node", "run_virtual"])
def test_the_test_kit_has_what_the_page_names(name: str) -> None:
    assert name in TEXT
    assert hasattr(testing, name)


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)", TEXT))
def test_links_lead_somewhere(target: str) -> None:
    assert (PAGE.parent / target).exists()
