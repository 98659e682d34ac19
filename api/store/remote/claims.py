"""Idempotency keys in Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from hyperinfer.api.store.claims import CLAIM_SECONDS, Claim

if TYPE_CHECKING:
    from hyperinfer.api.store.remote.admission import Admissions
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.api.store.remote.ledger import RemoteLedger
    from hyperinfer.api.store.remote.queries import Queries

_FORGET: Final = "DELETE FROM idempotency WHERE created_at <= $1"
_CLAIM: Final = """
INSERT INTO idempotency AS i (workspace, key, body, request, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (workspace, key) DO UPDATE SET body = excluded.body, request = excluded.request, created_at = excluded.created_at
WHERE i.request = $6
"""
_FOUND: Final = "SELECT workspace, key, body, request, created_at FROM idempotency WHERE workspace = $1 AND key = $2"


@final
class RemoteClaims:
    """The Protocol `Claims`."""

    def __init__(self, queries: Queries, admissions: Admissions, ledger: RemoteLedger) -> None:
        self._queries, self._admissions, self._ledger = queries, admissions, ledger

    async def claim(self, claim: Claim) -> Claim:
        """See Claims."""
        return await self._queries.run(lambda connection: _claimed(connection, claim, None))

    async def replace_claim(self, earlier: str, claim: Claim) -> Claim:
        """See Claims."""
        return await self._queries.run(lambda connection: _claimed(connection, claim, earlier))

    async def under_way(self, workspace: str, request: str) -> bool:
        """See Claims."""
        return self._ledger.owner.phase(request) is not None or await self._admissions.held(workspace, request) is not None


async def _claimed(connection: Connection, claim: Claim, earlier: str | None) -> Claim:
    async with connection.transaction():
        await connection.execute(_FORGET, claim.created_at - CLAIM_SECONDS)
        arguments = (claim.workspace, claim.key, claim.body, claim.request, claim.created_at, earlier)
        await connection.execute(_CLAIM, *arguments)
        row = await connection.fetchrow(_FOUND, claim.workspace, claim.key)
    assert row is not None
    return Claim(*row)
