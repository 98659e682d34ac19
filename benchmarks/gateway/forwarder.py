"""A forwarder of stock parts: hypercorn in front, httpx2 behind, and nothing of a gateway's work between them.

    python -m benchmarks.gateway.forwarder UPSTREAM_PORT

What the two libraries cost by themselves, beside the floor, which does the same with trio and httptools.
"""

from __future__ import annotations

import sys
from typing import Any

import httpx2
import trio
from hypercorn import trio as hypercorn_trio
from hypercorn.config import Config

from benchmarks.gateway.processes import raise_file_limit

_KEPT = (b"content-type", b"content-length")


class Forwarder:
    """The ASGI application: each POST goes to the same path of the upstream."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {"content-type": "application/json"}
        async with self._client.stream("POST", scope["path"], content=body, headers=headers) as answer:
            kept = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() in _KEPT]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
            async for piece in answer.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def main(port: int) -> None:
    """Until it is ended."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.accesslog = config.errorlog = None
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with (
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=60) as client,
        trio.open_nursery() as nursery,
    ):
        serve: Any = hypercorn_trio.serve  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        where: list[str] = await nursery.start(serve, Forwarder(client), config)
        print(where[0].rpartition(":")[2], flush=True)


if __name__ == "__main__":
    raise_file_limit()
    trio.run(main, int(sys.argv[1]))
