"""`Idempotency-Key`: the same key and body, within a day, are never a second bill.

What a request said is not kept, so it cannot be said again: a repeat is refused with 409 and the id of the first request,
under which `GET /api/v1/generation` tells what became of it. A first request that was not billed (it was refused, failed
before any output, or was cut off by a crash) does not stand in the way.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, final

from hyperinfer.api.store.claims import Claim, Claims
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.engine.failure import Failure

if TYPE_CHECKING:
    from hyperinfer.nodes.ports import Generation, Ledger

log = logging.getLogger("hyperinfer.requests")

LONGEST: Final = 255
"""Characters of a key (as Stripe and others have it)."""
SETTLING_SECONDS: Final = 30.0
"""A claim this young, without a row or a hold, is of a request that another process is just letting in."""

_AWAY: Final = Failure("internal_error", "The gateway cannot look this Idempotency-Key up at the moment.", retry_after=1.0)


class Refused(NamedTuple):
    """What a repeat is told, and the HTTP status."""

    failure: Failure
    status: int


@final
class Idempotency:
    """The keys of one process's requests. `now`: unix seconds."""

    def __init__(self, claims: Claims, ledger: Ledger, now: Callable[[], float]) -> None:
        self._claims, self._ledger, self._now = claims, ledger, now
        self._running: set[str] = set()

    async def begin(self, workspace: str, header: str, path: str, body: bytes, request: str) -> Refused | None:
        """Claims a key for a request: None when it may go on (call `end` afterwards), else why not."""
        if not 0 < len(header) <= LONGEST or not header.isprintable():
            return _refused(400, f"The Idempotency-Key must have 1 to {LONGEST} printable characters.")
        try:
            refused = await self._claim(workspace, header, path, body, request)
        except (StoreUnavailable, TimeoutError) as error:
            log.warning("%s: its Idempotency-Key could not be looked up: %s", request, error)
            refused = Refused(_AWAY, 500)
        if refused is not None:
            self.end(request)
        return refused

    def end(self, request: str) -> None:
        """The request is over."""
        self._running.discard(request)

    async def _claim(self, workspace: str, header: str, path: str, body: bytes, request: str) -> Refused | None:
        key = hashlib.sha256(header.encode("utf-8", "surrogatepass")).digest()
        said = hashlib.sha256(path.encode() + b"\0" + body).digest()
        claim = Claim(workspace, key, said, request, self._now())
        self._running.add(request)
        found = await self._claims.claim(claim)
        while found.request != request:
            if found.body != said:
                return _refused(400, "This Idempotency-Key was used with another request.", found.request)
            if (why := await self._standing(found)) is not None:
                return _refused(409, why, found.request)
            found = await self._claims.replace_claim(found.request, claim)
        return None

    async def _standing(self, first: Claim) -> str | None:
        """Why an earlier request stands in the way; None when it does not."""
        row = await self._ledger.generation(first.workspace, first.request)
        if row is not None:
            if not _billed(row):
                return None
            return f"This request was made before, as {first.request}; its answer is not kept."
        # One that is far ahead is from before the clock went back: it may be as old as any.
        young = abs(self._now() - first.created_at) < SETTLING_SECONDS
        if first.request in self._running or young or await self._claims.under_way(first.workspace, first.request):
            return f"This request is still running, as {first.request}."
        return None


def _refused(status: int, message: str, first: str | None = None) -> Refused:
    details = {} if first is None else {"first_request_id": first}
    return Refused(Failure("invalid_request", message, param="Idempotency-Key", details=details), status)


def _billed(row: Generation) -> bool:
    """Also an answer that cost nothing counts: its client has it."""
    return row.cost > 0 or row.status not in ("failed", "interrupted")
