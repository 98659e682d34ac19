"""One document with fields to look at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Example:
    """`area`: the heading under which its fields are shown. `document`: a request, a whole reply, or the frames of a
    stream, without duplicates of values wherever one is to be found again: such values begin with `zq`."""

    area: str
    document: Any


def lines(name: str) -> list[dict[str, Any]]:
    """The objects of a data file, one in each line."""
    return [json.loads(line) for line in (_DATA / name).read_text("utf-8").splitlines()]


def by_area(areas: Mapping[str, Iterable[Any]]) -> tuple[Example, ...]:
    """The documents of each area as examples."""
    return tuple(Example(area, document) for area, documents in areas.items() for document in documents)
