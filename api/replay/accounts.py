"""Accounts and the ledger of a replay: whoever asks is let in, unless the one that was recorded was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hyperinfer.api.idempotency import Refused
from hyperinfer.engine import Failure
from hyperinfer.engine import recording as rec
from hyperinfer.nodes.ports import Principal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hyperinfer.nodes.ports import Admission, Generation, Rate

WHOEVER: Final = Principal(workspace="replay", workspace_name="replay", key_id="replay")


class RecordedBooks:
    """The ports `nodes.ports.Accounts` and `Ledger`, and what of `Idempotency` the data plane uses. `admitted`: is
    called when the request is let in, or is not. `row`: what was settled; None as long as nothing was."""

    def __init__(self, principal: Principal, refusal: rec.Refusal | None) -> None:
        self._principal, self._refusal = principal, refusal
        self.admitted: Callable[[], Awaitable[None]]
        self.row: Generation | None = None

    def _refused(self, by: str) -> Failure | None:
        told = self._refusal
        if told is None or told.by != by:
            return None
        return Failure(told.code, told.message, told.param, told.retry_after, told.details)

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure:
        """See the port."""
        return self._refused("accounts") or self._principal

    async def admit(self, admission: Admission) -> Failure | None:
        """See the port."""
        await self.admitted()
        return self._refused("ledger")

    async def take_rate(self, principal: Principal, rate: Rate) -> Failure | None:
        """See the port."""
        await self.admitted()
        return self._refused("ledger")

    async def record(self, generation: Generation) -> bool:
        """See the port."""
        await self.settle(generation)
        return self._refused("settlement") is None

    async def settle(self, generation: Generation) -> None:
        """See the port."""
        self.row = generation

    async def release(self, request_id: str) -> None:
        """See the port."""

    async def generation(self, workspace: str, id: str) -> Generation | None:
        """See the port."""
        return self.row

    async def begin(self, workspace: str, header: str, path: str, body: bytes, request: str) -> Refused | None:
        """As `Idempotency` has it."""
        told, failure = self._refusal, self._refused("idempotency")
        if told is None or failure is None:
            return None
        return Refused(failure, told.status or 409, final=told.retry_after is None)

    def end(self, request: str) -> None:
        """As `Idempotency` has it."""

    async def withdraw(self, request: str) -> None:
        """As `Idempotency` has it."""
