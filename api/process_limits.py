"""How many descriptors this process may have, and so how many connections it takes."""

from __future__ import annotations

import resource
from contextlib import suppress

OWN_DESCRIPTORS = 128
"""Beside connections: the store's, the listeners', logs, lookups, idle connections that are just being replaced."""


def raise_file_limit() -> int | None:
    """Raises the soft limit of descriptors to the hard one, as far as the machine lets us; returns it, None for no limit.

    A common default of 1,024 would be 500 requests: each has a client's connection and a provider's.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def connections_within(descriptors: int | None, wanted: int) -> int:
    """How many clients fit into so many descriptors, at most `wanted`, each with a connection to a provider."""
    if descriptors is None:
        return wanted
    return max(1, min(wanted, (descriptors - OWN_DESCRIPTORS) // 2))
