"""A file of requests in, a file of answers out: the lines of OpenAI's Batch API, answered by any model of the catalogue.

python docs/examples/batch.py < requests.jsonl > answers.jsonl
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import trio

from hyperinfer.engine import Graph, open_run
from hyperinfer.formats import OPENAI_CHAT
from hyperinfer.nodes import Incoming, Ticket, call, decode, encode_whole, route
from hyperinfer.providers import open_upstreams, shipped_catalogue

AT_ONCE = 8


async def answer(graph: Graph, number: int, asked: dict[str, Any]) -> dict[str, Any]:
    """One line of the output. What goes wrong is an answer too: its status says so, as the Batch API's does."""
    ticket = Ticket.plain(f"batch-{number}", OPENAI_CHAT)
    body = json.dumps({**asked["body"], "stream": False}).encode()
    async with open_run(graph, [Incoming(ticket, body)]) as outputs:
        head, chunk = await outputs.receive(), await outputs.receive()
    response = {"status_code": head.status, "request_id": ticket.request_id, "body": json.loads(chunk.data)}
    return {"id": ticket.request_id, "custom_id": asked["custom_id"], "response": response, "error": None}


async def main(lines: Iterator[str]) -> None:
    """The requests are read as they are worked on, and each answer is written once it is there."""
    numbered = enumerate(json.loads(line) for line in lines if line.strip())

    async def work(graph: Graph) -> None:
        for number, asked in numbered:
            print(json.dumps(await answer(graph, number, asked), ensure_ascii=False), flush=True)

    catalogue = shipped_catalogue()
    async with open_upstreams() as upstreams, trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(work, Graph.linear(decode(), route(lambda: catalogue), call(upstreams), encode_whole()))


if __name__ == "__main__":
    trio.run(main, sys.stdin)
