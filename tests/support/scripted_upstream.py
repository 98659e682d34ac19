"""An upstream of all three protocols on a real port: the demo models' wire bytes, served over HTTP.

    python -m tests.support.scripted_upstream        prints `listening http://127.0.0.1:PORT`

It wants the key `sk-upstream` in the place that each protocol has for it, and answers 401 as the vendor would.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx2
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config, Sockets
from hypercorn.trio.run import worker_serve

from hyperinfer.providers.demo import DemoTransport

KEY = "sk-upstream"
REFUSAL = b'''{"error": {"message": "Incorrect API key provided: sk-wrong.", "type": "invalid_request_error",
    "param": null, "code": "invalid_api_key"}}'''


async def upstream(transport: httpx2.AsyncBaseTransport, scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application."""
    if scope["type"] == "lifespan":
        for moment in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{moment}.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    if KEY not in (headers.get("authorization", "").removeprefix("Bearer "), headers.get("x-api-key")):
        await send(
            {"type": "http.response.start", "status": 401, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": REFUSAL})
        return
    request = httpx2.Request(scope["method"], f"http://upstream{scope['path']}", headers=headers, content=body)
    response = await transport.handle_async_request(request)
    fields = [(name.encode(), value.encode()) for name, value in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": fields})
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    async for piece in response.stream:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def main() -> None:
    """Serves until killed."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    sockets = config.create_sockets()
    for sock in sockets.insecure_sockets:
        sock.listen(100)
    app = ASGIWrapper(partial(upstream, DemoTransport(now=lambda: 1_700_000_000.0, pace=0.0)))
    print(f"listening http://127.0.0.1:{sockets.insecure_sockets[0].getsockname()[1]}", flush=True)
    await worker_serve(app, config, sockets=Sockets([], sockets.insecure_sockets, []))


if __name__ == "__main__":
    trio.run(main)
