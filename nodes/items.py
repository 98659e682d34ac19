"""What travels between the nodes of a request.

`Incoming` → decode → `Asked` → route, admit → `Planned` → tool loop ⇄ call → `Answering` and bursts of events → translate,
meter → the same → encode → `Head` and `Chunk`s → settle → the same. A `Failed` may take the place of what follows at any
point; nodes that do not handle failures are passed by (`engine.Failure`). A plain `Failure` of a node that knows no ticket
works too: where no route has been asked yet it leaves the pipeline as it is, and whoever runs the pipeline tells it.

Every item up to the bursts carries the request's `Ticket`: who asked, when, and what has been done for it so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
import trio

from hyperinfer.engine import Failure
from hyperinfer.formats.codec import AnswerShape, Format, Loss, ToolAlias
from hyperinfer.formats.conversation import Conversation
from hyperinfer.formats.errors import ErrorReport
from hyperinfer.formats.events import Burst, StopReason
from hyperinfer.formats.server_tools import ToolName
from hyperinfer.formats.tokens import Written
from hyperinfer.formats.usage import Usage
from hyperinfer.nodes.ports import Attempt, ChosenBy, CostLine, Generation, Principal, ToolTime
from hyperinfer.nodes.tap import Tap, Taps
from hyperinfer.nodes.tools.port import ServerTool
from hyperinfer.providers.catalogue import Model, Route

HeaderList: TypeAlias = tuple[tuple[str, str], ...]


class Metered(msgspec.Struct, frozen=True):
    """A round that is over: what it used, and the lines of its bill."""

    usage: Usage
    lines: tuple[CostLine, ...]


class Tally(msgspec.Struct, eq=False):
    """What the meter has seen of one reply.

    `began`: the upstream has begun with it. `usage`: the upstream's latest counts. `written`: the model's output.
    `first_output`: trio's clock at the first of it. `stop`: set when the reply was complete. `error_code`: set when the
    request failed, whatever else is known. `lines`: the bill, once it is final. `rounds`: those before the one under way.
    `tools`: charged runs of server tools, a line each.
    """

    answering: Answering | None = None
    began: bool = False
    usage: Usage | None = None
    written: Written = msgspec.field(default_factory=Written)
    first_output: float | None = None
    stop: StopReason | None = None
    error_code: str | None = None
    lines: tuple[CostLine, ...] = ()
    rounds: list[Metered] = []
    tools: list[CostLine] = []


class Ticket(msgspec.Struct, eq=False, kw_only=True):
    """One request's running record. Written by the nodes of that request only, which run in one nursery.

    `request_id`: bare. `format`: what the client speaks. `principal`: whose key it came with, None without accounts.
    `tally`: what the meter has counted. `created`: unix seconds. `started`: trio's clock when it came. `strict`: refuse
    instead of losing (`X-HyperInfer-Strict`). `upstream_headers`: the client's `anthropic-version` and `anthropic-beta`.
    `body_size`: bytes of the request. `admitted`: its row if nothing more is heard of it, None before admission, which was
    at `admitted_at` on trio's clock. `losses`, `attempts` and `tool_times`: all so far, for `/generation` (losses of the
    request on its route are in `Answering`). `settled`: the one
    settlement of this request is done or under way, with this `row`. `limit_reached`: the model has called server tools
    often enough. `last_words`: ends the stream that is being written with an error; None before. `notes`: what nodes of your
    own leave there for each other, each under a name of its own; nothing here reads them. `said`: something of a stream was
    written for the client. `tap`: who looks on; None: nobody. `trace_id`: of the trace that this request is part of, 32 hex
    digits; None where there is none."""

    request_id: str
    format: Format
    created: float
    started: float
    principal: Principal | None = None
    strict: bool = False
    upstream_headers: HeaderList = ()
    body_size: int = 0
    admitted: Generation | None = None
    admitted_at: float | None = None
    losses: list[Loss] = []
    attempts: list[Attempt] = []
    tool_times: list[ToolTime] = []
    tally: Tally = msgspec.field(default_factory=Tally)
    limit_reached: bool = False
    settled: bool = False
    row: Generation | None = None
    last_words: Callable[[ErrorReport], bytes] | None = None
    notes: dict[str, Any] = {}
    said: bool = False
    tap: Tap | None = None
    trace_id: str | None = None

    def add_tap(self, tap: Tap) -> None:
        """One more who looks on, behind those who do already."""
        self.tap = tap if self.tap is None else Taps(self.tap, tap)

    def let_go(self) -> None:
        """When the request is over: of what it holds that refers back to it. In a circle the whole request would else wait
        for the collector, which counts objects and not their megabytes."""
        self.tally.answering = self.last_words = self.tap = None
        self.notes = {}

    @classmethod
    def plain(cls, request_id: str, format: Format, *, now: Callable[[], float] = time.time) -> Ticket:
        """A ticket for a pipeline without accounts. Inside a trio run.

        `request_id`: `[a-z0-9_-]`, one for each request; the ids in the reply are made of it. `format`: what the client
        speaks. `now`: unix seconds, for when the reply says that it was created.
        """
        return cls(request_id=request_id, format=format, created=now(), started=trio.current_time())


class Incoming(msgspec.Struct, eq=False):
    """A request body as it came, for one run: who decodes it takes it, as a long reply would else hold it to its end."""

    ticket: Ticket
    body: bytes

    def take(self) -> bytes:
        """The body, which is held here no more."""
        body, self.body = self.body, b""
        return body


class Asked(msgspec.Struct, frozen=True):
    """A request that was understood."""

    ticket: Ticket
    conversation: Conversation

    def map_text(self, change: Callable[[str], str]) -> Asked:
        """The request with `change` applied to every text in its conversation."""
        return Asked(self.ticket, self.conversation.map_text(change))


class Choice(msgspec.Struct, frozen=True):
    """A model, and routes to it in the order in which they are tried. `served`: wants to know which of them did; None where
    nothing depends on that. `by`: why the first of them is; None where there is one."""

    model: Model
    routes: tuple[Route, ...]
    served: Callable[[Route], None] | None = None
    by: ChosenBy | None = None


class Planned(msgspec.Struct, frozen=True):
    """A request with the routes that may serve it, in the order in which they are tried.

    `conversation`: the caller's. `asks`: the conversation to ask of a route, where it is another. `round`: how often a model
    was asked for this request before, and called tools of the gateway. `tools`: those that it was admitted with; None where
    nobody has looked yet. `served`, `by`: as in `Choice`. `fallbacks`: what is tried after these routes, each when those
    before have failed without output.
    """

    ticket: Ticket
    conversation: Conversation
    model: Model
    routes: tuple[Route, ...]
    asks: Callable[[Route], Conversation] | None = None
    round: int = 0
    tools: Mapping[ToolName, ServerTool] | None = None
    served: Callable[[Route], None] | None = None
    by: ChosenBy | None = None
    fallbacks: tuple[Choice, ...] = ()

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All that may serve it, in the order of trying."""
        return (Choice(self.model, self.routes, self.served, self.by), *self.fallbacks)

    def next(self) -> Planned:
        """What is left of the plan when its first routes have failed. Only where there are fallbacks."""
        choice, *rest = self.fallbacks
        return msgspec.structs.replace(
            self,
            model=choice.model,
            routes=choice.routes,
            served=choice.served,
            by="fallback",
            fallbacks=tuple(rest),
        )

    def asked_of(self, route: Route) -> Conversation:
        """What a route is asked: the caller's conversation, or what has become of it."""
        return self.conversation if self.asks is None else self.asks(route)


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """A route is being asked. Another may follow while no output has come, or in a later round; the last one is that of the
    bursts.

    `slug`: the catalogue's name of the model. `context_length`: of the model, in tokens; 0 when unknown. `route_index`:
    place of the route in the model. `losses`: of this route's request. `aliases`: tools under other names. `answer`: how an
    answer of a demanded shape comes back, where the upstream does not shape it. `headers`: what of the upstream's headers
    the client gets. `stops`: stop strings that the upstream was not sent. `asked`: what this route was asked, where that is
    not the caller's `conversation`. `round`: as in `Planned`; a later round goes on with the reply of the first. `by`: why
    this route is.
    """

    ticket: Ticket
    conversation: Conversation
    slug: str
    route: Route
    route_index: int
    context_length: int = 0
    losses: Sequence[Loss] = ()
    aliases: Mapping[str, ToolAlias] = {}
    answer: AnswerShape | None = None
    stops: tuple[str, ...] = ()
    headers: HeaderList = ()
    asked: Conversation | None = None
    round: int = 0
    by: ChosenBy | None = None


