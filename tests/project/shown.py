"""What a page shows of what a command prints: `…` stands for anything, on a line or as a line of its own."""

from __future__ import annotations

import re

_VARYING = {r'("id":")[\w\\-]+': r"\1[\\w-]+", r'("created":)\d+': r"\1\\d+", r"\d+\\\.\d+(\\ m?s\b)": r"[\\d.]+\1"}
"""Ids and times: what each line has others of in every run."""


def pattern(line: str) -> str:
    """A shown line as a pattern: `…` for anything, and any id and time."""
    parts = [re.escape(part) for part in line.split("…")]
    text = ".*".join(parts)
    for shown, any_such in _VARYING.items():
        text = re.sub(shown, any_such, text)
    return text


def check_shown(printed: list[str], expected: list[str]) -> None:
    """Every shown line is there, in order; a line `…` stands for any number of lines, and nothing follows the last."""
    lines = iter(printed)
    skipping = False
    for line in expected:
        if line == "…":
            skipping = True
            continue
        found = next(lines, None)
        while skipping and found is not None and not re.fullmatch(pattern(line), found):
            found = next(lines, None)
        assert re.fullmatch(pattern(line), found or ""), f"the page shows {line}\nthere came {found}"
        skipping = False
    assert skipping or list(lines) == []
