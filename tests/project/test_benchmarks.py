"""benchmarks/README.md says of each script what it measures and how it is run."""

from __future__ import annotations

import re

from tests.project.tree import ROOT

TEXT = (ROOT / "benchmarks" / "README.md").read_text("utf-8")


def test_every_script_is_in_the_table() -> None:
    rows = re.findall(r"^\| \[(\w+)\.py\]\((\w+)\.py\) \|(.+)$", TEXT, re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == sorted(file.stem for file in (ROOT / "benchmarks").glob("*.py"))
    for name, link, row in rows:
        assert name == link
        assert re.search(rf"`\.venv/bin/python (benchmarks/{name}\.py|-m benchmarks\.{name}) ", row)
