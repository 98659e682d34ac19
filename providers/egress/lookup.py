"""Names to addresses, once for each connection, and nothing but addresses that all may be gone to."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from hyperinfer.providers.egress.addresses import Address, Network, refusal
from hyperinfer.providers.egress.errors import EgressError

if TYPE_CHECKING:
    from hyperinfer.providers.egress.urls import Target

Resolve: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a name, as text, best first. Raises OSError when there are none."""

MOST_LOOKUPS: Final = 16
"""Lookups at once. A name server of a caller's choosing may be as slow as it likes: it delays callers like that one, and not
the lookups of providers."""


def system_resolver() -> Resolve:
    """What the operating system says, `/etc/hosts` included."""
    limiter = trio.CapacityLimiter(MOST_LOOKUPS)

    async def resolve(name: str) -> Sequence[str]:
        # Abandoned when cancelled: the thread ends, and gives its place back, when the lookup does.
        found = await trio.to_thread.run_sync(
            lambda: socket.getaddrinfo(name, None, type=socket.SOCK_STREAM), abandon_on_cancel=True, limiter=limiter
        )
        return [str(address[0]) for *_, address in found]

    return resolve


async def checked_addresses(target: Target, resolve: Resolve, allowed: Sequence[Network]) -> tuple[Address, ...]:
    """The addresses that a connection to `target` may lead to, at least one.

    A name of which any address is refused is refused as a whole: one that leads both out and in is either an attack or
    a mistake. Names inside and names that do not exist are told apart in the log only, so that nobody can list the former.
    """
    if target.address is not None:
        reason = refusal(target.address, allowed)
        if reason is not None:
            raise EgressError("refused", "this address is not reachable from here", f"{target.host}: {reason}")
        return (target.address,)
    hidden = f"{target.host} has no public address"
    try:
        texts = await resolve(target.host)
        addresses = tuple(dict.fromkeys(ip_address(text) for text in texts))
    except (OSError, ValueError) as error:
        raise EgressError("refused", hidden, f"{target.host}: {error}") from error
    for address in addresses:
        reason = refusal(address, allowed)
        if reason is not None:
            raise EgressError("refused", hidden, f"{target.host} leads to {address}: {reason}")
    if not addresses:
        raise EgressError("refused", hidden)
    return addresses
