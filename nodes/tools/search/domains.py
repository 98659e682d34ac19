"""Domains as callers and models write them, and which pages belong to them.

`example.com` means the host and all below it, `example.com/blog` of these only what is under that path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import idna
import msgspec

MOST_DOMAINS: Final = 100
"""In one list, as OpenAI has it."""

_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,62}(?<!-))?(?:\.[a-z0-9](?:[a-z0-9-]{0,62}(?<!-))?)*\Z")
_LONGEST: Final = 500


class Domain(msgspec.Struct, frozen=True):
    """`host`: in lower case, in the letters of DNS. `path`: empty, or begins with a slash and does not end with one."""

    host: str
    path: str = ""

    def holds(self, host: str, path: str) -> bool:
        """Whether a page at that host and path belongs to it."""
        if host != self.host and not host.endswith("." + self.host):
            return False
        return not self.path or path == self.path or path.startswith(self.path + "/")

    def within(self, other: Domain) -> bool:
        """Whether all of its pages belong to the other, too."""
        return other.holds(self.host, self.path)


def domain(text: str) -> Domain | None:
    """`example.com`, `*.example.com`, `https://Example.com/blog/*`; None for what is no domain."""
    bare = re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*://", "", text.strip()) if len(text) <= _LONGEST else ""
    host, _, path = bare.partition("/")
    host = _in_dns(host.removeprefix("*.").rstrip("."))
    path = path.rstrip("*").strip("/")
    if not _HOST.match(host) or "*" in path or not path.isprintable():
        return None
    return Domain(host, "/" + path if path else "")


def belongs(url: str, allowed: Iterable[Domain], blocked: Iterable[Domain]) -> bool:
    """Whether a page may be shown: it belongs to one that is allowed, where any is, and to none that is blocked."""
    try:
        parts = urlsplit(url)
        host = _in_dns((parts.hostname or "").rstrip("."))
    except ValueError:
        return False
    allowed = tuple(allowed)
    if any(each.holds(host, parts.path) for each in blocked):
        return False
    return not allowed or any(each.holds(host, parts.path) for each in allowed)


def _in_dns(host: str) -> str:
    """A host name as DNS has it; what is none stays as it is, and is refused later."""
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except UnicodeError:
        return host
