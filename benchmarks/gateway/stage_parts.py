"""The stages of one request, each as a call of the gateway's own code with what the stage before it gave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import trio

from benchmarks.gateway.serving import slug
from benchmarks.gateway.wire import question, script
from hyperinfer.api.edge.exchange import HeadMemo
from hyperinfer.api.store.keys import digest
from hyperinfer.formats import FORMATS
from hyperinfer.formats.codec import Upstream
from hyperinfer.nodes.admit import Admit
from hyperinfer.nodes.call import encoded_for
from hyperinfer.nodes.items import Answering, Failed, Planned, Ticket
from hyperinfer.nodes.meter import Meter
from hyperinfer.nodes.ports import Principal, Rate
from hyperinfer.nodes.reply_reader import ReplyReader
from hyperinfer.nodes.reply_writer import ReplyWriter

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import Headers, T
    from hyperinfer.api.gateway import Gateway
    from hyperinfer.engine import Failure
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.events import Burst, Event

RATE = Rate(1_000_000_000, 1_000_000_000)


class FakeExchange:
    """An `Exchange` whose client has sent everything and takes everything."""

    gone = False
    method = "POST"
    query = b""
    client = ("127.0.0.1", 50000)

    def __init__(self, path: str, body: bytes, secret: str) -> None:
        self.path, self._body = path, body
        self.headers: Headers = [
            (b"host", b"127.0.0.1:8080"),
            (b"content-type", b"application/json"),
            (b"authorization", b"Bearer " + secret.encode()),
            (b"accept", b"*/*"),
            (b"content-length", b"%d" % len(body)),
        ]
        self.memo = HeadMemo()
        self.status = 0
        self.body = b""

    @property
    def body_length(self) -> int:
        return len(self._body)

    async def while_there(self, wait: Callable[[], Awaitable[T]]) -> T:
        return await wait()

    async def read_body(self, limit: int) -> bytes:
        return self._body

    async def send_head(self, status: int, headers: Headers) -> None:
        self.status = status

    async def send_body(self, data: bytes) -> None:
        self.body += data

    async def send_last(self, data: bytes = b"") -> None:
        self.body += data

    def on_gone(self, function: Callable[[], None]) -> None:
        """It never leaves."""

    def end_with_client(self) -> None:
        """It never leaves."""


class _Taking:
    """A sink that keeps the last item."""

    async def send(self, item: Planned | Failure) -> None:
        if isinstance(item, Failed):
            raise RuntimeError(item.message)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The stages. Those that wait are awaited."""

    authenticate: Callable[[], Awaitable[object]]
    decode: Callable[[], object]
    encode: Callable[[], object]
    admit: Callable[[], Awaitable[object]]
    ask: Callable[[], Awaitable[object]]
    read: Callable[[], object]
    meter: Callable[[], object]
    write: Callable[[], object]
    settle: Callable[[], Awaitable[object]]
    log: Callable[[], object]


async def make_parts(gateway: Gateway, secret: str, client: Dialect, upstream: Dialect) -> Parts:
    """Of a small request whose answer is not streamed."""
    parts, catalogue, format = gateway.parts, gateway.catalogue.current(), FORMATS[client]
    model = slug(upstream, "burst-100")
    body = question(client, model, streamed=False)
    accounts = gateway.data_plane.accounts
    principal = await accounts.authenticate(digest(secret))
    assert isinstance(principal, Principal)
    conversation = format.decode_request(body)
    provider = FORMATS[catalogue.routes_for(model)[0].provider.protocol]
    waiting: list[Ticket] = []  # admitted, not yet settled
    done = script(upstream).whole

    def plan(ticket: Ticket) -> Planned:
        known = catalogue.model(model)
        assert known is not None
        return Planned(ticket, conversation, known, catalogue.routes_for(model))

    def new_ticket() -> Ticket:
        ticket = Ticket(request_id=gateway.ids.next(), format=format, created=gateway.now(), started=trio.current_time())
        ticket.principal, ticket.body_size = principal, len(body)
        return ticket

    async def authenticate() -> object:
        return await accounts.authenticate(digest(secret))

    def decode() -> object:
        return format.decode_request(body, 128)

    def encode() -> object:
        planned = plan(standing)
        return encoded_for(planned, planned.routes[0])

    async def admit() -> None:
        ticket = new_ticket()
        await Admit(parts.ledger, RATE, parts.tooling.tools).receive(plan(ticket), _Taking())
        waiting.append(ticket)

    standing = new_ticket()
    planned = plan(standing)
    route = planned.routes[0]
    encoded = encoded_for(planned, route)
    assert not isinstance(encoded, Failed)
    answering = Answering(ticket=standing, conversation=conversation, slug=model, route=route, route_index=0)

    async def ask() -> None:
        target = parts.clients.of(route.provider)
        async with target.open(target.endpoint, encoded.body, stream=False) as response:
            async for _ in response:
                pass

    def read() -> list[Event]:
        reader = ReplyReader(provider, Upstream(vendor="bench", id_seed=standing.request_id, quirks=route.quirks))
        return [*reader.receive_data(done), *reader.receive_eof()]

    events = tuple(read())

    def metered() -> Sequence[object]:
        meter = Meter()
        return [*meter.push(answering), *meter.push(events)]

    burst = cast("Burst", metered()[-1])

    def write() -> object:
        writer = ReplyWriter()
        writer.take(answering)
        return writer.take(burst)

    async def settle() -> Ticket:
        ticket = waiting.pop()
        ticket.tally = standing.tally
        if not await parts.settlement.finish(ticket):
            raise RuntimeError("the store would not have it")
        return ticket

    await admit()
    settled = await settle()

    def logged() -> None:
        gateway.data_plane.say(settled, 200, False)

    return Parts(
        authenticate=authenticate,
        decode=decode,
        encode=encode,
        admit=admit,
        ask=ask,
        read=read,
        meter=metered,
        write=write,
        settle=settle,
        log=logged,
    )
