"""Who may call, over Postgres: looked up once, kept for a few seconds, forgotten at once where a key is changed.

A change is announced to all replicas (LISTEN / NOTIFY, in the same transaction); one that does not hear of it finds out
when what it knows is too old. While the database is away nobody can change a key either, so what is known is used on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import trio

from hyperinfer.api.store.authentication import UNKNOWN, principal_of, refusal_of
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.records import KeyRecord, KeyTerms
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.engine.failure import Failure

if TYPE_CHECKING:
    from hyperinfer.api.store.remote.queries import Queries
    from hyperinfer.nodes.ports import Principal

FRESH_SECONDS: Final = 15.0
"""So long a key is taken to be what it was. With the time that a look takes, a change holds everywhere within 30 s even
where its announcement was lost."""
STALE_SECONDS: Final = 600.0
"""So long a key that was known is let in while the database is away."""
LOOKUP_SECONDS: Final = 3.0
AWAY_SECONDS: Final = 5.0
"""So long after the database did not answer nobody waits for it whose key is known."""
KNOWN: Final = 50_000
"""Keys that are kept in mind, unknown ones too; beyond that all are forgotten and looked up again."""

KEY_COLUMNS: Final = (
    "id, workspace, prefix, last4, enabled, revoked_at, created_at, name, models, rate_per_minute, burst,"
    " limit_daily, limit_monthly, limit_total, expires_at"
)
_FIND: Final = f"""
SELECT {", ".join("k." + name for name in KEY_COLUMNS.split(", "))}, w.name
FROM api_key k JOIN workspace w ON w.id = k.workspace WHERE k.sha256 = $1
"""


class _Known(NamedTuple):
    """A key as it was looked up, None for one that does not exist, and when."""

    record: KeyRecord | None
    principal: Principal | None
    at: float


@final
class _Looking:
    """A question that several may wait for. `ended`: whoever asked it has stayed to the end."""

    def __init__(self) -> None:
        self.told = trio.Event()
        self.ended = False
        self.found: _Known | None = None


@final
class RemoteAccounts:
    """The port `Accounts`. `now`: unix seconds. `clock`: steady, in seconds."""

    def __init__(self, queries: Queries, now: Callable[[], float], clock: Callable[[], float]) -> None:
        self._queries, self._now, self._clock = queries, now, clock
        self._known: dict[bytes, _Known] = {}
        self._looking: dict[bytes, _Looking] = {}
        self._changes = 0
        self._doubted = self._ask_again = -math.inf

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure:
        """See the port."""
        known = self._known.get(secret_sha256)
        if known is None or not self._good_enough(known):
            looked = await self._look(secret_sha256)
            known = looked or self._known.get(secret_sha256)  # which may have been forgotten while it was looked for
            if known is None or (looked is None and self._clock() - known.at > STALE_SECONDS):
                return Failure("internal_error", "The gateway cannot check keys at the moment.", retry_after=1.0)
        if known.record is None or known.principal is None:
            return UNKNOWN
        return refusal_of(known.record, self._now()) or known.principal

    def forget(self, secret_sha256: bytes | None = None) -> None:
        """A key was changed, or (None) any may have been: they are looked up again, where the database answers."""
        self._changes += 1
        if secret_sha256 is None:
            self._doubted = self._clock()
            self._ask_again = -math.inf
        else:
            self._known.pop(secret_sha256, None)

    def _good_enough(self, known: _Known) -> bool:
        """Whether nobody needs to be asked, or nobody is there to be asked."""
        now = self._clock()
        if known.at > self._doubted and now - known.at <= FRESH_SECONDS:
            return True
        return now < self._ask_again and now - known.at <= STALE_SECONDS

    async def _look(self, secret_sha256: bytes) -> _Known | None:
        """Asks the database, once for all who ask at the same time. None when it does not answer."""
        while (looking := self._looking.get(secret_sha256)) is not None:
            await looking.told.wait()
            if looking.ended:  # else whoever asked has left
                return looking.found
        looking = self._looking[secret_sha256] = _Looking()
        try:
            looking.found = await self._found(secret_sha256)
            looking.ended = True
        finally:
            del self._looking[secret_sha256]
            looking.told.set()
        return looking.found

    async def _found(self, secret_sha256: bytes) -> _Known | None:
        changes, asked = self._changes, self._clock()
        try:
            with trio.fail_after(LOOKUP_SECONDS):
                row = await self._queries.run(lambda connection: connection.fetchrow(_FIND, secret_sha256))
        except (StoreUnavailable, TimeoutError, trio.TooSlowError, Busy):
            self._ask_again = self._clock() + AWAY_SECONDS
            return None
        if len(self._known) >= KNOWN:
            self._known.clear()
        record = None if row is None else key_record(row)
        principal = None if record is None or row is None else principal_of(record, row[-1])
        known = _Known(record, principal, asked)
        if changes == self._changes:  # else it may be the key as it was before
            self._known[secret_sha256] = known
        return known


def key_record(row: Sequence[Any]) -> KeyRecord:
    """A key from a row that begins with KEY_COLUMNS."""
    id_, workspace, prefix, last4, enabled, revoked_at, created_at, name, models, rate, burst, *rest = row
    daily, monthly, total, expires_at, *_ = rest
    return KeyRecord(
        id=id_,
        workspace=workspace,
        prefix=prefix,
        last4=last4,
        terms=KeyTerms(
            name=name,
            models=None if models is None else tuple(models),
            rate_per_minute=rate,
            burst=burst,
            limit_daily=daily,
            limit_monthly=monthly,
            limit_total=total,
            expires_at=expires_at,
        ),
        enabled=enabled,
        revoked_at=revoked_at,
        created_at=created_at,
    )
