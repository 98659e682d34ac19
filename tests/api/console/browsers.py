"""A console with a real store behind it, on a clock that the test moves, and browsers of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import httpx2

from hyperinfer.api.control_plane import control_plane
from hyperinfer.api.gateway import Gateway, GatewaySettings, open_gateway
from hyperinfer.engine import Drain
from tests.api.store.samples import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

TOKEN = "hc-the-token-of-these-tests"
API = "/console/api"


@dataclass
class Browser:
    """One, with its cookies and what its page knows."""

    client: httpx2.AsyncClient
    csrf: str = ""

    async def sign_in(self, token: str = TOKEN, **headers: str) -> httpx2.Response:
        response = await self.client.post(f"{API}/session", json={"token": token}, headers=headers)
        if response.status_code == 200:
            self.csrf = response.json()["csrf"]
        return response

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(API + path, headers=headers)

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        return await self.client.post(API + path, json=body, headers={"x-csrf-token": self.csrf, **headers})

    async def sign_out(self) -> httpx2.Response:
        return await self.client.delete(f"{API}/session", headers={"x-csrf-token": self.csrf})

    def cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())


@dataclass
class Console:
    """What serves them. `clock`: unix seconds."""

    gateway: Gateway
    clock: list[float]
    app: Any = field(init=False)

    def __post_init__(self) -> None:
        self.app = control_plane(self.gateway)

    def another_worker(self) -> None:
        """Whoever is asked from now on remembers nothing of what was asked before."""
        self.app = control_plane(self.gateway)

    def browser(self, url: str = "http://gw.example", address: str = "192.0.2.1") -> Browser:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

        transport = httpx2.ASGITransport(cast("Any", app), client=(address, 1))
        return Browser(httpx2.AsyncClient(transport=transport, base_url=url))


@asynccontextmanager
async def a_console(data: Path, *, token: str | None = TOKEN, console: bool = True) -> AsyncGenerator[Console]:
    """A console of a store without anything. `token`: that of the environment; None: the store's own."""
    clock = [NOW]
    environ = {} if token is None else {"HYPERINFER_CONSOLE_TOKEN": token}
    settings = GatewaySettings(config=None, data=data, environ=environ, console=console)
    async with open_gateway(settings, Drain(), now=lambda: clock[0]) as gateway:
        yield Console(gateway, clock)
