"""An upstream of all three protocols on a real port: the demo models' wire bytes, served over HTTP.

    python -m tests.support.scripted_upstream        prints `listening http://127.0.0.1:PORT`

It wants the key `sk-upstream` in the place that each protocol has for it, and answers 401 as the vendor would.
`GET /__last` shows the request before it: `{path, query, headers: [[name, value]], body}`.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import httpx2
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config, Sockets
from hypercorn.trio.run import worker_serve

from hyperinfer.providers.client import ENDPOINTS
from hyperinfer.providers.demo import DemoTransport

KEY = "sk-upstream"
REFUSAL = b"""{"error": {"message": "Incorrect API key provided: sk-wrong.", "type": "invalid_request_error",
    "param": null, "code": "invalid_api_key"}}"""


COUNT = 4321
"""The tokens of every request that is counted here."""

NOT_COUNTED = {
    "/messages/count_tokens": {"max_tokens", "stream", "temperature", "metadata", "stop_sequences"},
    "/responses/input_tokens": {"max_output_tokens", "stream", "store", "include", "temperature", "metadata"},
}
"""The routes that count, each with fields of a request that it refuses."""

_last: dict[str, Any] = {}


async def _answer(send: Any, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


def _counted(path: str, body: bytes) -> tuple[int, bytes] | None:
    """The answer of a route that counts tokens, which is `COUNT`; 400 for what such a route does not take, as the vendors
    have it. None for another path."""
    route = next((route for route in NOT_COUNTED if path.endswith(route)), None)
    if route is None:
        return None
    if extra := NOT_COUNTED[route] & json.loads(body).keys():
        return 400, json.dumps({"error": {"type": "invalid_request_error", "message": f"not permitted: {extra}"}}).encode()
    return 200, json.dumps({"object": "response.input_tokens", "input_tokens": COUNT}).encode()


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
    if scope["path"] == "/__last":
        await _answer(send, 200, json.dumps(_last).encode())
        return
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    _last.clear()
    _last.update(
        path=scope["path"],
        query=scope["query_string"].decode(),
        headers=[(name.decode(), value.decode()) for name, value in scope["headers"]],
        body=body.decode(),
    )
    given = (headers.get("authorization", "").removeprefix("Bearer "), headers.get("x-api-key"), headers.get("api-key"))
    if KEY not in given:
        await _answer(send, 401, REFUSAL)
        return
    if (counted := _counted(scope["path"], body)) is not None:
        await _answer(send, *counted)
        return
    # As behind a gateway of the vendor's: whatever stands before the path of a protocol.
    path = next((path for path in ENDPOINTS.values() if scope["path"].endswith(path)), scope["path"])
    request = httpx2.Request(scope["method"], f"http://upstream{path}", headers=headers, content=body)
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
