"""Where several edges lead into one node."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import trio

from hyperinfer.engine.failure import Failure
from hyperinfer.engine.watched_channels import WatchedReceiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

_REMEMBERED = 64
"""How many failures are known again: more than can be under way on the ways between."""


class Meeting:
    """The failures that went on where several ways meet. One that went all of these ways is one failure: it goes on as soon
    as it has come by the first of them, and not again."""

    def __init__(self) -> None:
        self._passed: deque[Failure] = deque(maxlen=_REMEMBERED)

    def passes(self, failure: Failure, came: deque[Failure]) -> bool:
        """Whether it goes on. `came`: those that came this way, this one included."""
        if _times(failure, came) <= _times(failure, self._passed):
            return False
        self._passed.append(failure)
        return True


def _times(failure: Failure, among: deque[Failure]) -> int:
    return sum(each is failure for each in among)


async def pump(source: AsyncIterable[Any], send: trio.MemorySendChannel[Any], meeting: Meeting | None = None) -> None:
    """Items of one way as they come, until there are no more or nobody reads."""
    came: deque[Failure] = deque(maxlen=_REMEMBERED)
    try:
        with send:
            async for item in source:
                if meeting is not None and isinstance(item, Failure):
                    came.append(item)
                    if not meeting.passes(item, came):
                        continue
                await send.send(item)
    except trio.BrokenResourceError:
        pass
    finally:
        if isinstance(source, (trio.MemoryReceiveChannel, WatchedReceiver)):
            source.close()
