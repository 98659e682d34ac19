"""Personal data stays here: what looks like it is taken out before a provider sees the request, and put back in the answer.

python docs/examples/redact.py "Write to ann@example.org"
"""

import json
import re
import sys

import trio

from hyperinfer.engine import Failure, Graph, run, step
from hyperinfer.formats import OPENAI_CHAT, text_of
from hyperinfer.nodes import Answering, Asked, Incoming, Reply, Ticket, call, decode, rewrite, to_model
from hyperinfer.providers import open_upstreams, shipped_catalogue

PERSONAL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\+?\d[\d ()/-]{6,}\d")  # e-mail addresses, telephone numbers


@step
def redact(asked: Asked) -> Asked:
    """Each of them becomes a word that stands for it, wherever in the conversation it is."""
    words: dict[str, str] = {}

    def word(found: re.Match[str]) -> str:
        return words.setdefault(found[0], f"<personal-{len(words) + 1}>")

    redacted = asked.map_text(lambda text: PERSONAL.sub(word, text))
    asked.ticket.notes["personal"] = {word: personal for personal, word in words.items()}
    return redacted


def put_back(text: str, ticket: Ticket) -> str:
    """The words of this request are what they stand for; any other is left alone."""
    return re.sub(r"<personal-\d+>", lambda found: ticket.notes["personal"].get(found[0], found[0]), text)


restore = rewrite(put_back, unfinished="<[a-z0-9-]*").named("restore")  # also where one is cut in two on its way


@step
def show(reply: Reply | Failure) -> None:
    if isinstance(reply, Answering):
        print(f"The provider reads: {text_of(reply.conversation.turns[-1].parts)}\nThe client reads: ", end="")
    else:
        print(reply.message if isinstance(reply, Failure) else text_of(reply), end="", flush=True)


async def main(text: str) -> None:
    body = json.dumps({"model": "any", "stream": True, "messages": [{"role": "user", "content": text}]}).encode()
    async with open_upstreams() as upstreams:
        model = to_model(shipped_catalogue(), "demo/messages")
        graph = Graph.linear(decode(), redact, model, call(upstreams), restore, show)
        await run(graph, [Incoming(Ticket.plain("redact-1", OPENAI_CHAT), body)])


if __name__ == "__main__":
    trio.run(main, sys.argv[1] if sys.argv[1:] else "Write to ann@example.org or call +49 30 1234567.")
