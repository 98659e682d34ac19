"""Who may call, over Postgres: looked up once, kept for a few seconds, forgotten at once where a key is changed.

A change is announced to all replicas (LISTEN / NOTIFY, in the same transaction); one that does not hear of it finds out
when what it knows is too old. While the database is away from here, Redis is asked instead (`key_cache.py`): there is what
any replica knows of a key, also of a change that was made where the database is not away. Where neither says more, what is
known is used on, for no longer than ten minutes after the database said it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import trio

from hyperinfer.api.store.authentication import UNKNOWN, principal_of, refusal_of
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.records import KeyRecord, KeyTerms
from hyperinfer.api.store.refusals import KEYS_AWAY
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.key_cache import KEPT_SECONDS, KeyView

if TYPE_CHECKING:
    from hyperinfer.api.store.remote.key_cache import KeyCache
    from hyperinfer.api.store.remote.queries import Queries
    from hyperinfer.engine.failure import Failure
    from hyperinfer.nodes.ports import Principal

FRESH_SECONDS: Final = 15.0
"""So long a key is taken to be what it was. With the time that a look takes, a change holds everywhere within 30 s even
where its announcement was lost."""
LOOKUP_SECONDS: Final = 3.0
AWAY_SECONDS: Final = 5.0
"""So long after the database did not answer nobody waits for it whose key is known, here or in Redis."""
KNOWN: Final = 50_000
"""Keys that are kept in mind, unknown ones too; beyond that all are forgotten and looked up again."""

KEY_COLUMNS: Final = (
    "id, workspace, prefix, last4, enabled, revoked_at, created_at, name, models, rate_per_minute, burst,"
    " limit_daily, limit_monthly, limit_total, expires_at"
)
KEY_VIEW: Final = f"""
SELECT {", ".join("k." + name for name in KEY_COLUMNS.split(", "))}, k.version, w.name, k.sha256
FROM api_key k JOIN workspace w ON w.id = k.workspace
"""
"""See `key_view`."""
_FIND: Final = f"{KEY_VIEW} WHERE k.sha256 = $1"


class _Known(NamedTuple):
    """A key, None for one that does not exist, and its version. at: when it was last asked for, with whatever answer.
    until: so long it may be used without the database."""

    record: KeyRecord | None
    principal: Principal | None
    version: int
    at: float
    until: float


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

    def __init__(self, queries: Queries, cache: KeyCache, now: Callable[[], float], clock: Callable[[], float]) -> None:
        self._queries, self.cache, self._now, self._clock = queries, cache, now, clock
        self._known: dict[bytes, _Known] = {}
        self._looking: dict[bytes, _Looking] = {}
        self._changes = 0
        self._doubted = self._ask_again = -math.inf

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure:
        """See the port."""
        known = self._known.get(secret_sha256)
        if known is None or not self._fresh(known):
            known = await self._look(secret_sha256)
            if known is None:
                return KEYS_AWAY
        if known.record is None or known.principal is None:
            return UNKNOWN
        return refusal_of(known.record, self._now()) or known.principal

    def changed(self, secret_sha256: bytes, version: int) -> None:
        """A key was changed, to this version (0: not told): it is looked up again, and so it is by those who ask Redis."""
        self.forget(secret_sha256)
        if version:
            self.cache.changed(secret_sha256, version)

    def forget(self, secret_sha256: bytes) -> None:
        """A key was changed by ourselves."""
        self._changes += 1
        self._known.pop(secret_sha256, None)

    def doubt(self) -> None:
        """Any key may have been changed: they are looked up again, where the database answers."""
        self._changes += 1
        self._doubted = self._clock()
        self._ask_again = -math.inf

    def _fresh(self, known: _Known) -> bool:
        now = self._clock()
        return known.at > self._doubted and now - known.at <= FRESH_SECONDS and now <= known.until

    async def _look(self, secret_sha256: bytes) -> _Known | None:
        """Asks, once for all who ask at the same time. None when nobody can say anything."""
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
        """The database's answer; Redis's, or what is known, where the database does not answer."""
        away = self._clock() < self._ask_again
        if not away and (found := await self._in_database(secret_sha256)) is not None:
            return found
        found = await self._elsewhere(secret_sha256)
        if found is None and away:  # the only hope
            return await self._in_database(secret_sha256)
        return found

    async def _in_database(self, secret_sha256: bytes) -> _Known | None:
        changes, asked = self._changes, self._clock()
        try:
            with trio.fail_after(LOOKUP_SECONDS):
                row = await self._queries.run(lambda connection: connection.fetchrow(_FIND, secret_sha256))
        except (StoreUnavailable, TimeoutError, trio.TooSlowError, Busy):
            self._ask_again = self._clock() + AWAY_SECONDS
            return None
        view = None if row is None else key_view(row)
        if view is not None:
            self.cache.leave(secret_sha256, view)
        known = _known(view, asked, asked + KEPT_SECONDS)
        if changes == self._changes:  # else it may be the key as it was before
            self._keep(secret_sha256, known)
        return known

    async def _elsewhere(self, secret_sha256: bytes) -> _Known | None:
        changes, asked = self._changes, self._clock()
        try:
            kept = await self.cache.find(secret_sha256)
        except StoreUnavailable:
            kept = None
        known = self._known.get(secret_sha256)  # as of now: it may have been forgotten meanwhile
        if kept is not None and (known is None or kept.version >= known.version):
            if kept.view is None:  # it was changed, and how can only the database say
                self._known.pop(secret_sha256, None)
                return None
            until = asked + kept.seconds
            if known is not None and known.version == kept.version:
                until = max(until, known.until)
            known = _known(kept.view, asked, until)
        elif known is not None:
            known = known._replace(at=asked)
        if known is None or self._clock() > known.until:
            return None
        if changes == self._changes:
            self._keep(secret_sha256, known)
        return known

    def _keep(self, secret_sha256: bytes, known: _Known) -> None:
        if len(self._known) >= KNOWN:
            self._known.clear()
        self._known[secret_sha256] = known


def _known(view: KeyView | None, at: float, until: float) -> _Known:
    if view is None:
        return _Known(None, None, 0, at, until)
    return _Known(view.record, principal_of(view.record, view.workspace_name), view.version, at, until)


def key_view(row: Sequence[Any]) -> KeyView:
    """A key from a row of KEY_VIEW."""
    *_, version, workspace_name, _ = row
    return KeyView(version, key_record(row), workspace_name)


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
