"""The node that writes to the client: replies to bytes, and signs of life while there is nothing to write.

Two forms of one thing. `encode` owns a task, which is what a keep-alive needs, and serves streams and whole responses.
`encode_whole` is a step, inside its neighbour's task, and serves responses that are not streamed.
"""

from __future__ import annotations

import math

import trio

from hyperinfer.engine import Failure, Node, Sink, Source, node, step
from hyperinfer.nodes.items import Output, Reply
from hyperinfer.nodes.reply_writer import Outputs, ReplyWriter


def encode(*, keepalive: float = 10.0) -> Node[Reply | Failure, Output | Failure]:
    """The node that writes to the client: a `Reply` or a failure in; a `Head` and `Chunk`s out, in the ticket's format.

    Serves streams and whole responses. It has a task of its own, as it writes keep-alives while the provider is silent; a
    buffer on the edge into it (`buffers={"encode": 4}`) lets the reader of the upstream run ahead of a slow client. Where
    no request is streamed, `encode_whole` does the same without a task. A pipeline whose reader wants events and no
    bytes ends without either. `keepalive`: seconds of silence towards the client, since the last byte or since the first
    route was asked.
    """

    async def write(source: Source[Reply | Failure], sink: Sink[Output | Failure]) -> None:
        writer = ReplyWriter()
        spoke: float | None = None  # when the client last heard of us
        while not writer.done:
            due = spoke + keepalive if spoke is not None and writer.keeps_alive else math.inf
            outputs: Outputs | None = None
            # One step of the clock's arithmetic late: whatever else is due at that instant comes first, so that a failure
            # wins over the keep-alive whose head would hide it (RULES: Streams), in whatever order tasks run.
            with trio.CancelScope(deadline=math.nextafter(due, math.inf)) as silence:
                try:
                    outputs = writer.take(await source.receive())
                except trio.EndOfChannel:
                    outputs = writer.stop()
            if outputs is None:
                outputs = writer.keep_alive()
            for output in outputs:
                await sink.send(output)
            if outputs or spoke is None:
                now = trio.current_time()
                spoke = due if silence.cancelled_caught and now <= silence.deadline else now

    return node(write, name="encode", consumes=Reply | Failure, produces=Output | Failure)


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
