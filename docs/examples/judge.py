"""A judge: two models answer the same request, and the better answer goes to the client.

python docs/examples/judge.py "What is a monad?"
"""

import json
import sys
from collections.abc import Iterator

import trio

from hyperinfer.engine import Failure, Graph, gather, open_run, step
from hyperinfer.formats import OPENAI_CHAT, MessageEnd, text_of
from hyperinfer.nodes import Chunk, Incoming, Reply, Ticket, call, decode, encode, to_model
from hyperinfer.providers import open_upstreams, shipped_catalogue

Answer = tuple[Reply | Failure, ...]  # all that one model gave, in order


def score(answer: Answer) -> tuple[bool, int]:
    """Complete answers before broken ones, then the shorter: put your own judgement here."""
    end = answer[-1]
    complete = isinstance(end, tuple) and isinstance(end[-1], MessageEnd)
    return complete, -sum(len(text_of(item)) for item in answer if isinstance(item, tuple))


@step
def judge(answers: tuple[Answer, ...]) -> Iterator[Reply | Failure]:
    yield from max(answers, key=score)


async def main(question: str) -> None:
    body = {"model": "any", "stream": True, "messages": [{"role": "user", "content": question}]}
    catalogue = shipped_catalogue()
    async with open_upstreams() as upstreams:
        models = [Graph.linear(to_model(catalogue, slug), call(upstreams)) for slug in ("demo/messages", "demo/chat")]
        graph = Graph.linear(decode(), gather(*models), judge, encode())
        incoming = Incoming(Ticket.plain("judge-1", OPENAI_CHAT), json.dumps(body).encode())
        async with open_run(graph, [incoming]) as outputs:
            async for output in outputs:
                print(output.data.decode() if isinstance(output, Chunk) else f"HTTP {output.status}\n\n", end="", flush=True)


if __name__ == "__main__":
    trio.run(main, sys.argv[1] if sys.argv[1:] else "What is a monad?")
