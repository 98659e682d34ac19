"""docs/errors.md: every code and status that a client can get, and every code of the command line."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from hyperinfer.api.edge import refusals
from hyperinfer.api.explained import EXPLAINED
from hyperinfer.api.store.errors import RefusalCode
from hyperinfer.formats.errors import CODES
from tests.project.errors_page import PAGE, kept, made
from tests.project.tree import ROOT

TEXT = PAGE.read_text("utf-8")


def test_the_page_is_what_the_gateway_explains() -> None:
    assert kept() == made(), "python -m tests.project.errors_page"


def test_every_code_is_explained_with_its_own_status() -> None:
    explained = {(each.code, each.status) for each in EXPLAINED}
    assert len(explained) == len(EXPLAINED)
    assert set(CODES.items()) <= explained
    assert {code for code, _ in explained} == set(CODES)


def test_every_status_that_is_given_beside_those_is_explained() -> None:
    """A status in the source in the place of the code's own."""
    given = {*map(int, re.findall(r"^    (\d{3}): ", (ROOT / "api/edge/refusals.py").read_text(), re.MULTILINE))}
    assert given >= {403, 408, 431, 501, 505}
    assert refusals.words_of(501) in (ROOT / "api/edge/refusals.py").read_text()
    for file in (ROOT / "api").rglob("*.py"):
        source = file.read_text("utf-8")
        if "console" in file.parts or "replay" in file.parts or file.parent.name in ("cli", "openapi", "doctor"):
            continue
        given |= {int(found) for found in re.findall(r"\bstatus=(\d{3})\b", source)}
        given |= {int(found) for found in re.findall(r"_refused\((\d{3}),", source)}
    unexplained = given - {each.status for each in EXPLAINED}
    assert unexplained == set()


@pytest.mark.parametrize("each", EXPLAINED, ids=lambda each: each.anchor)
def test_an_explanation_says_what_to_do(each: object) -> None:
    section = TEXT.partition(f"### {getattr(each, 'code').replace('_', '-')} {getattr(each, 'status')}\n")[2]  # noqa: B009
    assert section.startswith("\n")
    assert len(section.partition("- Who calls: ")[2].partition("\n")[0].split()) >= 3


def test_the_codes_of_the_command_line_are_all_there() -> None:
    found: set[str] = set(get_args(RefusalCode))
    for file in (ROOT / "api" / "cli").glob("*.py"):
        source = file.read_text("utf-8")
        found |= set(re.findall(r'(?:CommandRefused|super\(\).__init__|output\.error)\(\s*"([a-z_]+)"', source))
    assert {"settings", "catalogue", "usage", "no_store"} - {"no_store"} <= found
    table = TEXT.partition("## The command line")[2]
    assert sorted(code for code in found if f"`{code}`" not in table) == []
