"""What is not a Loss (RULES: How the contract is read), so that every dialect agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyperinfer.formats.codec import Loss

NEUTRAL = frozenset(
    {
        "include",
        "stream_options",
        "prompt_cache_key",
        "client_metadata",
        "user",
        "obfuscation",
        "safety_identifier",
        "stream",
    }
)
"""Top-level fields whose absence upstream changes nothing in the answer."""


def losses_of_extra(extra: Mapping[str, Any] | None, path: str, reason: str) -> list[Loss]:
    """A Loss for each field that says something: nulls, empty containers and neutral fields are none."""
    return [
        Loss(f"{path}.{name}" if path else name, reason)
        for name, value in (extra or {}).items()
        if name not in NEUTRAL and value is not None and value != [] and value != {}
    ]
