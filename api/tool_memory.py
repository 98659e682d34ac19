"""What server tools found in a turn that the client goes on with, kept in memory: for a gateway of one process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

KEEP_SECONDS: Final = 3600.0
"""So long a client has time to come back with its own results."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""All that is kept; the oldest goes first."""

LARGEST: Final = 1024 * 1024
"""Of one turn. What is larger is not kept: the model calls the tools again."""


class LocalToolMemory:
    """The port `nodes.ports.ToolMemory`. `clock`: seconds that only go forward. `most_bytes`: as `MOST_BYTES`."""

    def __init__(self, clock: Callable[[], float], most_bytes: int = MOST_BYTES) -> None:
        self._clock, self._most = clock, most_bytes
        self._kept: OrderedDict[tuple[str, str], tuple[float, bytes]] = OrderedDict()  # by when it goes
        self._bytes = 0

    async def keep(self, workspace: str, key: str, data: bytes) -> None:
        """See the port."""
        self._drop((workspace, key))
        if len(data) > LARGEST:
            return
        self._kept[workspace, key] = (self._clock() + KEEP_SECONDS, data)
        self._bytes += len(data)
        self._forget()

    async def kept(self, workspace: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """See the port."""
        self._forget()
        found = {key: self._kept.get((workspace, key)) for key in keys}
        return {key: entry[1] for key, entry in found.items() if entry is not None}

    def _forget(self) -> None:
        while self._kept:
            oldest, (until, _) = next(iter(self._kept.items()))
            if until > self._clock() and self._bytes <= self._most:
                return
            self._drop(oldest)

    def _drop(self, key: tuple[str, str]) -> None:
        if (entry := self._kept.pop(key, None)) is not None:
            self._bytes -= len(entry[1])
