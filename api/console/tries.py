"""How often somebody may try to sign in. Of one worker; a clock is passed in, and nothing grows without bound."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final

OF_ADDRESS: Final = (10, 10.0)
OF_ALL: Final = (100, 1.0)
"""So many wrong tries at once, and one more after so many seconds each."""
ADDRESSES: Final = 1024
"""So many are remembered. With more, those go first that could try again soonest."""


class Tries:
    """Wrong tries, by address and in all. `clock`: steady, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # When nothing would be left to remember (the virtual scheduling of a leaky bucket).
        self._all = 0.0
        self._of: dict[str, float] = {}

    def wait(self, address: str) -> float:
        """Seconds until this address may try, 0 for now."""
        now = self._clock()
        return max(0.0, _wait(self._all, now, OF_ALL), _wait(self._of.get(_network(address), 0.0), now, OF_ADDRESS))

    def failed(self, address: str) -> None:
        """It tried, and was wrong."""
        now, network = self._clock(), _network(address)
        self._all = max(self._all, now) + OF_ALL[1]
        self._of[network] = max(self._of.pop(network, 0.0), now) + OF_ADDRESS[1]
        if len(self._of) > ADDRESSES:
            self._of = {each: until for each, until in self._of.items() if until > now}
        if len(self._of) > ADDRESSES:
            del self._of[min(self._of, key=self._of.__getitem__)]

    def __len__(self) -> int:
        return len(self._of)


def _wait(until: float, now: float, most: tuple[int, float]) -> float:
    at_once, seconds = most
    return until - (at_once - 1) * seconds - now


def _network(address: str) -> str:
    """An IPv6 address counts as its /64, of which whoever has one has all."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped is not None else str(ipaddress.ip_network((int(found), 64), strict=False))
    return str(found)
