"""A guardrail: an answer that goes where it must not is stopped in the middle, and the client is told so in its own format.

python docs/examples/guardrail.py [chat | responses | messages]
"""

import json
import re
import sys
from collections import deque

import trio

from hyperinfer.engine import Failure, Graph, Sink, Source, node, open_run
from hyperinfer.formats import ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_RESPONSES
from hyperinfer.nodes import Answering, Chunk, Incoming, Reply, Ticket, call, decode, encode, to_model
from hyperinfer.providers import open_upstreams, shipped_catalogue

FORBIDDEN = re.compile(r"project\s+nightingale", re.IGNORECASE)
HELD = 40  # characters that are held back, as what is forbidden may come in pieces: the most that it can be long

FORMATS = {"chat": OPENAI_CHAT, "responses": OPENAI_RESPONSES, "messages": ANTHROPIC_MESSAGES}
QUESTION = "Tell me about Project Nightingale"


@node
async def guard(source: Source[Reply], sink: Sink[Reply | Failure]) -> None:
    said, held = "", deque[tuple[int, Reply]]()  # each with the length of the text up to its end
    async for item in source:
        if isinstance(item, Answering):
            await sink.send(item)
            continue
        said += "".join(getattr(event, "text", "") for event in item)  # reasoning and arguments of tool calls too
        if FORBIDDEN.search(said):
            await sink.send(Failure("content_filter", "This answer was stopped: it went on to what must stay in the house."))
            return  # and with it the request to the provider: nothing more is paid for
        held.append((len(said), item))
        while held[0][0] <= len(said) - HELD:
            await sink.send(held.popleft()[1])
    for _, item in held:
        await sink.send(item)


async def main(name: str) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    body = {"model": "any", "stream": True, "max_tokens": 500, "input" if name == "responses" else "messages": messages}
    async with open_upstreams() as upstreams:
        graph = Graph.linear(decode(), to_model(shipped_catalogue(), "demo/chat"), call(upstreams), guard, encode())
        incoming = Incoming(Ticket.plain("guard-1", FORMATS[name]), json.dumps(body).encode())
        async with open_run(graph, [incoming]) as outputs:
            async for output in outputs:
                print(output.data.decode() if isinstance(output, Chunk) else f"HTTP {output.status}\n\n", end="", flush=True)


if __name__ == "__main__":
    trio.run(main, sys.argv[1] if sys.argv[1:] else "chat")
