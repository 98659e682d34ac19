"""The node that writes to the client: replies to bytes, and signs of life while there is nothing to write.

Two forms of one thing. `encode` owns a task, which is what a keep-alive needs, and serves streams and whole responses.
`encode_whole` runs inside its neighbour's task and serves responses that are not streamed.
"""

from __future__ import annotations

import math
from contextlib import nullcontext

import trio

from hyperinfer.engine import Drain, Failure, Node, Sink, Source, Stage, node, stage
from hyperinfer.nodes.items import Output, Reply
from hyperinfer.nodes.reply_writer import ReplyWriter

_SAME_INSTANT = 0.001
"""Seconds by which a keep-alive waits for a failure that is due at the same instant, which wins (RULES: Streams)."""


def encode(*, keepalive: float = 10.0, drain: Drain | None = None) -> Node[Reply | Failure, Output]:
    """`keepalive`: seconds of silence towards the client, since the last byte or the start. `drain`: when its grace is
    over the response ends at once, well-formed."""

    async def write(source: Source[Reply | Failure], sink: Sink[Output]) -> None:
        writer = ReplyWriter()
        silent_since: float | None = None
        with drain.until_hard_end() if drain is not None else nullcontext() as hard_end:
            while not writer.done:
                due = math.inf
                if writer.keeps_alive and silent_since is not None:
                    due = silent_since + keepalive + _SAME_INSTANT
                item: Reply | Failure | None = None
                with trio.CancelScope(deadline=due) as silence:
                    try:
                        item = await source.receive()
                    except trio.EndOfChannel:
                        break
                if item is None:
                    if not silence.cancelled_caught:
                        break
                    outputs = writer.keep_alive()
                else:
                    outputs = writer.take(item)
                for output in outputs:
                    await sink.send(output)
                if outputs or silent_since is None:
                    silent_since = trio.current_time()
        if not writer.done:
            if hard_end is not None and hard_end.came:
                outputs = writer.stop("provider_unavailable", "The gateway is shutting down; send the request again.")
            else:
                outputs = writer.stop("internal_error", "The reply ended before it was complete.")
            for output in outputs:
                await sink.send(output)

    return node(write, name="encode", consumes=Reply | Failure, produces=Output)


class EncodeWhole(Stage[Reply | Failure, Output]):
    """Collects a reply and writes it as one response."""

    def __init__(self) -> None:
        self._writer = ReplyWriter()

    async def receive(self, item: Reply | Failure, sink: Sink[Output]) -> None:
        """Writes once the reply is complete."""
        if self._writer.done:
            return
        for output in self._writer.take(item):
            await sink.send(output)

    async def end(self, sink: Sink[Output]) -> None:
        """A reply that stopped short is told as an error."""
        if not self._writer.done:
            for output in self._writer.stop("internal_error", "The reply ended before it was complete."):
                await sink.send(output)


def encode_whole() -> Node[Reply | Failure, Output]:
    """The node for responses that are not streamed."""
    return stage(EncodeWhole, name="encode", consumes=Reply | Failure, produces=Output)
