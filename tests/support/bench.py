"""The hosted pipelines between a scripted client and scripted upstreams, all on virtual time."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from hyperinfer.api.body_room import BodyRoom
from hyperinfer.api.custom_nodes.checking import load_nodes
from hyperinfer.api.data_plane import ROUTES, DataPlane
from hyperinfer.api.idempotency import Idempotency
from hyperinfer.api.ids import RequestIds
from hyperinfer.api.key_places import KeyPlaces
from hyperinfer.api.pipelines import Parts, Pipelines, build_pipelines
from hyperinfer.engine import Drain
from hyperinfer.formats import FORMATS, Dialect
from hyperinfer.nodes.concurrency import Rooms
from hyperinfer.nodes.health import LocalHealth
from hyperinfer.nodes.settlement import Settlement
from hyperinfer.nodes.tool_loop import Tooling
from hyperinfer.providers.catalogue import Catalogue, load
from hyperinfer.providers.upstreams import Upstreams
from tests.support import living_tasks
from tests.support.exchanges import ScriptedExchange
from tests.support.ledger import NOW, MemoryStore, memory_store
from tests.support.upstreams import Script, ScriptedTransport

if TYPE_CHECKING:
    from hyperinfer.api.edge.dispatch import Handler
    from hyperinfer.api.store.records import KeyTerms
    from hyperinfer.api.tracing.tracer import Tracer
    from hyperinfer.nodes.measures import Measures
    from hyperinfer.nodes.ports import Generation, Principal

DIALECTS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic_messages")
PATHS: dict[Dialect, str] = {format.dialect: path for path, format in ROUTES.items()}
JITTER = 0.5

PROVIDER = """\
  {name}: {{protocol: {protocol}, base_url: "https://{name}.test/v1", api_key: sk-secret-{name}, {more}}}
"""
MODEL = """\
  - slug: test/{slug}
    name: {slug}
    description: For tests.
    context_length: 1000
    max_output_tokens: 100
    pricing: {{prompt: 3, completion: 15, cached_prompt: 0.3, cache_write: 3.75, cache_write_1h: 6}}
    source: made up for the tests, 2026-11-25
    routes: [{routes}]
"""


def catalogue(more: str = "", limits: str = "{}", pipeline: str = "[]") -> Catalogue:
    """Providers `openai_chat`, `openai_responses`, `anthropic_messages` and `second` (Chat), with `more` settings each. All
    but the Chat ones count tokens.

    Models: one behind each protocol (`test/openai_chat`, …); `test/two`: Chat, then Messages; `test/twice`: Chat, then Chat
    of another provider; `test/unset`: its provider's key is not there; `test/free`: costs nothing.
    """
    providers = {name: name for name in DIALECTS} | {"second": "openai_chat"}
    text = f"limits: {limits}\npipeline: {pipeline}\nproviders:\n"
    text += "".join(
        PROVIDER.format(name=n, protocol=p, more=more if p == "openai_chat" else f"count_tokens: true, {more}")
        for n, p in providers.items()
    )
    text += '  unset: {protocol: openai_chat, base_url: "https://unset.test/v1", api_key: "${NO_SUCH_KEY}"}\n'
    text += "creators:\n  test: {name: Test}\nmodels:\n"
    routes = {name: f"{{provider: {name}, model: up}}" for name in (*providers, "unset")}
    models: dict[str, str] = {name: routes[name] for name in DIALECTS}
    # Weight 0: tried after the others, so that the order is known.
    models["two"] = f"{routes['openai_chat']}, {{provider: anthropic_messages, model: up, weight: 0}}"
    models["twice"] = f"{routes['openai_chat']}, {{provider: second, model: up2, weight: 0}}"
    models["unset"] = routes["unset"]
    text += "".join(MODEL.format(slug=slug, routes=listed) for slug, listed in models.items())
    free = MODEL.format(slug="free", routes=routes["openai_chat"])
    text += "".join(
        "    pricing: {prompt: 0, completion: 0}\n" if "pricing" in line else line + "\n" for line in free.splitlines()
    )
    return load(text, {}, "test.yaml")


def asked(dialect: Dialect, model: str, *, stream: bool, **fields: Any) -> bytes:
    """The least request of a dialect."""
    body: dict[str, Any] = {"model": f"test/{model}", "stream": stream}
    if dialect == "openai_responses":
        body["input"] = "hi"
    else:
        body["messages"] = [{"role": "user", "content": "hi"}]
    if dialect == "anthropic_messages":
        body["max_tokens"] = 50
    return json.dumps(body | fields).encode()


@dataclass(kw_only=True)
class Bench:
    """A gateway without sockets and without processes. `reload`: goes on with another catalogue."""

    store: MemoryStore
    secret: str
    principal: Principal
    transport: ScriptedTransport
    drain: Drain
    pipelines: Pipelines
    data_plane: DataPlane
    health: LocalHealth
    measures: Measures
    catalogue: Catalogue
    reload: Callable[[Catalogue], Awaitable[None]]
    requests: list[str] = field(default_factory=list[str])

    async def send(
        self, dialect: Dialect, body: bytes, headers: Mapping[str, str] | None = None, **script: Any
    ) -> ScriptedExchange:
        """One request, until its handler returns. `headers` beside the usual ones; None as a value leaves one out."""
        usual = {"authorization": f"Bearer {self.secret}", "content-type": "application/json"}
        given = {name: value for name, value in (usual | dict(headers or {})).items() if value}
        exchange = ScriptedExchange(body, given, path=PATHS[dialect], **script)
        await self.serve(dialect, exchange)
        return exchange

    async def serve(self, dialect: Dialect, exchange: ScriptedExchange) -> None:
        """As the edge does."""
        await self.handle(partial(self.data_plane.handle, FORMATS[dialect]), exchange)

    async def handle(self, handler: Handler, exchange: ScriptedExchange) -> None:
        """The same with whatever handles the exchange."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.leave_in_time)
            with exchange.handling:
                await handler(exchange)
            nursery.cancel_scope.cancel()

    async def ask(
        self, dialect: Dialect, model: str, *, stream: bool, leaves_at: float = math.inf, **fields: Any
    ) -> ScriptedExchange:
        """The least request."""
        return await self.send(dialect, asked(dialect, model, stream=stream, **fields), leaves_at=leaves_at)

    @property
    def row(self) -> Generation:
        """The one settlement."""
        ((_, generation),) = self.store.settlements
        return generation


