"""A hedged call: when a provider is silent for too long a second one is asked too, and the first to speak is heard.

python docs/examples/hedge.py [SECONDS]
"""

import json
import sys

import trio

from hyperinfer.engine import Failure, Graph, Node, open_run, race
from hyperinfer.formats import OPENAI_CHAT, text_of
from hyperinfer.nodes import Answering, Asked, Incoming, Reply, Ticket, call, decode, to_model
from hyperinfer.providers import Catalogue, Upstreams, open_upstreams, shipped_catalogue


def spoken(item: Reply | Failure) -> bool:
    """A burst of events: not `Answering`, which only says who is being asked, and no failure."""
    return isinstance(item, tuple)


def hedged(catalogue: Catalogue, upstreams: Upstreams, *slugs: str, after: float) -> Node[Asked, Reply | Failure]:
    """Each model is asked `after` seconds after the one before it, at once where all before it have failed. The first
    that speaks wins; the connections of the others are closed."""
    models = [Graph.linear(to_model(catalogue, slug), call(upstreams)) for slug in slugs]
    return race(*models, wins=spoken, stagger=after, name="hedged")


async def main(after: float) -> None:
    body = {"model": "any", "stream": True, "messages": [{"role": "user", "content": "Be quick!"}]}
    async with open_upstreams() as upstreams:
        model = hedged(shipped_catalogue(), upstreams, "demo/responses", "demo/chat", after=after)
        ticket, started = Ticket.plain("hedge-1", OPENAI_CHAT), trio.current_time()
        async with open_run(Graph.linear(decode(), model), [Incoming(ticket, json.dumps(body).encode())]) as replies:
            async for item in replies:
                if isinstance(item, Answering):
                    print(f"{item.slug} answers after {trio.current_time() - started:.3f} s: ", end="")
                else:
                    print(item.message if isinstance(item, Failure) else text_of(item), end="", flush=True)
    print("\nasked:", *(f"{attempt.provider} for {attempt.ms} ms" for attempt in ticket.attempts), sep="\n  ")


if __name__ == "__main__":
    trio.run(main, float(sys.argv[1]) if sys.argv[1:] else 0.02)
