"""`Idempotency-Key`: the same key and body, within a day, are never a second bill.

What a request said is not kept, so it cannot be said again: a repeat is refused with 409 and the id of the first request,
under which `GET /api/v1/generation` tells what became of it. A first request that was not billed (it was refused, failed or
was left by its client before any output, or was cut off by a crash) does not stand in the way: one that is not let in takes
its claim back. When a record of one that was cut off turns up after it was repeated, it is not billed any more.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, final

import msgspec
import trio

from hyperinfer.api.store.claims import Claim, Claims
from hyperinfer.api.store.errors import StoreUnavailable, reason_of
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import NotRecorded

if TYPE_CHECKING:
    from hyperinfer.nodes.ports import Generation, Ledger

log = logging.getLogger("hyperinfer.requests")

LONGEST: Final = 255
"""Characters of a key (as Stripe and others have it)."""
SETTLING_SECONDS: Final = 10.0
"""A claim this young, without a row or a hold, may be of a request that another process is just letting in: that takes it
seven seconds at most."""

LOOKUP_SECONDS: Final = 3.0
"""So long a request waits for its key to be looked up."""
WITHDRAW_SECONDS: Final = 1.0

_AWAY: Final = Failure(
    "internal_error",
    "The gateway cannot look this Idempotency-Key up at the moment; try again in a second.",
    retry_after=1.0,
)


class Refused(NamedTuple):
    """What a repeat is told, and the HTTP status. `final`: asking again is of no use."""

    failure: Failure
    status: int
    final: bool = True


@final
class Idempotency:
    """The keys of one process's requests. `now`: unix seconds."""

    def __init__(self, claims: Claims, ledger: Ledger, now: Callable[[], float]) -> None:
        self._claims, self._ledger, self._now = claims, ledger, now
        self._running: dict[str, Claim] = {}

    async def begin(self, workspace: str, header: str, path: str, body: bytes, request: str) -> Refused | None:
        """Claims a key for a request: None when it may go on (call `end` or `withdraw` afterwards), else why not."""
        if not 0 < len(header) <= LONGEST or not header.isprintable():
            return _refused(400, f"The Idempotency-Key must have 1 to {LONGEST} printable characters.")
        try:
            with trio.fail_after(LOOKUP_SECONDS):
                refused = await self._claim(workspace, header, path, body, request)
        except (StoreUnavailable, NotRecorded, TimeoutError, trio.TooSlowError) as error:
            log.warning("%s: its Idempotency-Key could not be looked up: %s", request, reason_of(error))
            await self.withdraw(request)
            return Refused(_AWAY, 500, final=False)
        except BaseException:
            await self.withdraw(request)
            raise
        if refused is not None:
            self.end(request)
        return refused

    def end(self, request: str) -> None:
        """The request is over. Its row says whether it stands in the way of a repeat."""
        self._running.pop(request, None)

    async def withdraw(self, request: str) -> None:
        """The request was not let in, and will have no row: its key is free, at once where the store answers."""
        claim = self._running.get(request)
        if claim is None:
            return
        try:
            with trio.CancelScope(shield=True), trio.fail_after(WITHDRAW_SECONDS):
                # One of long ago counts as none.
                await self._claims.replace_claim(request, msgspec.structs.replace(claim, created_at=0.0))
        except (StoreUnavailable, TimeoutError, trio.TooSlowError) as error:
            log.warning("%s: its Idempotency-Key could not be freed: %s", request, reason_of(error))
        finally:
            self.end(request)

    async def _claim(self, workspace: str, header: str, path: str, body: bytes, request: str) -> Refused | None:
        key = hashlib.sha256(header.encode("utf-8", "surrogatepass")).digest()
        said = hashlib.sha256(path.encode() + b"\0" + body).digest()
        claim = Claim(workspace, key, said, request, self._now())
        self._running[request] = claim
        found = await self._claims.claim(claim)
        while found.request != request:
            if found.body != said:
                message = "This Idempotency-Key was used with another request: make a new one for each."
                return _refused(400, message, found.request)
            if (refused := await self._standing(found)) is not None:
                return refused
            found = await self._claims.replace_claim(found.request, claim)
        return None

    async def _standing(self, first: Claim) -> Refused | None:
        """Why an earlier request stands in the way; None when it does not."""
        row = await self._ledger.generation(first.workspace, first.request)
        if row is not None and row.status == "interrupted":
            # Its real record may lie in the journal of a machine that is down. From here on that is never billed.
            await self._ledger.settle(msgspec.structs.replace(row, status="failed", error_code="internal_error"))
            row = await self._ledger.generation(first.workspace, first.request)
            if row is not None and row.status == "interrupted":
                return _unclear(first)
        if row is not None and row.status != "pending":
            if not _stands(row):
                return None
            message = (
                f"This request was made before, as {first.request}; its answer is not kept. For a new one, send a new key."
            )
            return _refused(409, message, first.request)
        if row is not None or first.request in self._running or await self._claims.under_way(first.workspace, first.request):
            return _refused(409, f"This request is still running, as {first.request}.", first.request)
        # One that is far ahead is from before the clock went back: it may be as old as any.
        if abs(self._now() - first.created_at) < SETTLING_SECONDS:
            return _unclear(first)
        return None


def _unclear(first: Claim) -> Refused:
    message = f"This request may be running already, as {first.request}; ask again in a moment."
    return _refused(409, message, first.request, final=False)


def _refused(status: int, message: str, first: str | None = None, *, final: bool = True) -> Refused:
    details = {} if first is None else {"first_request_id": first}
    again = None if final else 1.0
    failure = Failure("invalid_request", message, param="Idempotency-Key", details=details, retry_after=again)
    return Refused(failure, status, final)


def _stands(row: Generation) -> bool:
    """Whether it was billed, or its client has the answer: also one that cost nothing."""
    return row.cost > 0 or row.status in ("completed", "incomplete")
