"""What the doctor found: one line for each thing that was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

State: TypeAlias = Literal["ok", "note", "warning", "problem"]
"""`note`: worth knowing, and nothing is wrong. Warnings and problems are to be fixed; a problem keeps requests from being
served, or bills from being right."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`area` and `name`: what was looked at. `what`: how it stands, without secrets. `fix`: exactly what to do; "" where
    there is nothing to do. `facts`: JSON-representable."""

    area: str
    name: str
    state: State
    what: str
    fix: str = ""
    facts: Mapping[str, object] = field(default_factory=dict[str, object])


@final
class Findings:
    """Those of one area, as they come."""

    def __init__(self, area: str) -> None:
        self.area = area
        self.found: list[Finding] = []

    def ok(self, name: str, what: str, **facts: object) -> None:
        """All is well."""
        self._add(name, "ok", what, "", facts)

    def note(self, name: str, what: str, fix: str = "", **facts: object) -> None:
        """Worth knowing."""
        self._add(name, "note", what, fix, facts)

    def warning(self, name: str, what: str, fix: str, **facts: object) -> None:
        """Something that will hurt one day."""
        self._add(name, "warning", what, fix, facts)

    def problem(self, name: str, what: str, fix: str, **facts: object) -> None:
        """Something that does not work."""
        self._add(name, "problem", what, fix, facts)

    def _add(self, name: str, state: State, what: str, fix: str, facts: Mapping[str, object]) -> None:
        self.found.append(Finding(self.area, name, state, what, fix, facts))
