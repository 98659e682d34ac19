"""How the console is set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperinfer.providers.secret import Secret


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """token: the one that may sign in, instead of the store's; None: the store's."""

    token: Secret | None = None
