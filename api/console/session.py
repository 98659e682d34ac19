"""Sessions of the console: what a cookie says, and whether it is true. Pure.

A session is signed with what is kept of the token, and carries the proof of the token, sealed with the same. So every
worker and every machine can tell a true one without any memory; another token ends all; a thief of the cookie learns no
more than the cookie; and a reader of the store, who lacks the proof, can make none.

    version (1) · expiry (8: unix seconds) · id (16: random) · proof (32, XOR a pad of the id) · signature (32)

in base64url without padding.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hyperinfer.api.store.console_access import kept_of

LIFETIME: Final = 12 * 3600
"""Seconds from the sign-in, whatever is done meanwhile."""

_VERSION: Final = b"\x01"
_ID: Final = slice(9, 25)
_PROOF: Final = slice(25, 57)
_SIGNED: Final = 57
_LENGTH: Final = 89


@dataclass(frozen=True, slots=True)
class Session:
    """id: 16 bytes. expires_at: unix seconds. csrf: what each change must say; nobody but its pages can know it."""

    id: bytes
    expires_at: int
    csrf: str


def begin(proof: bytes, now: float, entropy: Callable[[int], bytes]) -> tuple[str, Session]:
    """A new session of whoever showed the token: (what its cookie says, the session). `now`: unix seconds."""
    kept, id_ = kept_of(proof), entropy(16)
    expires_at = int(now) + LIFETIME
    said = _VERSION + expires_at.to_bytes(8, "big") + id_ + _sealed(proof, kept, id_)
    signed = said + _mac(kept, b"session", said)
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode(), Session(id_, expires_at, _csrf(proof, id_))


def read(cookie: str, kept: bytes, now: float) -> Session | None:
    """The session, if it is one of the token that is kept, and has not expired."""
    signed = _decoded(cookie)
    if signed is None or len(signed) != _LENGTH or signed[:1] != _VERSION:
        return None
    said, signature = signed[:_SIGNED], signed[_SIGNED:]
    if not hmac.compare_digest(signature, _mac(kept, b"session", said)):
        return None
    expires_at, id_ = int.from_bytes(signed[1:9], "big"), signed[_ID]
    proof = _sealed(signed[_PROOF], kept, id_)
    if expires_at <= now or not hmac.compare_digest(kept_of(proof), kept):
        return None
    return Session(id_, expires_at, _csrf(proof, id_))


def cookie_name(kept: bytes, *, secure: bool) -> str:
    """One for each token, as cookies of one host are not told apart by port: two gateways on it do not sign each other's
    operators out. `secure`: a browser takes `__Host-` from TLS alone, and from nobody else of the domain."""
    return f"{'__Host-' if secure else ''}hyperinfer-console-{_mac(kept, b'cookie', b'').hex()[:8]}"


def set_cookie(name: str, value: str, seconds: int, *, secure: bool) -> str:
    """The header's value. 0 seconds: the browser forgets it."""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"


def _decoded(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # One text for each session: the last character has bits to spare.
    return data if base64.urlsafe_b64encode(data).rstrip(b"=") == text.encode() else None


def _sealed(data: bytes, kept: bytes, id_: bytes) -> bytes:
    """Sealed, or opened again: the pad is of this session alone."""
    return bytes(one ^ other for one, other in zip(data, _mac(kept, b"pad", id_), strict=True))


def _csrf(proof: bytes, id_: bytes) -> str:
    return base64.urlsafe_b64encode(_mac(proof, b"csrf", id_)).rstrip(b"=").decode()


def _mac(key: bytes, what: bytes, data: bytes) -> bytes:
    return hmac.new(key, b"hyperinfer console " + what + b"\0" + data, hashlib.sha256).digest()
