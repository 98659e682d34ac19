"""The clients of the upstreams, one for each provider, over shared transports."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

from hyperinfer.providers.catalogue import Catalogue, Provider, load
from hyperinfer.providers.client import Upstream
from hyperinfer.providers.demo import DemoTransport
from hyperinfer.providers.transport import Transport

if TYPE_CHECKING:
    import httpx2


class Upstreams:
    """Makes a provider's client when it is first needed. A provider that changed with the catalogue gets a new one."""

    def __init__(self, network: httpx2.AsyncBaseTransport, demo: httpx2.AsyncBaseTransport) -> None:
        self._transports = {"network": network, "demo": demo}
        self._clients: dict[str, tuple[Provider, Upstream]] = {}

    def of(self, provider: Provider) -> Upstream:
        """The client of a provider."""
        known = self._clients.get(provider.name)
        if known is not None and known[0] is provider:
            return known[1]
        client = Upstream(provider, self._transports[provider.transport], turns=itertools.count())
        self._clients[provider.name] = (provider, client)
        return client

    @property
    def network(self) -> httpx2.AsyncBaseTransport:
        """The one to whatever is not built in, also for what is no model."""
        return self._transports["network"]

    async def aclose(self) -> None:
        """Closes every connection."""
        for transport in self._transports.values():
            await transport.aclose()


@asynccontextmanager
async def open_upstreams(*, now: Callable[[], float] = time.time) -> AsyncGenerator[Upstreams]:
    """The real transports, closed at the end of the block. `now`: unix seconds, for what the demo models stamp."""
    upstreams = Upstreams(Transport(), DemoTransport(now=now))
    try:
        yield upstreams
    finally:
        await upstreams.aclose()


def shipped_catalogue(environ: Mapping[str, str] | None = None) -> Catalogue:
    """The catalogue that comes with the package.

    `environ`: where the providers' keys (`${NAME}`) are looked up; by default nowhere, so that only the demo models and
    open providers can be called. `shipped_catalogue(os.environ)` reads the keys from the environment.
    """
    text = (files("hyperinfer.providers") / "catalogue.yaml").read_text("utf-8")
    return load(text, {} if environ is None else environ, "providers.yaml (packaged)")
