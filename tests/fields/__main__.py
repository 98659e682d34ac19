"""Writes `docs/formats.md` anew."""

from __future__ import annotations

from pathlib import Path

from tests.fields.page import page

(Path(__file__).parents[2] / "docs" / "formats.md").write_text(page(), "utf-8")
