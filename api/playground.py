"""One-time keys for the platform's playground and chat (contract: POST /api/v1/playground-keys).

A key lives ten minutes and is used up when a request is admitted with it, not by a refusal before. For ten more minutes
it may read the generation of that request. Where the keys are kept is another matter: in the memory of the one gateway
(here), or in the Redis of all (`store/remote/one_time.py`); the laws of both are in `tests/api/playground_laws.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, final
from urllib.parse import quote

from hyperinfer.api.store.keys import digest
from hyperinfer.engine import Failure
from hyperinfer.nodes.ports import Accounts, Admission, Ledger, Principal
from hyperinfer.providers.secret import Secret

LIFETIME = 600.0
"""Seconds that a key may be used, and that it may then read its generation."""

USED_UP: Final = Failure("invalid_api_key", "This one-time key was used or has expired: make a new one for each request.")

Source = Literal["playground", "chat"]


class PlaygroundKeys(Protocol):
    """The one-time keys that are out. A service that keeps them and is away makes `internal_error` of everything."""

    async def mint(self, workspace: str, workspace_name: str, user: str, source: Source) -> tuple[Secret, float]:
        """A new key of a workspace: (secret, unix time at which it expires). Raises StoreUnavailable."""
        ...

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure | None:
        """The principal of a key that may still be used; None when the digest is not one of ours."""
        ...

    async def reader(self, secret_sha256: bytes, request_id: str) -> Principal | None:
        """The principal that may read this generation with a key that is used up."""
        ...

    async def take(self, key_id: str, request_id: str) -> Failure | None:
        """Uses a key up for a request, once more for the same one; a Failure when another was faster, or the key is gone."""
        ...

    def give_back(self, key_id: str, request_id: str) -> None:
        """The request was refused after all: the key may be used again. Does nothing when another request has it. Waits for
        nothing, so that it can be said while the request is being cancelled."""
        ...


def new_one_time_key(user: str, entropy: Callable[[int], bytes]) -> tuple[Secret, str]:
    """(secret, key id). The id tells the user, in characters that every store takes, and by `tag_of` the key."""
    secret = "hi-play-" + base64.urlsafe_b64encode(entropy(24)).decode().rstrip("=")
    return Secret(secret), f"playground:{quote(user[:200], safe='@', errors='replace')}:{tag_of(digest(secret))}"


def tag_of(secret_sha256: bytes) -> str:
    """What a key is kept under: a part of its digest, which ends its id."""
    return secret_sha256.hex()[:24]


@dataclass(slots=True)
class _Key:
    secret_sha256: bytes
    principal: Principal
    expires_at: float
    request_id: str | None = None  # of the request that used it up
    readable_until: float = 0.0


@final
class MemoryPlaygroundKeys:
    """PlaygroundKeys of one process, that die with it. `now`: unix seconds, to say when a key expires. `clock`: steady, in
    seconds, by which it does. `entropy`: n random bytes."""

    def __init__(self, now: Callable[[], float], clock: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._now, self._clock, self._entropy = now, clock, entropy
        self._keys: dict[str, _Key] = {}

    async def mint(self, workspace: str, workspace_name: str, user: str, source: Source) -> tuple[Secret, float]:
        """See the port."""
        self._forget()
        secret, key_id = new_one_time_key(user, self._entropy)
        principal = Principal(workspace=workspace, workspace_name=workspace_name, key_id=key_id, source=source)
        sha256 = digest(secret.reveal())
        self._keys[tag_of(sha256)] = _Key(sha256, principal, self._clock() + LIFETIME)
        return secret, self._now() + LIFETIME

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure | None:
        """See the port."""
        key = self._of(secret_sha256)
        if key is None:
            return None
        if key.request_id is not None or self._clock() >= key.expires_at:
            return USED_UP
        return key.principal

    async def reader(self, secret_sha256: bytes, request_id: str) -> Principal | None:
        """See the port."""
        key = self._of(secret_sha256)
        if key is None or key.request_id != request_id or self._clock() >= key.readable_until:
            return None
        return key.principal

    async def take(self, key_id: str, request_id: str) -> Failure | None:
        """See the port."""
        key = self._keys.get(key_id.rpartition(":")[2])
        if key is None or key.request_id not in (None, request_id):
            return USED_UP
        key.request_id, key.readable_until = request_id, self._clock() + LIFETIME
        return None

    def give_back(self, key_id: str, request_id: str) -> None:
        """See the port."""
        key = self._keys.get(key_id.rpartition(":")[2])
        if key is not None and key.request_id == request_id:
            key.request_id = None

    def _of(self, secret_sha256: bytes) -> _Key | None:
        key = self._keys.get(tag_of(secret_sha256))
        return key if key is not None and key.secret_sha256 == secret_sha256 else None

    def _forget(self) -> None:
        """Drops the keys that can neither be used nor read with. They stand in the order in which they expire."""
        now = self._clock()
        while self._keys:
            tag, key = next(iter(self._keys.items()))
            if now < max(key.expires_at + LIFETIME, key.readable_until):
                return
            del self._keys[tag]


class PlaygroundAccounts:
    """`Accounts` that knows one-time keys too: asked last, so that an ordinary key waits for nobody."""

    def __init__(self, accounts: Accounts, keys: PlaygroundKeys) -> None:
        self._accounts, self._keys = accounts, keys

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure:
        """See the port."""
        found = await self._accounts.authenticate(secret_sha256)
        if not isinstance(found, Failure):
            return found
        return await self._keys.authenticate(secret_sha256) or found


class PlaygroundLedger:
    """`Ledger` that uses a one-time key up at admission. Everything else is the other ledger's own."""

    def __init__(self, ledger: Ledger, keys: PlaygroundKeys) -> None:
        self._ledger, self._keys = ledger, keys
        self.take_rate, self.generation = ledger.take_rate, ledger.generation
        self.settle, self.record, self.release = ledger.settle, ledger.record, ledger.release

    def admit(self, admission: Admission) -> Coroutine[Any, Any, Failure | None]:
        """See the port."""
        return self._ledger.admit(admission) if admission.principal.source == "api" else self._admit_once(admission)

    async def _admit_once(self, admission: Admission) -> Failure | None:
        key_id, request_id = admission.principal.key_id, admission.interrupted.id
        admitted = False
        try:
            refusal = await self._keys.take(key_id, request_id)
            if refusal is None:
                refusal = await self._ledger.admit(admission)
                admitted = refusal is None
        finally:  # also when the client left meanwhile
            if not admitted:
                self._keys.give_back(key_id, request_id)
        return refusal
