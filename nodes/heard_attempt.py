"""An attempt with somebody who looks on at its request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from hyperinfer.engine import Failure, Sink
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.nodes.attempt import Attempting
    from hyperinfer.nodes.items import Answering, Reply
    from hyperinfer.nodes.tap import AttemptTap, Tap


async def run_heard(
    attempt: Attempting, answering: Answering, tap: Tap, sink: Sink[Reply | Failure]
) -> UpstreamFault | None:
    """`attempt.run`, and tells of it."""
    heard = tap.attempting(answering)
    if heard is None:
        return await attempt.run(sink)
    attempt.tap = heard
    fault: UpstreamFault | None = None
    try:
        fault = await attempt.run(_HeardSink(heard, sink))
        if attempt.reply is not None:
            heard.heard(attempt.reply)
        return fault
    finally:
        heard.ended(fault, complete=attempt.complete)


class _HeardSink:
    """Tells of the events that go through it."""

    __slots__ = ("_heard", "_sink")

    def __init__(self, heard: AttemptTap, sink: Sink[Reply | Failure]) -> None:
        self._heard, self._sink = heard, sink

    def send(self, item: Reply | Failure) -> Awaitable[None]:
        if isinstance(item, tuple):
            self._heard.heard(item)
        return self._sink.send(item)
