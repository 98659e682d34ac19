"""A cache of answers: the same conversation again is answered from memory, streamed or whole.

python docs/examples/cache.py"""

import hashlib
from functools import partial

import trio
from msgspec import json, structs

from hyperinfer.engine import Failure, Graph, Sink, Stage, open_run, stage
from hyperinfer.formats import OPENAI_CHAT, Conversation, MessageEnd
from hyperinfer.nodes import Answering, Asked, Incoming, Reply, Ticket, call, decode, encode, to_model
from hyperinfer.providers import open_upstreams, shipped_catalogue


def key_of(conversation: Conversation) -> bytes:
    """Equal for equal requests, streamed or not: messages, tools, sampling and all."""
    exact = structs.replace(conversation, streamed=False, stream_options=None)
    return hashlib.sha256(json.encode(exact, order="deterministic")).digest()


class Cached(Stage[Asked, Reply | Failure]):
    """Answers from `kept`, else by `model`. What did not come to its end is not kept."""

    def __init__(self, model: Graph, kept: dict[bytes, list[Reply]]) -> None:
        self._model, self._kept = model, kept

    async def receive(self, item: Asked, sink: Sink[Reply | Failure]) -> None:
        key, heard = key_of(item.conversation), list[Reply]()
        for one in self._kept.get(key, ()):
            if isinstance(one, Answering):  # its beginning, for this request; clients see that it was kept
                one = structs.replace(one, ticket=item.ticket, conversation=item.conversation, headers=(("x-cache", "hit"),))
            await sink.send(one)
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
            began, ticket = trio.current_time(), Ticket.plain("cache-1", OPENAI_CHAT)
            async with open_run(graph, [Incoming(ticket, json.encode({**body, "stream": stream}))]) as outputs:
                head, *chunks = [output async for output in outputs]
            told, size = dict(head.headers), sum(len(chunk.data) for chunk in chunks)
            took, cache = trio.current_time() - began, told.get("x-cache", "miss")
            print(f"{took:.3f} s, {cache}: {size} bytes of {told['content-type']}")


if __name__ == "__main__":
    trio.run(main)
