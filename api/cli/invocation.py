"""One call of the program: what it was asked, and how it says that it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from hyperinfer.api.cli.output import Output

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130


class UsageError(Exception):
    """The command line or an environment variable cannot be understood: exit 2. `see`: the command whose help tells."""

    def __init__(self, message: str, *, see: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.see = see


class CommandRefused(Exception):
    """It was understood and cannot be done: exit 1. `details` goes into the JSON form of the error."""

    def __init__(self, code: str, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What a verb gets. `now`: unix seconds; `folder`: where relative paths and `./providers.yaml` are looked up."""

    arguments: Namespace
    environ: Mapping[str, str]
    output: Output
    now: Callable[[], float]
    folder: Path = field(default_factory=Path)
