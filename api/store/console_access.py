"""Who may sign in to the console: one token, of which a digest is kept, and the sessions that were signed out of.

A session carries (sealed) the digest of the token, and the store keeps the digest of that digest. So whoever reads the
store, or a copy of it, can make neither the token nor a session.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final, Protocol

from hyperinfer.api.given_secrets import CONSOLE_TOKEN
from hyperinfer.api.store.errors import Refused
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from hyperinfer.api.store.keys import Entropy

TOKEN_PREFIX: Final = "hc-"


class ConsoleAccess(Protocol):
    """What a store keeps for the console. All raise StoreUnavailable. `given`: the environment has the token of whoever
    serves from this store, and it would do without another."""

    given: bool

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
        """Another token in the place of the last: whose sessions all end. Raises Refused where it is `given`."""
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


def check_not_given(access: ConsoleAccess) -> None:
    """Raises Refused where nobody could sign in with a token that is made."""
    if access.given:
        raise Refused("unsupported", f"{CONSOLE_TOKEN} is set where the gateway runs, and wins: set another there")


def kept_of(proof: bytes) -> bytes:
    """What is kept to recognise it."""
    return hashlib.sha256(proof).digest()
