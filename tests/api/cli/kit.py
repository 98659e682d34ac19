"""What a run of the program came to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ran:
    """What a run came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error of a run with --json."""
        assert self.out == ""
        return json.loads(self.err)["error"]


Cli = Callable[..., Ran]
"""`cli("keys list --json")` or `cli("workspaces", "create", "a b", environ={…})`."""
