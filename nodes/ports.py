"""What the nodes need from outside: the records that cross, and the Protocols behind which accounts and money live.

Two stores implement them (embedded, shared). Whatever holds for one holds for the other; the laws are in the
docstrings below and in the conformance suite, `tests/api/store/ledger_laws.py`.

Money is an integer of pico-USD (1e-12 USD) everywhere. Times are unix seconds unless a name says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from hyperinfer.engine.deadlines import Cause

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from hyperinfer.engine.failure import Failure
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.providers.catalogue import Route

IngressFormat = Literal["chat_completions", "responses", "anthropic_messages"]
Status = Literal["completed", "incomplete", "failed", "cancelled", "interrupted", "pending"]
"""pending: it is over and on a disk, its row not yet in the database."""

ChosenBy = Literal[
    "weight", "order", "price", "latency", "throughput", "request", "conversation", "reasoning", "failover", "fallback"
]
"""Why a route was asked. What the routes of its model go by for a new conversation; request: the caller's `order`;
conversation: that was served there before; reasoning: it can read the opaque reasoning; failover: another of the model
could not be asked or has failed; fallback: the model before has."""


class SpendingLimits(msgspec.Struct, frozen=True, gc=False):
    """What a key may spend, in pico-USD; None: no limit. Days and months are UTC, by when a request was admitted."""

    daily: int | None = None
    monthly: int | None = None
    total: int | None = None


class Rate(msgspec.Struct, frozen=True, gc=False):
    """A token bucket: so many requests a minute, and so many at once after a pause."""

    per_minute: int
    burst: int


class Principal(msgspec.Struct, frozen=True, gc=False):
    """Who asks: the result of authentication, and all that later stages know of the caller.

    models: slugs the key may call; None allows every model of the catalogue.
    rate_per_minute, burst: the key's own token bucket; None means the default of the catalogue's `limits`.
    """

    workspace: str
    workspace_name: str
    key_id: str
    source: str = "api"
    models: frozenset[str] | None = None
    rate_per_minute: int | None = None
    burst: int | None = None
    spending: SpendingLimits = SpendingLimits()


class CostLine(msgspec.Struct, frozen=True, gc=False):
    """One line of the arithmetic of a bill: tokens x price = cost.

    bucket: prompt, cached_prompt, cache_write, cache_write_1h, completion, or the name of a server tool.
    price: pico-USD per token (per call for a tool). cost: pico-USD.
    """

    bucket: str
    tokens: int
    price: int
    cost: int


class LossRecord(msgspec.Struct, frozen=True, gc=False):
    """Something of the request that the upstream's format could not express."""

    path: str
    reason: str


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One call of one upstream.

    model: the upstream's own name. status: its HTTP status, None when there was no answer.
    code: the failure's code, None when it succeeded. ms: how long it took, to the first output or the failure.
    unbilled: of one whose output the client never saw, what it used, in pico-USD, as far as the upstream said; None for the
    one that was answered with, which is billed. deadline: the one of ours that ended it (connect, first_token, idle, stream,
    whole); None where none did. chosen_by: why this route was asked; None where its model has no other. at: milliseconds
    from when the request came to when this began; None in rows of versions that did not write it down.
    """

    provider: str
    model: str
    status: int | None
    code: str | None
    ms: int
    unbilled: int | None = None
    deadline: Cause | None = None
    chosen_by: ChosenBy | None = None
    at: int | None = None


class ToolTime(msgspec.Struct, frozen=True, gc=False):
    """One run of a server tool: at, as of an attempt, and for how many ms. failed: the model was told of an error."""

    name: str
    at: int
    ms: int
    failed: bool = False


class Generation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The one record of an admitted request: what it was, what it used, what it cost. It is also what
    `GET /api/v1/generation` shows.

    id: the bare request id, the idempotency key of its settlement.
    model: the catalogue slug. upstream_model: the provider's name for it. route: index of the route in the model.
    tokens_prompt: all input tokens; cached and cache-write tokens are parts of it, not additions to it.
    tokens_completion: all output tokens, reasoning included.
    estimated: the upstream did not count all of them, so that some are an estimate.
    limit_reached: the model wanted to call server tools more often than it may.
    cost: pico-USD, equal to the sum of `lines` and to the amount of the ledger row.
    error_code: set exactly when the status is failed.
    latency_ms: from when it came to the end. first_token_ms: to the first output; None without any. admitted_ms: to when it
    was admitted, whatever it had to wait for; None in rows of versions that did not write it down.
    tools: runs of server tools that are over, in that order.
    """

    id: str
    workspace: str
    key_id: str
    created_at: float
    model: str
    provider: str
    upstream_model: str
    route: int
    ingress_format: IngressFormat
    source: str
    streamed: bool
    tokens_prompt: int
    tokens_completion: int
    tokens_reasoning: int
    tokens_cached_prompt: int
    tokens_cache_write: int
    tokens_cache_write_1h: int
    cost: int
    lines: tuple[CostLine, ...]
    status: Status
    error_code: str | None = None
    finish_reason: str | None = None
    latency_ms: int
    first_token_ms: int | None = None
    losses: tuple[LossRecord, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    estimated: bool = False
    limit_reached: bool = False
    admitted_ms: int | None = None
    tools: tuple[ToolTime, ...] = ()


class Admission(msgspec.Struct, frozen=True, gc=False):
    """A request that asks to be let in.

    hold: pico-USD that it may cost. rate: the key's bucket. interrupted: its row, at cost 0, if nothing more is ever heard
    of it; it names the request, its workspace and key, and when it came.
    """

    principal: Principal
    hold: int
    rate: Rate
    interrupted: Generation


class Accounts(Protocol):
    """Who may call."""

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure:
        """The principal of a key, by the SHA-256 digest (32 bytes) of the secret; or a Failure `invalid_api_key`
        when it is unknown, disabled, revoked or expired."""
        ...


class Ledger(Protocol):
    """Holds, bills and balances."""

    def admit(self, admission: Admission) -> Coroutine[Any, Any, Failure | None]:
        """Check everything and take the hold, in one step: admitted only while balance minus holds is positive, or with
        a hold of 0 (a free model), and while the key's own limits are above what it has spent and holds. None when
        admitted (again, for a request already held), else a Failure, the first that is true of: workspace_locked,
        rate_limit_exceeded, key_limit_exceeded, insufficient_credits; internal_error when it cannot be told. Only what
        is admitted uses up a token of the rate. Raises ValueError for a negative hold."""
        ...

    async def take_rate(self, principal: Principal, rate: Rate) -> Failure | None:
        """Use up a token of the key's rate for a request that costs nothing and has no row; a Failure as `admit` has
        when there is none, or the workspace is locked."""
        ...

    async def settle(self, generation: Generation) -> None:
        """Write the row, the ledger entry and the balance in one transaction, then release the hold.

        Keyed by `generation.id`: a repeat moves nothing. Durable on return. Waits while the store is away, so the
        caller gives it a deadline; a settlement whose caller gave up still happens. Raises SettlementRejected
        when the record itself cannot be stored, NotRecorded when it could not be made durable in time."""
        ...

    def record(self, generation: Generation) -> Coroutine[Any, Any, bool]:
        """`settle` at the end of a request, which nothing cuts short: whoever is cancelled meanwhile waits on. False when it
        is not known to be durable within `settlement.SETTLE_SECONDS`; it may still become so. Raises as `settle` does.
        For a ledger that has no better way: `settlement.recorded(self.settle(generation))`."""
        ...

    async def release(self, request_id: str) -> None:
        """Give a hold back without a row: the request ended before anything went upstream. Idempotent; does
        nothing for an unknown or settled request."""
        ...

    async def generation(self, workspace: str, id: str) -> Generation | None:
        """The row of a request by its bare id; None when it is unknown or of another workspace."""
        ...


class ToolMemory(Protocol):
    """What server tools found in a turn in which the model also called functions of the client: kept for an hour, until the
    client comes back with its own results."""

    async def keep(self, workspace: str, key: str, data: bytes) -> None:
        """Keep `data`. It may be lost at any time. `key`: any text."""
        ...

    async def kept(self, workspace: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """What was kept under these keys, by key; not those of other workspaces, nor what is older than an hour. Empty where
        the store is away."""
        ...


class RouteHealth(Protocol):
    """How one route is doing: one provider, by its own name for a model. What this process knows of it; nothing here waits.

    A breaker is closed while all is well, open after too many faults, and half-open when its pause is over: then one attempt
    at a time, the probe, finds out. Attempts are told apart by the numbers that `begin` gives.
    """

    closed: bool
    """All is well, and nothing else need be asked."""

    def usable(self) -> bool:
        """Whether a request may go there now: closed, or half-open without a probe under way. Asking takes nothing."""
        ...

    def pause_left(self) -> float:
        """Seconds until an open breaker is half-open; 0 for any other."""
        ...

    def latency(self) -> float | None:
        """Seconds to a stream's first output, the mean of late; None while it is not known, or not any more."""
        ...

    def throughput(self) -> float | None:
        """Output tokens in a second of a reply, from the request to its end, the mean of late; None as for `latency`."""
        ...

    def begin(self) -> int:
        """An attempt begins, whether the route is usable or not; of one that is half-open it is the probe. Its number."""
        ...

    def answered(self, attempt: int) -> None:
        """Model output of it has come: the route works."""
        ...

    def failed(self, attempt: int, fault: UpstreamFault, *, answered: bool) -> None:
        """It has failed, after output where it has `answered`. Of account only where the fault speaks of the provider, not
        of what the client asked."""
        ...

    def left(self, attempt: int) -> None:
        """It is over. Of one that neither answered nor failed, since its client went away, nothing is known."""
        ...

    def measured(self, now: float, *, latency: float | None, throughput: float | None) -> None:
        """What a complete reply took; None for what cannot be told of it. `now`: trio's clock at its end."""
        ...


class Health(Protocol):
    """How routes are doing."""

    def of(self, route: Route) -> RouteHealth:
        """Of one of them: the same object for every route of that provider and upstream model."""
        ...


class NotRecorded(Exception):
    """A settlement that is not durable, and may never be: its client must not be told that all is well."""


class SettlementRejected(NotRecorded):
    """The store is well but will not take this record (unknown workspace, amount beyond 64 bits). A bug of the
    caller, or of the operator's prices; repeating it cannot help."""
