"""What a run of the program came to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


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


class Terminal(io.StringIO):
    """A stream that looks like a terminal, and keeps what was printed."""

    def isatty(self) -> bool:
        """It does."""
        return True


def with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminals have colours, and nothing in the environment says otherwise."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


Cli = Callable[..., Ran]
"""`cli("keys list --json")` or `cli("workspaces", "create", "a b", environ={…})`."""
