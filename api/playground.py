"""One-time keys for the platform's playground and chat (contract: POST /api/v1/playground-keys).

A key lives ten minutes and is used up when a request is admitted with it, not by a refusal before. For ten more minutes
it may read the generation of that request. In memory: a key dies with the process.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hyperinfer.api.store.keys import digest
from hyperinfer.engine import Failure
from hyperinfer.nodes.ports import Accounts, Admission, Generation, Ledger, Principal, Rate
from hyperinfer.providers.secret import Secret

LIFETIME = 600.0
"""Seconds that a key may be used, and that it may then read its generation."""

Source = Literal["playground", "chat"]


@dataclass(slots=True)
class _Key:
    principal: Principal
    expires_at: float
    request_id: str | None = None  # of the request that used it up
    readable_until: float = 0.0


class PlaygroundKeys:
    """The keys that are out. `now`: unix seconds. `entropy`: n random bytes."""

    def __init__(self, now: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._now, self._entropy = now, entropy
        self._keys: dict[bytes, _Key] = {}
        self._by_id: dict[str, _Key] = {}

    def mint(self, workspace: str, workspace_name: str, user: str, source: Source) -> tuple[Secret, float]:
        """A new key of a workspace: (secret, unix time at which it expires)."""
        self._forget()
        secret = "hi-play-" + base64.urlsafe_b64encode(self._entropy(24)).decode().rstrip("=")
        key_id = f"playground:{user}:{self._entropy(6).hex()}"
        principal = Principal(workspace=workspace, workspace_name=workspace_name, key_id=key_id, source=source)
        key = _Key(principal, self._now() + LIFETIME)
        self._keys[digest(secret)] = key
        self._by_id[key_id] = key
        return Secret(secret), key.expires_at

    def authenticate(self, secret_sha256: bytes) -> Principal | Failure | None:
        """The principal of a key that may still be used; None when the digest is not one of ours."""
        key = self._keys.get(secret_sha256)
        if key is None:
            return None
        if key.request_id is not None or self._now() >= key.expires_at:
            return Failure("invalid_api_key", "This one-time key has been used or has expired.")
        return key.principal

    def reader(self, secret_sha256: bytes, request_id: str) -> Principal | None:
        """The principal that may read this generation with a key that is used up."""
        key = self._keys.get(secret_sha256)
        if key is None or key.request_id != request_id or self._now() >= key.readable_until:
            return None
        return key.principal

    def take(self, key_id: str, request_id: str) -> bool:
        """Uses a key up for a request. False when another request was faster. Keys of other kinds are always free."""
        key = self._by_id.get(key_id)
        if key is None:
            return True
        if key.request_id not in (None, request_id):
            return False
        key.request_id, key.readable_until = request_id, self._now() + LIFETIME
        return True

    def give_back(self, key_id: str, request_id: str) -> None:
        """The request was refused after all: the key may be used again."""
        key = self._by_id.get(key_id)
        if key is not None and key.request_id == request_id:
            key.request_id = None

    def _forget(self) -> None:
        """Drops the keys that can neither be used nor read with. They stand in the order in which they expire."""
        now = self._now()
        while self._keys:
            sha256, key = next(iter(self._keys.items()))
            if now < max(key.expires_at + LIFETIME, key.readable_until):
                return
            del self._keys[sha256], self._by_id[key.principal.key_id]


class PlaygroundAccounts:
    """`Accounts` that knows one-time keys too."""

    def __init__(self, accounts: Accounts, keys: PlaygroundKeys) -> None:
        self._accounts, self._keys = accounts, keys

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure:
        """See the port."""
        found = self._keys.authenticate(secret_sha256)
        return found if found is not None else await self._accounts.authenticate(secret_sha256)


class PlaygroundLedger:
    """`Ledger` that uses a one-time key up at admission."""

    def __init__(self, ledger: Ledger, keys: PlaygroundKeys) -> None:
        self._ledger, self._keys = ledger, keys

    async def admit(self, admission: Admission) -> Failure | None:
        """See the port."""
        principal, request_id = admission.principal, admission.interrupted.id
        if not self._keys.take(principal.key_id, request_id):
            return Failure("invalid_api_key", "This one-time key has been used or has expired.")
        admitted = False
        try:
            refusal = await self._ledger.admit(admission)
            admitted = refusal is None
        finally:  # also when the client left meanwhile
            if not admitted:
                self._keys.give_back(principal.key_id, request_id)
        return refusal

    async def take_rate(self, principal: Principal, rate: Rate) -> Failure | None:
        """See the port."""
        return await self._ledger.take_rate(principal, rate)

    async def settle(self, generation: Generation) -> None:
        """See the port."""
        await self._ledger.settle(generation)

    async def release(self, request_id: str) -> None:
        """See the port."""
        await self._ledger.release(request_id)

    async def generation(self, workspace: str, id: str) -> Generation | None:
        """See the port."""
        return await self._ledger.generation(workspace, id)
