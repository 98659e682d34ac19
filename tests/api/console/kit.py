"""A served gateway and somebody who is signed in at its console."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import trio

from hyperinfer.api.app import Application
from hyperinfer.api.gateway import GatewaySettings
from tests.api.edge.kit import QUICK, edge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from hyperinfer.api.edge import EdgeSettings
    from hyperinfer.api.gateway import Gateway
    from hyperinfer.nodes.ports import Generation
    from tests.api.edge.kit import Edge

KEY = "hi-test-key-of-the-default-workspace"
TOKEN = "hc-token-of-the-tests-of-the-console"

CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
    b'"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}\n\n'
)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n"


def a_request(format: str, model: str, *, stream: bool, **more: object) -> dict[str, Any]:
    hello = {"role": "user", "content": "Hello"}
    body: dict[str, Any] = {"model": model, "stream": stream, **more}
    return body | ({"input": [hello]} if format == "openai_responses" else {"messages": [hello], "max_tokens": 100})


def a_catalogue(folder: Path, url: str, body_mb: int = 50) -> Path:
    path = folder / "providers.yaml"
    path.write_text(
        f"providers: {{up: {{protocol: openai_chat, base_url: '{url}/v1'}}}}\n"
        "models: [{slug: a/b, name: B, context_length: 1000, max_output_tokens: 100, routes: [{provider: up, model: m}],\n"
        "          pricing: {prompt: 1, completion: 2}, source: nobody}]\n"
        f"limits: {{retries: 0, body_mb: {body_mb}}}\n"
    )
    return path


@dataclass(frozen=True)
class SignedIn:
    """The console through `client`, which sends the session and its CSRF token."""

    application: Application
    running: Edge
    client: httpx2.AsyncClient

    @property
    def gateway(self) -> Gateway:
        return self.application.gateway

    async def get(self, path: str) -> Any:
        response = await self.client.get(f"/console/api{path}")
        assert response.status_code == 200, response.text
        return response.json()

    async def play(self, format: str, body: object, **more: object) -> list[dict[str, Any]]:
        """All lines about a request from the playground."""
        return [line async for line in self.playing(format, body, **more)]

    async def playing(self, format: str, body: object, **more: object) -> AsyncGenerator[dict[str, Any]]:
        """The same lines, each as it comes."""
        asked = {"workspace": "default", "format": format, "body": body, **more}
        async with self.client.stream("POST", "/console/api/playground", json=asked) as response:
            assert response.status_code == 200, await response.aread()
            assert response.headers["content-type"] == "application/x-ndjson"
            async for line in response.aiter_lines():
                yield json.loads(line)

    def wire(self, format: str, body: object) -> bytes:
        """The same as a browser sends it."""
        content = json.dumps({"workspace": "default", "format": format, "body": body}).encode()
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.client.cookies.jar)
        head = (
            f"POST /console/api/playground HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\n"
            f"X-CSRF-Token: {self.client.headers['x-csrf-token']}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    async def row(self, id: str) -> Generation:
        """A request's row, as soon as it is there."""
        with trio.fail_after(10):
            while True:
                if (found := await self.gateway.store.request(id)) is not None:
                    return found
                await trio.sleep(0.01)


@asynccontextmanager
async def signed_in(data: Path, config: Path | None = None, settings: EdgeSettings = QUICK) -> AsyncGenerator[SignedIn]:
    """Serves a gateway on a data folder, with the packaged catalogue unless there is a `config`, and signs in."""
    environ = {"HYPERINFER_BOOTSTRAP_KEY": KEY, "HYPERINFER_CONSOLE_TOKEN": TOKEN}
    application = Application(GatewaySettings(config=config, data=data, environ=environ))
    async with (
        edge(application, settings) as running,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", timeout=10) as client,
    ):
        response = await client.post("/console/api/session", json={"token": TOKEN})
        assert response.status_code == 200, response.text
        client.headers["x-csrf-token"] = response.json()["csrf"]
        yield SignedIn(application, running, client)


def said(lines: list[dict[str, Any]]) -> str:
    """The bytes of the response."""
    return "".join(line["text"] for line in lines if line["kind"] == "bytes")


def of(kind: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of a kind."""
    return [line for line in lines if line["kind"] == kind]


def alike(text: str) -> str:
    """A response without what differs from one request to the next: ids and times."""
    text = re.sub(r"(?<![a-z0-9])0m[a-z0-9]{23}", "ID", text)
    return re.sub(r'"(created|created_at|completed_at)":[0-9]+', r'"\1":0', text)