@asynccontextmanager
async def bench(
    *scripts: Script,
    catalogue: Catalogue | None = None,
    credits: int = 10**14,
    terms: KeyTerms | None = None,
    now: Callable[[], float] = lambda: NOW,
    tooling: Tooling | None = None,
    tracer: Tracer | None = None,
) -> AsyncGenerator[Bench]:
    """A bench whose upstreams play `scripts`, one an attempt. Afterwards nothing may be left: no response open, no hold.
    `terms`: of its key. `now`: its wall clock. `tooling`: its tools. `tracer`: of its requests."""
    current = catalogue or _USUAL

    async def reload(other: Catalogue) -> None:
        nonlocal current
        current = other
        pipelines.rebuild(parts, other.limits, load_nodes(other.pipeline, pipelines.plugs))
        await clients.serve_only(other)

    transport = ScriptedTransport(*scripts)
    numbers = itertools.count(1)
    with living_tasks.no_task_left(), memory_store(now) as store:
        secret, principal = await store.a_key(credits, terms)
        settlement, drain, health, rooms = Settlement(store), Drain(), LocalHealth(trio.current_time), Rooms()
        drain.most = current.limits.in_flight
        clients = Upstreams(transport, transport)
        parts = Parts(
            catalogue=lambda: current,
            ledger=store,
            settlement=settlement,
            health=health,
            clients=clients,
            tooling=replace(tooling or Tooling(tools=dict), drain=drain),
            drain=drain,
            now=now,
            jitter=lambda: JITTER,
            rooms=rooms,
        )
        pipelines = build_pipelines(parts, current.limits, load_nodes(current.pipeline))
        ids = RequestIds(now, lambda size: next(numbers).to_bytes(size))
        data_plane = DataPlane(
            accounts=store,
            settlement=settlement,
            idempotency=Idempotency(store, store, now),
            pipelines=pipelines,
            ids=ids,
            drain=drain,
            body_limit=lambda: current.limits.body_mb * 1024 * 1024,
            now=now,
            key_places=KeyPlaces(current.limits.in_flight_per_key),
            body_room=BodyRoom(current.limits.bodies_mb * 1024 * 1024),
            tracer=tracer,
        )
        yield Bench(
            store=store,
            secret=secret,
            principal=principal,
            transport=transport,
            drain=drain,
            pipelines=pipelines,
            data_plane=data_plane,
            health=health,
            measures=parts.measures,
            catalogue=current,
            reload=reload,
        )
        assert transport.left_open == []
        assert rooms.taken == data_plane.key_places.taken == 0
        assert store.held == set()
        assert drain.in_flight == data_plane.body_room.held == 0
        assert (await store.verify_ledger()).differences == ()


_USUAL = catalogue()
