"""Who may sign in to the console: one token, of which a digest is kept, and the sessions that were signed out of.

A session carries (sealed) the digest of the token, and the store keeps the digest of that digest. So whoever reads the
store, or a copy of it, can make neither the token nor a session.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final, Protocol

from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from hyperinfer.api.store.keys import Entropy

TOKEN_PREFIX: Final = "hc-"


class ConsoleAccess(Protocol):
    """What a store keeps for the console. All raise StoreUnavailable."""

    async def kept(self) -> bytes | None:
        """What is kept of the token of now; None where none was ever made."""
        ...

    async def signed_out(self, session: bytes) -> bool:
        """Whether somebody has signed out of this session (16 bytes)."""
        ...

    async def first_token(self) -> Secret | None:
        """A token, if there never was one; None where there is."""
        ...

    async def new_token(self) -> Secret:
        """Another token in the place of the last: whose sessions all end."""
        ...

    async def sign_out(self, session: bytes, until: float) -> None:
        """Ends a session before its time, which is `until` (unix seconds). Durable on return; repeats are fine."""
        ...


def new_console_token(entropy: Entropy) -> Secret:
    """A token of 256 bits: `hc-` and 43 characters of [A-Za-z0-9_-]."""
    return Secret(TOKEN_PREFIX + base64.urlsafe_b64encode(entropy(32)).rstrip(b"=").decode())


def proof_of(token: Secret) -> bytes:
    """The digest that whoever has the token can show."""
    return hashlib.sha256(token.reveal().encode("utf-8", "surrogatepass")).digest()


def kept_of(proof: bytes) -> bytes:
    """What is kept to recognise it."""
    return hashlib.sha256(proof).digest()
