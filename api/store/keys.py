"""Making keys and ids, and telling a key by what may be shown of it. Randomness and time are passed in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from hyperinfer.api.store.errors import Refused
from hyperinfer.nodes.money import PICO_LIMIT
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.api.store.records import KeyRecord, KeyTerms

Entropy = Callable[[int], bytes]
"""So many random bytes, fit for secrets: `os.urandom`, or a seeded source in a test."""

KEY_PREFIX: Final = "hi-"
_SHOWN = 11
"""`hi-` and eight characters: enough to tell keys apart, far too little to guess the other 35."""
_NAME_LIMIT = 100


def new_secret(entropy: Entropy) -> Secret:
    """A secret of 256 bits: `hi-` and 43 characters of [A-Za-z0-9_-]."""
    return Secret(KEY_PREFIX + base64.urlsafe_b64encode(entropy(32)).rstrip(b"=").decode())


def new_id(kind: str, now: float, entropy: Entropy) -> str:
    """An id such as `key_0198…`: the milliseconds since 1970, so that ids sort by time, and 40 random bits."""
    return f"{kind}_{int(now * 1000):012x}{entropy(5).hex()}"


def digest(secret: str) -> bytes:
    """What is stored and looked up instead of a secret. Any text: what a client sends need not be valid Unicode."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def shown(secret: Secret) -> tuple[str, str]:
    """(prefix, last four) to list a key by. Of a short secret, which only an operator's own can be, less is shown."""
    text = secret.reveal()
    if len(text) < 2 * _SHOWN:
        return KEY_PREFIX, ""
    return text[:_SHOWN], text[-4:]


def find_key(keys: Sequence[KeyRecord], exact: KeyRecord | None, reference: str) -> KeyRecord:
    """The one key that is meant by an id or the beginning of its shown prefix; `exact` if the reference is a secret.

    Raises Refused when there is none or more than one. Keys already revoked give way to others.
    """
    if exact is not None:
        return exact
    for key in keys:
        if key.id == reference:
            return key
    found = [key for key in keys if len(reference) > len(KEY_PREFIX) and key.prefix.startswith(reference)]
    found = [key for key in found if key.revoked_at is None] or found
    if not found:
        raise Refused("not_found", f"no key with the id or prefix {_masked(reference)!r}")
    if len(found) > 1:
        raise Refused("ambiguous", f"{reference!r} fits {len(found)} keys: {', '.join(key.id for key in found)}")
    return found[0]


def check_name(name: str, what: str) -> str:
    """The name without blanks around it. Raises Refused when it cannot be a name."""
    name = name.strip()
    if not name or len(name) > _NAME_LIMIT or not name.isprintable():
        raise Refused("invalid", f"a {what}'s name has 1 to {_NAME_LIMIT} printable characters")
    return name


def check_terms(terms: KeyTerms) -> None:
    """Raises Refused when a limit is not one."""
    for field in ("limit_daily", "limit_monthly", "limit_total"):
        limit: int | None = getattr(terms, field)
        if limit is not None and not 0 <= limit <= PICO_LIMIT:
            raise Refused("invalid", f"{field} is not an amount that can be a limit")
    for field in ("rate_per_minute", "burst"):
        count: int | None = getattr(terms, field)
        if count is not None and not 1 <= count <= 1_000_000:
            raise Refused("invalid", f"{field} must be between 1 and 1000000")
    if terms.models is not None and (not terms.models or not all(map(str.isprintable, terms.models))):
        raise Refused("invalid", "the list of models is empty or has names that cannot be shown")
    if terms.name:
        check_name(terms.name, "key")


def _masked(reference: str) -> str:
    """Somebody may have pasted a whole secret."""
    return reference if len(reference) <= 24 or not reference.startswith(KEY_PREFIX) else f"{reference[:_SHOWN]}…"
