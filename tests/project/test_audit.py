"""What `make audit` makes of what its tools say."""

from __future__ import annotations

from typing import Any

from tests.project.audit import LOCKS, Verdict, verdict_of, yanked_in
from tests.project.test_locks import WANTED


def test_every_lock_is_looked_at() -> None:
    assert set(LOCKS) == set(WANTED)


def test_holes_are_told_and_who_was_not_asked_is_not_taken_for_well() -> None:
    hole: dict[str, Any] = {"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"], "aliases": [], "description": ""}
    report: dict[str, Any] = {
        "dependencies": [
            {"name": "well", "version": "1", "vulns": []},
            {"name": "ill", "version": "1.0", "vulns": [hole, {**hole, "id": "PYSEC-2", "fix_versions": []}]},
            {"name": "unknown", "skip_reason": "Dependency not found on PyPI and could not be audited"},
        ]
    }
    holes = ("ill 1.0: PYSEC-1, fixed in 1.1, 2.0", "ill 1.0: PYSEC-2, fixed in nothing yet")
    assert verdict_of(report) == Verdict(holes, asked=2, packages=3)


def test_what_pip_says_of_a_withdrawn_one() -> None:
    said = "WARNING: The candidate selected for download is a yanked version: 'x' candidate (version 1 at …)\nelse"
    (line,) = yanked_in(said)
    assert "'x' candidate (version 1" in line
    assert yanked_in("all well") == ()
