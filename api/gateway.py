"""One worker's gateway: everything that a request needs, wired together, for as long as the worker serves."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from hyperinfer.api.about import about
from hyperinfer.api.backing import open_backing
from hyperinfer.api.body_room import BodyRoom
from hyperinfer.api.catalogue_file import CatalogueFile
from hyperinfer.api.console.settings import ConsoleSettings
from hyperinfer.api.custom_nodes.checking import load_nodes
from hyperinfer.api.data_plane import DataPlane
from hyperinfer.api.edge.watch import Watch
from hyperinfer.api.given_secrets import console_token
from hyperinfer.api.idempotency import Idempotency
from hyperinfer.api.ids import RequestIds
from hyperinfer.api.key_places import KeyPlaces
from hyperinfer.api.metrics.requests import RequestMetrics
from hyperinfer.api.pipelines import Parts, Pipelines, build_pipelines
from hyperinfer.api.playground import PlaygroundAccounts, PlaygroundKeys, PlaygroundLedger
from hyperinfer.api.request_line import Say, says_lines
from hyperinfer.api.settings import SharedServers, shared_servers
from hyperinfer.api.store.folder import DataFolder, FolderLock
from hyperinfer.api.tracing.settings import tracing_settings
from hyperinfer.nodes.health import LocalHealth
from hyperinfer.nodes.measures import Measures
from hyperinfer.nodes.settlement import Settlement
from hyperinfer.nodes.tool_loop import Tooling
from hyperinfer.nodes.tools.documents.reader import DocumentReader
from hyperinfer.nodes.tools.toolbox import CurrentTools
from hyperinfer.providers.egress import Egress
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.upstreams import Upstreams, open_upstreams

if TYPE_CHECKING:
    from hyperinfer.api.recording.recorder import Recorder
    from hyperinfer.api.recording.settings import RecordSettings
    from hyperinfer.api.store.store import Store
    from hyperinfer.api.tracing.settings import TracingSettings
    from hyperinfer.api.tracing.tracer import Tracer
    from hyperinfer.engine import Drain
    from hyperinfer.nodes.ports import Ledger
    from hyperinfer.providers.egress.addresses import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What a worker is told. `config`: path of the catalogue. `catalogue`: its text, where whoever started us has read it.
    `data`: the data folder. `environ`: the environment. `lock`: the folder's, where whoever started us holds it; else we
    take it. `refuse_without_postgres`: of the shared store, while it is away; else requests are journaled. `record`: which
    requests are recorded, and where; None: none. `console`: whether it is served. `tls`: clients come by TLS."""

    config: Path | None
    data: Path
    environ: Mapping[str, str] = field(repr=False)  # it holds the providers' keys
    lock: FolderLock | None = None
    catalogue: str | None = field(default=None, repr=False)  # it may hold keys
    refuse_without_postgres: bool = False
    record: RecordSettings | None = None
    console: bool = True
    tls: bool = False

    @property
    def internal_token(self) -> Secret | None:
        """The shared secret of the platform's internal routes; None when it is not set."""
        token = self.environ.get("HYPERINFER_INTERNAL_TOKEN")
        return Secret(token) if token else None

    @property
    def console_settings(self) -> ConsoleSettings | None:
        """Those of the console; None where it is off."""
        return ConsoleSettings(console_token(self.environ)) if self.console else None

    @property
    def metrics_token(self) -> Secret | None:
        """The secret of who reads metrics; None when it is not set."""
        token = self.environ.get("HYPERINFER_METRICS_TOKEN")
        return Secret(token) if token else None

    @property
    def servers(self) -> SharedServers | None:
        """Those of the shared store; None for the embedded one."""
        return shared_servers(self.environ)

    @property
    def tracing(self) -> TracingSettings | None:
        """Where traces go; None: nothing is traced. Raises TracingSettingError."""
        return tracing_settings(self.environ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The parts, as routes see them."""

    catalogue: CatalogueFile
    store: Store
    ledger: Ledger
    playground: PlaygroundKeys
    parts: Parts
    health: LocalHealth
    pipelines: Pipelines
    data_plane: DataPlane
    ids: RequestIds
    drain: Drain
    internal_token: Secret | None
    console: ConsoleSettings | None
    now: Callable[[], float]
    upstreams: Upstreams

    async def reload(self) -> None:
        """Reads the catalogue's file again. Raises as `CatalogueFile` does, and everything stays as it was."""
        await self.use(self.catalogue.read())

    async def use(self, text: str) -> None:
        """Goes on with another catalogue, for requests that come from here on: those that run keep theirs, with its
        prices, and their pipeline. Raises `CatalogueErrors`, and everything stays as it was."""
        catalogue = self.catalogue.parsed(text)
        plugs = load_nodes(catalogue.pipeline, self.pipelines.plugs)
        self.catalogue.take(catalogue, text)
        self.pipelines.rebuild(self.parts, catalogue.limits, plugs)
        self.drain.most = catalogue.limits.in_flight
        self.data_plane.key_places.most = catalogue.limits.in_flight_per_key
        self.data_plane.body_room.most = _bytes(catalogue.limits.bodies_mb)
        await self.upstreams.serve_only(catalogue)


@asynccontextmanager
async def open_gateway(
    settings: GatewaySettings,
    drain: Drain,
    *,
    now: Callable[[], float] = time.time,
    entropy: Callable[[int], bytes] = os.urandom,
    say: Say | None = None,
    metrics: RequestMetrics | None = None,
) -> AsyncGenerator[Gateway]:
    """The gateway of one data folder. `say`: logs a line for each request, `metrics` counts it. Raises `CatalogueErrors`,
    `FolderInUse`, `StoreUnavailable`, `ProxySettingError`, `TracingSettingError`."""
    catalogue = CatalogueFile(settings.config, settings.environ, settings.catalogue)
    limits = catalogue.current().limits
    plugs = load_nodes(catalogue.current().pipeline)
    drain.most = limits.in_flight
    folder = DataFolder(settings.data)
    watch, measures = Watch(), Measures()
    async with (
        open_backing(
            folder,
            settings.lock,
            settings.servers,
            refuse_without_postgres=settings.refuse_without_postgres,
            about=partial(about, drain),
            now=now,
            entropy=entropy,
        ) as backing,
        open_upstreams(
            environ=settings.environ,
            now=now,
            sockets=watch if watch.watches_sockets else None,
            connected=measures.connected,
        ) as upstreams,
        _recorder(settings, catalogue, drain) as recorder,
        _tracer(settings, catalogue, upstreams, now, entropy) as tracer,
        trio.open_nursery() as serving,
    ):
        serving.start_soon(watch.run)
        serving.start_soon(_end_with_the_grace, drain)
        store, playground = backing.store, backing.playground
        store.console.given = console_token(settings.environ) is not None
        accounts, ledger = PlaygroundAccounts(store, playground), PlaygroundLedger(store, playground)
        settlement, health = Settlement(ledger), LocalHealth(trio.current_time)
        serving.start_soon(backing.share_health, health)
        tools = CurrentTools(
            catalogue.current, transport=upstreams.network, reader=DocumentReader(), egress=_way_out, now=now
        )
        parts = Parts(
            catalogue=catalogue.current,
            ledger=ledger,
            settlement=settlement,
            clients=upstreams,
            health=health,
            tooling=Tooling(
                tools=tools, read_pdf=tools.read_pdf, memory=backing.tool_memory, drain=drain, measures=measures
            ),
            drain=drain,
            now=now,
            jitter=random.random,
            measures=measures,
        )
        pipelines = build_pipelines(parts, limits, plugs)
        ids = RequestIds(now, entropy)
        data_plane = DataPlane(
            accounts=accounts,
            settlement=settlement,
            idempotency=Idempotency(store, ledger, now),
            pipelines=pipelines,
            ids=ids,
            drain=drain,
            body_limit=lambda: _bytes(catalogue.current().limits.body_mb),
            now=now,
            say=says_lines() if say is None else say,
            metrics=RequestMetrics() if metrics is None else metrics,
            key_places=KeyPlaces(limits.in_flight_per_key),
            body_room=BodyRoom(_bytes(limits.bodies_mb)),
            recorder=recorder,
            tracer=tracer,
        )
        yield Gateway(
            catalogue=catalogue,
            store=store,
            ledger=ledger,
            playground=playground,
            parts=parts,
            health=health,
            pipelines=pipelines,
            data_plane=data_plane,
            ids=ids,
            drain=drain,
            internal_token=settings.internal_token,
            console=settings.console_settings,
            now=now,
            upstreams=upstreams,
        )
        serving.cancel_scope.cancel()


def _recorder(
    settings: GatewaySettings, catalogue: CatalogueFile, drain: Drain
) -> AbstractAsyncContextManager[Recorder | None]:
    if settings.record is None:
        return nullcontext()
    # Who does not record does not load it.
    from hyperinfer.api.recording.recorder import open_recorder

    secrets = _own_secrets(settings)
    return open_recorder(settings.record, catalogue=catalogue.current, drain=drain, chance=random.random, secrets=secrets)


def _own_secrets(settings: GatewaySettings) -> tuple[Secret, ...]:
    """Of people who are no clients."""
    tokens = (settings.internal_token, settings.metrics_token, console_token(settings.environ))
    return tuple(token for token in tokens if token is not None)


def _tracer(
    settings: GatewaySettings,
    catalogue: CatalogueFile,
    upstreams: Upstreams,
    now: Callable[[], float],
    entropy: Callable[[int], bytes],
) -> AbstractAsyncContextManager[Tracer | None]:
    configured = settings.tracing
    if configured is None:
        return nullcontext()
    # Who does not trace does not load it.
    from hyperinfer.api.tracing.opening import open_tracer

    contents = None
    if configured.contents is not None:
        from hyperinfer.api.tracing.contents import Contents

        secrets = (*_own_secrets(settings), *(value for _, value in configured.headers))
        contents = Contents(catalogue.current, secrets, most=configured.contents)
    scheme = "https" if settings.tls else "http"
    return open_tracer(configured, upstreams.network, scheme=scheme, now=now, entropy=entropy, contents=contents)


def _bytes(mb: int) -> int:
    return mb * 1024 * 1024


def _way_out(allow: Sequence[Network]) -> Egress:
    return Egress(allow=allow)


async def _end_with_the_grace(drain: Drain) -> None:
    """What still runs when the grace of a drain is over is told so, and ends itself. The edge cuts whoever does not."""
    await drain.wait_begun()
    await drain.finish(last_words=math.inf)
