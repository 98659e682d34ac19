"""What the doctor is told, and looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperinfer.api.settings import Settings
    from hyperinfer.providers.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """`data`: the data folder, absolute or from where we were started. `catalogue`: None where it cannot be used. `now`:
    unix seconds. `seconds`: the most that one check may take. `offline`: nobody beyond this machine's stores and servers is
    asked. `server`: the URL of a gateway elsewhere; None for none."""

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    data: Path
    catalogue: Catalogue | None
    now: Callable[[], float]
    seconds: float
    offline: bool = False
    server: str | None = None
