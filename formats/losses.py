"""What is not a Loss (RULES: How the contract is read), so that every dialect agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.wire import join

NEUTRAL = frozenset(
    {
        "include",
        "stream_options",
        "prompt_cache_key",
        "client_metadata",
        "user",
        "obfuscation",
        "stream",
    }
)
"""Top-level fields whose absence upstream is never a Loss."""


def losses_of_extra(extra: Mapping[str, Any] | None, path: str, reason: str) -> list[Loss]:
    """A Loss for each field that says something: nulls and empty containers do not, nor do neutral fields of the request
    itself (`path` is empty)."""
    return [
        Loss(join(path, name), reason)
        for name, value in (extra or {}).items()
        if value is not None and value != [] and value != {} and (path or name not in NEUTRAL)
    ]
