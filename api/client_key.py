"""The API key in a request's headers (RULES: Headers and ids)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KEY_BEGINS: Final = "hi-"
"""Each of our keys."""

FOREIGN: Final = (
    "This is no key of this gateway: all of them begin with hi-. Is it another service's, or a variable that is not set?"
)


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key in `Authorization: Bearer` or `x-api-key`, by lower-case header name.

    A client may send both, one of them made for another service: the one that looks like ours counts.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if token and scheme.lower() == "bearer" else ""
    other = headers.get("x-api-key")
    if other and (other := other.strip()):
        ours = other.startswith(KEY_BEGINS) and not bearer.startswith(KEY_BEGINS)
        if not bearer or ours:
            return other
    return bearer or None