@dataclass(frozen=True, slots=True)
class Failed(Failure):
    """A failure of one request, with its ticket; the other fields are those of `engine.Failure`. `headers`: those that
    the client gets beside the usual ones, what of the upstream's may be passed on among them."""

    ticket: Ticket | None = None
    headers: HeaderList = ()


DO_NOT_RETRY: Final[HeaderList] = (("x-should-retry", "false"),)
"""Tells the official SDKs, which repeat each 5xx by themselves, that this one stays until an operator has done something."""

Reply: TypeAlias = Answering | Burst
"""What flows from `call` to `encode`: an `Answering` first, then bursts. A burst is a tuple of events, all that one read of
the upstream produced; it is never empty, and the last one of a complete reply ends with `MessageEnd`."""


class Head(msgspec.Struct, frozen=True):
    """HTTP `status` and headers of the response to the client; once, before any chunk. `whole`: one chunk is the whole
    body."""

    status: int
    headers: HeaderList
    ticket: Ticket | None = None
    whole: bool = False


class Chunk:
    """Bytes of the response's body. `last`: nothing follows."""

    __slots__ = ("_data", "last")

    def __init__(self, data: bytes, last: bool = False) -> None:
        self._data: bytes = data
        self.last: Final = last

    @property
    def data(self) -> bytes:
        """The bytes."""
        return self._data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._data!r}, last={self.last})"


class LastChunk(Chunk):
    """The end of a stream that went well. Its bytes are made when they are first asked for: until then the end can still
    become an error, which is what happens to a reply that cannot be recorded."""

    __slots__ = ("_fail", "_finish")

    def __init__(self, before: bytes, finish: Callable[[], bytes], fail: Callable[[ErrorReport], bytes]) -> None:
        super().__init__(before, last=True)
        self._finish: Callable[[], bytes] | None = finish
        self._fail = fail

    @property
    def data(self) -> bytes:
        """What was not yet sent of the reply, and its regular end."""
        if self._finish is not None:
            self._data += self._finish()
            self._finish = None
        return self._data

    def failed(self, report: ErrorReport) -> Chunk:
        """What was not yet sent of the reply, and an error in place of its end. Of no use after `data`."""
        return Chunk(self._data + self._fail(report), last=True)


Output: TypeAlias = Head | Chunk
"""What leaves a pipeline: one `Head`, then `Chunk`s, of which the last one says so."""
