"""The clients of the upstreams, one for each provider, over shared transports."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx2

from hyperinfer.providers.catalogue import Catalogue, Provider, load
from hyperinfer.providers.client import Upstream
from hyperinfer.providers.demo import DemoTransport
from hyperinfer.providers.proxies import Proxies
from hyperinfer.providers.transport import Transport, origin_of
from hyperinfer.providers.ways import Ways

if TYPE_CHECKING:
    from hyperinfer.providers.transport_connection import Origin
    from hyperinfer.providers.transport_hearing import Sockets

Connected: TypeAlias = Callable[[str, float], None]

RECEIVE_BUFFER: Final = 256 * 1024
"""What the kernel keeps of a response for us, in bytes. Left alone it grows to several megabytes a connection whose client
does not read; 256 KiB are 2.5 MB/s from a provider that is 100 ms away."""


class Upstreams:
    """Makes a provider's client when it is first needed. A provider that changed with the catalogue gets a new one.

    `network`: what carries requests to providers; a scripted one in tests (`hyperinfer.testing`). `demo`: what answers for
    the demo models, by default their recordings at their own pace. `connected`: is told the name of a provider and the
    seconds that a connection to it took. `open_upstreams` makes one over real connections.
    """

    def __init__(
        self,
        network: httpx2.AsyncBaseTransport,
        demo: httpx2.AsyncBaseTransport | None = None,
        connected: Connected | None = None,
    ) -> None:
        self._connected = connected
        self._transports = {"network": network, "demo": demo or DemoTransport(now=time.time)}
        self._clients: dict[str, tuple[Provider, Upstream]] = {}
        self._called: set[Origin] = set()

    def of(self, provider: Provider) -> Upstream:
        """The client of a provider."""
        known = self._clients.get(provider.name)
        if known is not None and known[0] is provider:
            return known[1]
        if known is not None and known[0] == provider:  # as another catalogue has it
            self._clients[provider.name] = (provider, known[1])
            return known[1]
        transport = self._transports[provider.transport]
        if isinstance(transport, Ways):
            self._called.add(origin_of(httpx2.URL(provider.base_url)))
            transport = transport.to(httpx2.URL(provider.base_url), http2=provider.http2)
        connected = None if self._connected is None else partial(self._connected, provider.name)
        client = Upstream(provider, transport, turns=itertools.count(), connected=connected)
        self._clients[provider.name] = (provider, client)
        return client

    async def serve_only(self, catalogue: Catalogue) -> None:
        """Forgets providers that are not, or no longer as they were, in a catalogue. Connections to where none of it and no
        tool is are closed, those in use when their request is over."""
        stay = catalogue.providers
        self._clients = {name: kept for name, kept in self._clients.items() if stay.get(name) == kept[0]}
        # One that is off is called by nobody, and may have no address: that may be what is unset.
        called = [each.base_url for each in stay.values() if each.transport == "network" and not each.missing]
        called += [each.base_url for each in catalogue.tools.values() if each.base_url]
        network = self._transports["network"]
        if isinstance(network, Ways):
            await network.leave(self._called - {origin_of(httpx2.URL(url)) for url in called})

    @property
    def network(self) -> httpx2.AsyncBaseTransport:
        """The one to whatever is not built in, also for what is no model."""
        return self._transports["network"]

    async def aclose(self) -> None:
        """Closes every connection."""
        for transport in self._transports.values():
            await transport.aclose()


@asynccontextmanager
async def open_upstreams(
    *,
    environ: Mapping[str, str] | None = None,
    now: Callable[[], float] = time.time,
    sockets: Sockets | None = None,
    connected: Connected | None = None,
) -> AsyncGenerator[Upstreams]:
    """The real transports, closed at the end of the block.

    `environ`: where `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are looked up; by default nowhere. `now`: unix
    seconds, for what the demo models stamp. `sockets`: who watches the sockets of the process, where somebody does.
    `connected`: as `Upstreams` has it. Raises ProxySettingError.
    """
    transport = Transport(receive_buffer=RECEIVE_BUFFER, sockets=sockets)
    upstreams = Upstreams(Ways(transport, Proxies.of(environ or {})), DemoTransport(now=now), connected)
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
