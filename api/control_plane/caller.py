"""Who sent a request of these routes: by its API key, or by the platform's token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import request

from hyperinfer.api.client_key import key_of
from hyperinfer.api.control_plane.envelope import Refusal, refusal_of
from hyperinfer.api.store.keys import digest
from hyperinfer.engine import Failure
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from hyperinfer.api.gateway import Gateway
    from hyperinfer.nodes.ports import Accounts, Principal


def sent_key() -> bytes:
    """The SHA-256 digest of the request's API key. Raises Refusal when it has none."""
    secret = key_of({name.lower(): value for name, value in request.headers.items()})
    if secret is None:
        raise Refusal("invalid_api_key", "No API key: send Authorization: Bearer hi-… or x-api-key: hi-….")
    return digest(secret)


async def authenticated(accounts: Accounts, sha256: bytes) -> Principal:
    """The principal of a key. Raises Refusal."""
    found = await accounts.authenticate(sha256)
    if isinstance(found, Failure):
        raise refusal_of(found)
    return found


def require_platform(gateway: Gateway) -> None:
    """Raises Refusal unless the request has the internal token. Compared in constant time, as all secrets are; where none
    is set, none is right."""
    sent = Secret(request.headers.get("x-internal-token", ""))
    if gateway.internal_token is None or sent != gateway.internal_token:
        raise Refusal("invalid_api_key", "This route is for the platform: send its token in X-Internal-Token.")
