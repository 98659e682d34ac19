"""Idempotency keys: which request a client's key stands for, and the two operations on that which a store has."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

CLAIM_SECONDS: Final = 24 * 3600.0
"""So long a key stands for a request."""


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """A key of a workspace and the request that came with it. key: SHA-256 of the header; body: of path and body."""

    workspace: str
    key: bytes
    body: bytes
    request: str
    created_at: float


class Claims(Protocol):
    """Durable on return. Both raise what the store raises that is away."""

    async def claim(self, claim: Claim) -> Claim:
        """The claim that holds for this key: this one if there was none, or none of the last day; else the earlier one."""
        ...

    async def replace_claim(self, earlier: str, claim: Claim) -> Claim:
        """The same, where a claim of the request `earlier` counts as none."""
        ...

    async def under_way(self, workspace: str, request: str) -> bool:
        """Whether a request has been admitted, anywhere, and has no row yet."""
        ...
