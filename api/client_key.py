"""The API key in a request's headers (RULES: Headers and ids)."""

from __future__ import annotations

from collections.abc import Mapping


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key in `Authorization: Bearer` or `x-api-key`, by lower-case header name.

    A client may send both, one of them made for another service: the one that looks like ours counts.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    found = [token.strip()] if scheme.lower() == "bearer" else []
    found.append(headers.get("x-api-key", "").strip())
    present = [key for key in found if key]
    return next((key for key in present if key.startswith("hi-")), present[0] if present else None)
