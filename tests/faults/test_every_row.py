"""Every row of the list of faults has a test that is named after it."""

from __future__ import annotations

import csv
import re
from pathlib import Path


def test_every_row_has_a_test(shared: Path) -> None:
    with (shared / "faults.tsv").open(encoding="utf-8", newline="") as file:
        ids = {row["id"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    named = re.findall(r"^(?:async def |def )?test_(F\d{3})_", "\n".join(sources), re.MULTILINE)
    assert len(named) == len(set(named)), "an id in two tests"
    assert set(named) == ids
