"""Which requests are recorded, and what every recording begins with."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import hyperinfer
from hyperinfer.api.data_plane import CRASHED, CRASHES
from hyperinfer.api.edge.exchange import ClientGone
from hyperinfer.api.recording.excerpt import Excerpt, excerpt, models_named
from hyperinfer.api.recording.folder import file_name
from hyperinfer.api.recording.known_secrets import keys_of
from hyperinfer.api.recording.orders import Order
from hyperinfer.api.recording.recorded import Recorded
from hyperinfer.api.recording.redaction import Redactor
from hyperinfer.api.recording.scribe_client import open_scribe_client
from hyperinfer.api.recording.tapped import TappedExchange
from hyperinfer.engine.recording import VERSION, Payload, Request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hyperinfer.api.edge.exchange import Exchange
    from hyperinfer.api.exchange_sink import ExchangeSink
    from hyperinfer.api.recording.settings import RecordSettings
    from hyperinfer.api.request_head import RequestHead
    from hyperinfer.engine import Drain
    from hyperinfer.nodes.items import Incoming
    from hyperinfer.providers.catalogue import Catalogue
    from hyperinfer.providers.secret import Secret

log = logging.getLogger("hyperinfer.recording")
_REQUESTS = logging.getLogger("hyperinfer.requests")

_OF_CLIENTS: Final = frozenset(
    {"content-type", "accept", "user-agent", "anthropic-version", "anthropic-beta", "x-hyperinfer-strict"}
)
"""Those of a client's headers that are recorded: all that change what it gets, and what kind of client it is."""

_MOST_EXCERPTS: Final = 256

Serve: TypeAlias = "Callable[[RequestHead, Incoming, ExchangeSink], Awaitable[None]]"


class Scribe(Protocol):
    """Who writes: `scribe_client.ScribeClient`."""

    @property
    def ready(self) -> bool:
        """Whether anything is written now."""
        ...

    def put(self, order: Order, *, needed: bool = False) -> bool: ...


class Recorder:
    """Records some of the requests of one worker. `chance`: a number from 0 to 1, for which. `secrets`: of the gateway's
    own, which no recording may hold, beside those of the request and its providers."""

    def __init__(
        self,
        settings: RecordSettings,
        scribe: Scribe,
        *,
        catalogue: Callable[[], Catalogue],
        drain: Drain,
        chance: Callable[[], float],
        secrets: tuple[Secret, ...] = (),
    ) -> None:
        self._settings, self._scribe, self._catalogue, self._drain, self._chance = settings, scribe, catalogue, drain, chance
        self._secrets = secrets
        self._excerpts: dict[tuple[str, ...], Excerpt] = {}
        self._excerpts_of: Catalogue | None = None
        self._number = 0
        self.recorded = self.truncated = self.missed = 0

    def around(self, serve: Serve) -> Serve:
        """`serve`, recorded where its turn comes."""
        return partial(self._serve, serve)

    async def _serve(self, serve: Serve, head: RequestHead, incoming: Incoming, sink: ExchangeSink) -> None:
        settings = self._settings
        if settings.sample < 1 and self._chance() >= settings.sample:
            await serve(head, incoming, sink)
        elif not self._scribe.ready:
            self.missed += 1
            await serve(head, incoming, sink)
        else:
            await self._serve_recorded(serve, head, incoming, sink)

    async def _serve_recorded(self, serve: Serve, head: RequestHead, incoming: Incoming, sink: ExchangeSink) -> None:
        ticket, exchange, left = incoming.ticket, sink.exchange, False
        recorded = self._begin(exchange, incoming)
        if recorded is None:
            self.missed += 1
            await serve(head, incoming, sink)
            return
        ticket.add_tap(recorded)
        sink.out = TappedExchange(exchange, recorded)
        exchange.on_gone(recorded.left)
        self._drain.enter(recorded)
        try:
            await serve(head, incoming, sink)
        except ClientGone:
            left = True
            raise
        except CRASHES:
            # As the data plane does; here the recording has it too.
            _REQUESTS.exception("%s crashed", ticket.request_id)
            await sink.fail(CRASHED)
        except BaseException:
            left = exchange.gone
            raise
        finally:
            self._drain.leave(recorded)
            recorded.end(ticket, complete=sink.ended, left=left)
            self.recorded += 1
            self.truncated += recorded.truncated

    def _begin(self, exchange: Exchange, incoming: Incoming) -> Recorded | None:
        ticket, settings = incoming.ticket, self._settings
        served = self._excerpt(models_named(incoming.body))
        secrets = [each.reveal() for each in (*served.secrets, *self._secrets)]
        self._number = number = self._number + 1
        recorded = Recorded(
            self._out(number, file_name(ticket.created, ticket.request_id)),
            Redactor((*secrets, *keys_of(exchange))),
            started=ticket.started,
            limit=settings.file_bytes,
            bodies=settings.bodies,
        )
        models = None if ticket.principal is None else ticket.principal.models
        request = Request(
            version=VERSION,
            id=ticket.request_id,
            unix=ticket.created,
            gateway=hyperinfer.__version__,
            method=exchange.method,
            path=exchange.path,
            headers=tuple(
                [
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in exchange.headers
                    if name.decode("latin-1") in _OF_CLIENTS
                ]
            ),
            body=Payload(length=0),
            bodies=settings.bodies,
            served={
                "catalogue": served.catalogue,
                "key_models": None if models is None else sorted(models),
                "nodes": [each.name or each.node for each in self._catalogue().pipeline],
            },
        )
        return recorded if recorded.begin(request, incoming.body) else None

    def _out(self, number: int, name: str) -> Callable[..., bool]:
        names = [name]

        def out(data: bytes, *, needed: bool = False, last: bool = False) -> bool:
            return self._scribe.put(Order(number, data, names.pop() if names else "", last), needed=needed)

        return out

    def _excerpt(self, names: tuple[str, ...]) -> Excerpt:
        """Made once for each catalogue and choice of models."""
        catalogue = self._catalogue()
        if catalogue is not self._excerpts_of or len(self._excerpts) >= _MOST_EXCERPTS:
            self._excerpts_of, self._excerpts = catalogue, {}
        found = self._excerpts.get(names)
        if found is None:
            found = self._excerpts[names] = excerpt(catalogue, names)
        return found


@asynccontextmanager
async def open_recorder(
    settings: RecordSettings,
    *,
    catalogue: Callable[[], Catalogue],
    drain: Drain,
    chance: Callable[[], float],
    secrets: tuple[Secret, ...] = (),
) -> AsyncGenerator[Recorder]:
    """A recorder with a scribe of its own, for the block. Never fails: where nothing can be written, nothing is recorded,
    and the log says so."""
    async with open_scribe_client(settings.folder, settings.folder_bytes) as scribe:
        recorder = Recorder(settings, scribe, catalogue=catalogue, drain=drain, chance=chance, secrets=secrets)
        try:
            yield recorder
        finally:
            log.info(
                "%d requests were recorded, %d of them not to their end; %d could not be",
                recorder.recorded,
                recorder.truncated,
                recorder.missed,
            )
