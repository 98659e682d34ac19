"""A cache of answers: the same conversation again is answered from memory, streamed or whole.

python docs/examples/cache.py
"""

import hashlib
import json
from functools import partial

import msgspec
import trio

from hyperinfer.engine import Failure, Graph, Sink, Stage, open_run, stage
from hyperinfer.formats import OPENAI_CHAT, Conversation, MessageEnd
from hyperinfer.nodes import Answering, Asked, Incoming, Reply, Ticket, call, decode, encode, to_model
from hyperinfer.providers import open_upstreams, shipped_catalogue


def key_of(conversation: Conversation) -> bytes:
    """Equal for equal requests, streamed or not: messages, tools, sampling and all."""
    exact = msgspec.structs.replace(conversation, streamed=False, stream_options=None)
    return hashlib.sha256(msgspec.json.encode(exact, order="deterministic")).digest()


def again(answering: Answering, asked: Asked) -> Answering:
    """The beginning of a kept reply, for this request. Clients see that it was kept."""
    hit = (("x-cache", "hit"),)
    return msgspec.structs.replace(answering, ticket=asked.ticket, conversation=asked.conversation, headers=hit)


class Cached(Stage[Asked, Reply | Failure]):
    """Answers from `kept`, else by `model`. What did not come to its end is not kept."""

    def __init__(self, model: Graph, kept: dict[bytes, list[Reply]]) -> None:
        self._model, self._kept = model, kept

    async def receive(self, item: Asked, sink: Sink[Reply | Failure]) -> None:
        key, heard = key_of(item.conversation), list[Reply]()
        for each in self._kept.get(key, ()):
            await sink.send(again(each, item) if isinstance(each, Answering) else each)
        if key not in self._kept:
            async with open_run(self._model, [item]) as replies:
                async for each in replies:
                    heard.append(each)
                    await sink.send(each)
            if isinstance(heard[-1], tuple) and isinstance(heard[-1][-1], MessageEnd):
                self._kept[key] = heard


async def main() -> None:
    body: dict[str, object] = {"model": "any", "messages": [{"role": "user", "content": "What is a monad?"}]}
    async with open_upstreams() as upstreams:
        model = Graph.linear(to_model(shipped_catalogue(), "demo/chat"), call(upstreams))
        graph = Graph.linear(decode(), stage(partial(Cached, model, {})), encode())
        for stream in (False, False, True):
            started, ticket = trio.current_time(), Ticket.plain("cache-1", OPENAI_CHAT)
            async with open_run(graph, [Incoming(ticket, json.dumps({**body, "stream": stream}).encode())]) as outputs:
                head, *chunks = [output async for output in outputs]
            headers, size = dict(head.headers), sum(len(chunk.data) for chunk in chunks)
            cache, kind = headers.get("x-cache", "miss"), headers["content-type"]
            print(f"{trio.current_time() - started:.3f} s, {cache}: {size} bytes of {kind}")


if __name__ == "__main__":
    trio.run(main)
