"""The recording of one request: what it hears becomes lines."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import trio

from hyperinfer.api.recording.redaction import Pieces, Redactor
from hyperinfer.api.recording.tapped import TappedClients, TappedTool
from hyperinfer.engine import recording as rec
from hyperinfer.engine.recording import Payload
from hyperinfer.engine.recording_file import line_bytes
from hyperinfer.nodes.tap import Tap

if TYPE_CHECKING:
    import httpx2

    from hyperinfer.api.edge.exchange import Headers
    from hyperinfer.api.recording.tapped import Asking
    from hyperinfer.engine import Failure
    from hyperinfer.formats.server_tools import ToolOutcome
    from hyperinfer.nodes.attempt import Clients
    from hyperinfer.nodes.items import Planned, Ticket
    from hyperinfer.nodes.selection import Ways
    from hyperinfer.nodes.tools.activation import Active
    from hyperinfer.nodes.tools.attached import ReadPdf

_OF_UPSTREAMS: Final = frozenset({"content-type", "retry-after", "retry-after-ms", "x-should-retry"})
"""Those of an upstream's headers that are recorded, beside `anthropic-ratelimit-…`: all that mean something to the gateway,
but for how the body is packed. What is recorded of it is unpacked."""

_ALIVE: Final = b": keep-alive\n"
"""How a sign of life begins, in every format."""

_RESERVED: Final = 8 * 1024
"""Bytes of a file that are kept free for its end."""


class Out(Protocol):
    """Where lines go."""

    def __call__(self, data: bytes, *, needed: bool = False, last: bool = False) -> bool:
        """Has them written. False where too much waits already; what is `needed` is taken all the same. `last`: nothing
        follows."""
        ...


class _Model(msgspec.Struct):
    model: str = ""


class Recorded(Tap):
    """Looks on at one request (`nodes.tap.Tap`, `tapped.Listener`, and `engine.drain.Cancellable`).

    `started`: trio's clock when it came. `limit`: bytes of the file. `bodies`: whether bytes are recorded, or their number.
    """

    def __init__(self, out: Out, redactor: Redactor, *, started: float, limit: int, bodies: bool) -> None:
        self._out, self._redactor, self._started, self._bodies = out, redactor, started, bodies
        self._left = limit - _RESERVED
        self._cut = False
        self.attempts = 0
        self._kept: list[rec.Line] = []  # lines behind pieces that are not let go yet
        self.attempt: _Attempted | None = None  # the one with such pieces
        self._status: int | None = None
        self._headers: rec.Headers = ()
        self._length, self._sha256 = 0, hashlib.sha256()
        self._aborted = False

    @property
    def truncated(self) -> bool:
        """Whether something is missing of it."""
        return self._cut

    def begin(self, request: rec.Request, body: bytes) -> bool:
        """The first line. A body that has no room is left out, and nothing follows. False where too much waits already to
        begin at all."""
        fits = len(body) < self._left
        payload = self.payload(body) if fits else Payload(length=len(body))
        data = self._redactor.clean(line_bytes(msgspec.structs.replace(request, body=payload)))
        self._left -= len(data)
        if not self._out(data):
            return False
        if self._left < 0 or not fits:
            self._cut_off("size")
        return True

    def payload(self, data: bytes) -> Payload:
        """Bytes as they are recorded; where nothing is any more, without looking at them."""
        return Payload.of(self._redactor.clean(data)) if self._bodies and not self._cut else Payload(length=len(data))

    def now(self) -> float:
        """See `Listener`."""
        return trio.current_time()

    @property
    def at(self) -> float:
        """Seconds since the request came."""
        return self._since(trio.current_time())

    def _since(self, time: float) -> float:
        return max(0.0, round(time - self._started, 6))

    def note(self, line: rec.Line) -> None:
        """One more line, after those that wait."""
        if self.attempt is not None:
            self._kept.append(line)
        elif not self._cut:
            data = line_bytes(line)
            if not isinstance(line, rec.Bytes):  # that is clean
                data = self._redactor.clean(data)
            self._left -= len(data)
            if self._left < 0:
                self._cut_off("size")
            elif not self._out(data):
                self._cut_off("pace")

    def _cut_off(self, why: str) -> None:
        self._cut = True
        self._out(line_bytes(rec.Truncated(self.at, why)), needed=True)

    # The way in and the middle: `Tap`

    def asked(self, item: Planned, clients: Clients, ways: Ways) -> tuple[Clients, Ways]:
        """See `Tap`."""
        self._plan(item)

        def slug() -> str:
            answering = item.ticket.tally.answering
            return item.model.slug if answering is None else answering.slug

        return TappedClients(clients, slug, self), replace(ways, jitter=partial(self._drawn, ways.jitter))

    def _plan(self, item: Planned) -> None:
        routes = [
            {"slug": choice.model.slug, "provider": route.provider.name, "model": route.model}
            for choice in item.choices
            for route in choice.routes
        ]
        self.note(rec.Plan(self.at, tuple(routes), item.round))

    def counted(self, item: Planned, clients: Clients) -> Clients:
        """See `Tap`."""
        self._plan(item)
        return TappedClients(clients, lambda: item.model.slug, self)

    def _drawn(self, jitter: Callable[[], float]) -> float:
        value = jitter()
        self.note(rec.Draw(self.at, "jitter", value))
        return value

    def equipped(self, tools: Mapping[str, Active]) -> Mapping[str, Active]:
        """See `Tap`."""
        return {name: active._replace(tool=TappedTool(active.tool, self)) for name, active in tools.items()}

    def reading(self, read: ReadPdf) -> ReadPdf:
        """See `Tap`."""

        async def reads(pdf: bytes | str) -> ToolOutcome:
            began, outcome = self.now(), None
            try:
                outcome = await read(pdf)
                return outcome
            finally:
                told = {"url": pdf} if isinstance(pdf, str) else {"sha256": hashlib.sha256(pdf).hexdigest()}
                self.ran("read_pdf", told, began, outcome)

        return reads

    def ran(self, tool: str, arguments: object, began: float, outcome: ToolOutcome | None) -> None:
        """See `Listener`."""
        told = None if outcome is None else self.payload(msgspec.json.encode(outcome))
        said = self.payload(msgspec.json.encode(arguments))
        self.note(rec.Tool(at=self.at, began=self._since(began), name=tool, arguments=said, outcome=told))

    def refused(self, by: str, failure: Failure, status: int | None = None) -> None:
        """See `Tap`."""
        self.note(
            rec.Refusal(
                at=self.at,
                by=by,
                code=failure.code,
                message=failure.message,
                param=failure.param,
                retry_after=failure.retry_after,
                status=status,
                details=dict(failure.details),
            )
        )

    # Upstreams

    def attempted(self, asking: Asking, body: bytes) -> _Attempted:
        """See `Listener`."""
        number, self.attempts = self.attempts, self.attempts + 1
        self.note(
            rec.Attempt(
                number=number,
                at=self.at,
                provider=asking.provider.name,
                model=_model_in(body),
                protocol=asking.provider.protocol,
                path=asking.path,
                streamed=asking.streamed,
                slug=asking.slug,
                headers=asking.headers,
                body=self.payload(body),
            )
        )
        return _Attempted(self, number, self._redactor if self._bodies else None)

    def keep_back(self, attempted: _Attempted) -> None:
        """Its last pieces may go on in a secret: what follows waits for them."""
        self.attempt = attempted

    def let_go(self, pieces: Iterable[tuple[tuple[int, float], bytes]], number: int) -> None:
        """Pieces of an attempt that are clean, each with how many lines came before it meanwhile, and its time."""
        kept, self._kept, self.attempt = self._kept, [], None
        written = 0
        for (before, at), data in pieces:
            for line in kept[written:before]:
                self.note(line)
            written = max(written, before)
            if self._bodies and not self._cut:
                self.note(rec.Bytes(number, at, Payload.of(data), zlib.crc32(data)))
            else:
                self.note(rec.Bytes(number, at, Payload(length=len(data))))
        for line in kept[written:]:
            self.note(line)

    @property
    def kept(self) -> int:
        """How many lines wait."""
        return len(self._kept)

    # The way out

    def answered(self, status: int, headers: Headers) -> None:
        """See `Listener`."""
        self._status = status
        self._headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)

    def sent(self, data: bytes) -> None:
        """See `Listener`."""
        if data:
            data = self._redactor.clean(data)
            self._length += len(data)
            self._sha256.update(data)
            self.note(rec.Sent(self.at, len(data), zlib.crc32(data), data.startswith(_ALIVE)))

    def left(self) -> None:
        """The client has."""
        if not self._aborted:
            self._aborted = True
            self.note(rec.Abort(self.at))

    def cancel(self) -> None:
        """The grace of a drain is over."""
        self.note(rec.Drain(self.at, "hard_end"))

    def end(self, ticket: Ticket, *, complete: bool, left: bool) -> None:
        """The request is over. `complete`: its response was. `left`: its client has."""
        if left:
            self.left()
        if self.attempt is not None:
            self.attempt.closed()
        row = ticket.row
        losses = [(loss.path, loss.reason) for loss in (ticket.losses if row is None else row.losses)]
        end = rec.End(
            at=self.at,
            how="complete" if complete else "client_left" if left else "cut",
            status=self._status,
            headers=self._headers,
            length=self._length,
            sha256=self._sha256.hexdigest(),
            error=ticket.tally.error_code,
            losses=tuple(losses),
            redacted=self._redactor.found,
        )
        self._out(self._redactor.clean(line_bytes(end)), needed=True, last=True)


class _Attempted:
    """See `tapped.Attempted`. `redactor`: None where bytes are not recorded."""

    def __init__(self, recorded: Recorded, number: int, redactor: Redactor | None) -> None:
        self._recorded, self._number = recorded, number
        self._pieces: Pieces[tuple[int, float]] = Pieces(redactor or Redactor(()))
        self._over = False

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        kept = tuple([(name, value) for name, value in headers.items() if _is_recorded(name)])
        self._recorded.note(rec.Head(self._number, self._recorded.at, status, kept))

    def piece(self, data: bytes) -> None:
        recorded = self._recorded
        pieces = self._pieces.take((recorded.kept, self._recorded.at), data)
        if pieces:
            recorded.let_go(pieces, self._number)
        else:
            recorded.keep_back(self)

    def ended(self) -> None:
        self._end(rec.Eof(self._number, self._recorded.at))

    def failed(self, error: httpx2.TransportError) -> None:
        self._end(rec.Fault(self._number, self._recorded.at, type(error).__name__, str(error)))

    def closed(self) -> None:
        self._end(rec.Close(self._number, self._recorded.at))

    def _end(self, line: rec.Eof | rec.Fault | rec.Close) -> None:
        if not self._over:
            self._over = True
            if pieces := self._pieces.end():
                self._recorded.let_go(pieces, self._number)
            self._recorded.note(line)


def _is_recorded(name: str) -> bool:
    return name in _OF_UPSTREAMS or name.startswith("anthropic-ratelimit-")


def _model_in(body: bytes) -> str:
    """What the upstream is asked for."""
    try:
        return msgspec.json.decode(body, type=_Model).model
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
