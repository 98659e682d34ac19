"""docs/conformance.md lists the checks as they are."""

from __future__ import annotations

from hyperinfer.testing.conformance.checks import CHECKS
from tests.project.tree import ROOT


def test_the_page_has_every_check_as_it_is() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    rows = [f"| `{check.id}` | {check.wants} | {check.source} |" for check in CHECKS]
    assert "\n".join(rows) in page
