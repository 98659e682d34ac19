"""A panel: several models answer side by side, and another one makes a single answer of theirs, which the client gets.

python docs/examples/panel.py "What is a monad?"
"""

import json
import sys

import msgspec
import trio

from hyperinfer.engine import Failure, Graph, gather, open_run, step
from hyperinfer.formats import OPENAI_CHAT, TextPart, Turn, text_of
from hyperinfer.nodes import Answering, Asked, Incoming, Reply, Ticket, call, decode, to_model
from hyperinfer.providers import Catalogue, Upstreams, open_upstreams, shipped_catalogue

Answer = tuple[Reply | Failure, ...]  # all that one model gave, in order
TASK = "Several assistants have answered. Make one answer out of theirs, and say where they differ."


@step
def together(answers: tuple[Answer, ...]) -> Asked | Failure:
    """The request once more, with what was said about it behind. A model that failed is left out."""
    said = ["".join(text_of(item) for item in answer if isinstance(item, tuple)) for answer in answers]
    if not any(said):
        failures = (item for answer in answers for item in answer if isinstance(item, Failure))
        return next(failures, Failure("provider_unavailable", "No model of the panel has said anything."))
    asked = next(item for answer in answers for item in answer if isinstance(item, Answering))
    task = TextPart(text="\n\n---\n\n".join([TASK, *filter(None, said)]))
    turns = (*asked.conversation.turns, Turn(role="user", parts=(task,), path="panel"))
    return Asked(asked.ticket, msgspec.structs.replace(asked.conversation, turns=turns))


def panel(catalogue: Catalogue, upstreams: Upstreams, asked: list[str], last: str) -> Graph:
    models = [Graph.linear(to_model(catalogue, slug), call(upstreams)) for slug in asked]
    return Graph.linear(decode(), gather(*models), together, to_model(catalogue, last), call(upstreams))


async def main(question: str) -> None:
    body = {"model": "any", "stream": True, "messages": [{"role": "user", "content": question}]}
    async with open_upstreams() as upstreams:
        graph = panel(shipped_catalogue(), upstreams, ["demo/chat", "demo/messages"], last="demo/responses")
        incoming = Incoming(Ticket.plain("panel-1", OPENAI_CHAT), json.dumps(body).encode())
        async with open_run(graph, [incoming]) as replies:
            async for item in replies:
                if not isinstance(item, Answering):
                    print(item.message if isinstance(item, Failure) else text_of(item), end="", flush=True)
    print()


if __name__ == "__main__":
    trio.run(main, sys.argv[1] if sys.argv[1:] else "What is a monad?")
