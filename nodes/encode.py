"""The node that writes to the client: replies to bytes, and signs of life while there is nothing to write.

Two forms of one thing. `encode` owns a task, which is what a keep-alive needs, and serves streams and whole responses.
`encode_whole` is a step, inside its neighbour's task, and serves responses that are not streamed.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Awaitable
from functools import partial

import trio

from hyperinfer.engine import DONE, Failure, Node, Sink, TimedStage, step, timed
from hyperinfer.nodes.items import Output, Reply
from hyperinfer.nodes.measures import Measures
from hyperinfer.nodes.reply_writer import Outputs, ReplyWriter


class Encode(TimedStage[Reply | Failure, Output | Failure]):
    """Writes a reply as it comes, and keep-alives while it does not."""

    def __init__(self, keepalive: float, measures: Measures) -> None:
        self._writer = ReplyWriter()
        self._keepalive = keepalive
        self._gaps = measures.gaps
        self._begun = False
        self._wrote = 0.0  # when the client's connection had the last piece of the reply

    def receive(self, item: Reply | Failure, sink: Sink[Output | Failure]) -> Awaitable[None]:
        """Writes what follows from it."""
        outputs = self._writer.take(item)
        if not outputs:
            if not self._begun:
                self._spoke_at(trio.current_time())
            return DONE
        if len(outputs) > 1:
            return self._write(outputs, sink)
        sending = sink.send(outputs[0])
        if sending is not DONE:
            return self._written(sending)
        self._wrote_at(trio.current_time())
        return DONE

    async def end(self, sink: Sink[Output | Failure]) -> None:
        """A reply that stopped short is told as an error."""
        if not self.done:
            await self._write(self._writer.stop(), sink)

    async def tick(self, sink: Sink[Output | Failure]) -> None:
        """A sign of life."""
        due = self.due
        for output in self._writer.keep_alive():
            await sink.send(output)
        now = trio.current_time()
        self._spoke_at(due if now <= math.nextafter(due, math.inf) else now)  # they do not drift

    async def _write(self, outputs: Outputs, sink: Sink[Output | Failure]) -> None:
        left = list(outputs)
        del outputs  # a slow client would hold what is written to it twice
        while left:
            await sink.send(left.pop(0))
        self._wrote_at(trio.current_time())

    async def _written(self, sending: Awaitable[None]) -> None:
        await sending
        self._wrote_at(trio.current_time())

    def _wrote_at(self, now: float) -> None:
        """A piece of the reply is written."""
        if self._wrote:
            gap, gaps = now - self._wrote, self._gaps
            gaps.counts[bisect_left(gaps.bounds, gap)] += 1
            gaps.sum += gap
        self._wrote = now
        self._spoke_at(now)

    def _spoke_at(self, now: float) -> None:
        """When the client last heard of us, or the first route was asked."""
        writer = self._writer
        self._begun, self.done = True, writer.done
        self.due = now + self._keepalive if writer.keeps_alive else math.inf


def encode(*, keepalive: float = 10.0, measures: Measures | None = None) -> Node[Reply | Failure, Output | Failure]:
    """The node that writes to the client: a `Reply` or a failure in; a `Head` and `Chunk`s out, in the ticket's format.

    Serves streams and whole responses. It has a task of its own, as it writes keep-alives while the provider is silent; a
    buffer on the edge into it (`buffers={"encode": 4}`) lets the provider's reader run ahead of a slow client. Where
    no request is streamed, `encode_whole` does the same without a task. A pipeline whose reader wants events and no
    bytes ends without either. `keepalive`: seconds of silence towards the client, since the last byte or since the first
    route was asked. `measures`: what is counted; this node's own where it is not given.
    """
    measures = Measures() if measures is None else measures
    return timed(partial(Encode, keepalive, measures), name="encode", consumes=Reply | Failure, produces=Output | Failure)


class EncodeWhole:
    """Collects a reply and writes it as one response."""

    def __init__(self) -> None:
        self._writer = ReplyWriter()

    def push(self, item: Reply | Failure) -> Outputs:
        """The response, once the reply is complete."""
        return () if self._writer.done else self._writer.take(item)

    def end(self) -> Outputs:
        """A reply that stopped short is told as an error."""
        return () if self._writer.done else self._writer.stop()


def encode_whole() -> Node[Reply | Failure, Output | Failure]:
    """The node that writes whole responses: a `Reply` or a failure in; a `Head` and one `Chunk` out.

    Does not keep alive, and so needs no task: it runs inside its neighbour's. For requests without `"stream": true`;
    `encode` serves both kinds.
    """
    return step(EncodeWhole, name="encode", consumes=Reply | Failure, produces=Output | Failure)
