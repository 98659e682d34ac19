"""Accounts and holds in memory: the rules of authentication and admission. Sans-IO, synchronous, no clock.

Balances and keys are views of what the store has committed. Holds exist only here: they die with the process, and
that is what recovery wants, since whatever they stood for has died with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hyperinfer.api.store.authentication import UNKNOWN, principal_of, refusal_of
from hyperinfer.api.store.days import day_of
from hyperinfer.api.store.refusals import LOCKED, NO_CREDITS, NO_WORKSPACE, limit_reached, too_fast
from hyperinfer.api.store.spending import NOTHING_SPENT, KeySpending, Spending
from hyperinfer.api.store.standing import Standing
from hyperinfer.api.store.token_buckets import TokenBuckets
from hyperinfer.api.store.volumes import Volumes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.api.store.days import Day
    from hyperinfer.api.store.messages import Balance
    from hyperinfer.api.store.records import KeyRecord, KeySpent, ModelTokens, StoredKey, WorkspaceRecord
    from hyperinfer.engine.failure import Failure
    from hyperinfer.nodes.ports import Admission, Principal, Rate


class _Account:
    __slots__ = ("balance", "held", "record", "spent", "version")

    def __init__(self, record: WorkspaceRecord, held: int) -> None:
        self.record = record
        self.balance = record.balance
        self.version = record.version
        self.held = held
        self.spent = 0


class _Hold(NamedTuple):
    """Whose request it is, and when it came. spending: None for one-time keys, which have no limits."""

    account: _Account
    spending: KeySpending | None
    day: int
    amount: int


class Book:
    """All accounts, keys and holds of one process."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._names: dict[str, str] = {}
        self._keys: dict[str, KeyRecord] = {}
        self._by_digest: dict[bytes, str] = {}
        self._principals: dict[str, Principal] = {}
        self._holds: dict[str, _Hold] = {}
        self._spending = Spending()
        self._buckets = TokenBuckets()
        self._volumes = Volumes()
        self._spent_loaded = False

    def load(self, workspaces: Iterable[WorkspaceRecord], keys: Iterable[StoredKey], spent: Iterable[KeySpent] = ()) -> None:
        """Take over what the store says. Holds stay, and so does what was spent by keys that have been used here."""
        for record in workspaces:
            self.put_workspace(record)
        for key in keys:
            self.put_key(key)
        self._spending.load(spent)

    def load_sums(self, spent: Iterable[tuple[str, int]], tokens: Iterable[ModelTokens]) -> None:
        """Take over what workspaces have spent and models have read and written. The first time counts: what comes after
        is added here as it is settled."""
        self._volumes.load(tokens)
        if not self._spent_loaded:
            self._spent_loaded = True
            for workspace, total in spent:
                self._accounts[workspace].spent += total

    def put_workspace(self, record: WorkspaceRecord) -> None:
        """A new workspace, or a change of one."""
        known = self._accounts.get(record.id)
        if known is None:
            self._accounts[record.id] = _Account(record, 0)
        else:
            known.record = record
            self.move(record.id, record.balance, record.version)
        self._names[record.name] = record.id

    def put_key(self, key: StoredKey) -> None:
        """A new key, or a change of one. Its workspace is known already."""
        record = key.record
        self._keys[record.id] = record
        self._by_digest[key.sha256] = record.id
        self._principals[record.id] = principal_of(record, self._accounts[record.workspace].record.name)

    def move(self, workspace: str, balance: int, version: int) -> None:
        """A balance as committed; an older view than the one we have changes nothing."""
        account = self._accounts[workspace]
        if version > account.version:
            account.balance = balance
            account.version = version

    def move_all(self, balances: Iterable[Balance]) -> None:
        """`move` for each."""
        for balance in balances:
            self.move(balance.workspace, balance.balance, balance.version)

    def is_ahead_of(self, workspaces: Iterable[WorkspaceRecord]) -> bool:
        """Whether the store that says these does not have all that one has said before: it is another, or an old copy."""
        versions = {record.id: record.version for record in workspaces}
        return any(account.version > versions.get(id_, -1) for id_, account in self._accounts.items())

    def authenticate(self, digest: bytes, now: float) -> Principal | Failure:
        """The principal of a key's SHA-256 digest at that unix time."""
        id_ = self._by_digest.get(digest)
        if id_ is None:
            return UNKNOWN
        return refusal_of(self._keys[id_], now) or self._principals[id_]

    def admit(self, admission: Admission, clock: float) -> Failure | None:
        """Check and hold in one step; see `Ledger.admit`. `clock`: steady, in seconds."""
        amount, principal, row = admission.hold, admission.principal, admission.interrupted
        if amount < 0:
            raise ValueError("a hold cannot be negative")
        if row.id in self._holds:
            return None
        key, account = principal.key_id, self._accounts.get(principal.workspace)
        if account is None or account.record.locked:
            return NO_WORKSPACE if account is None else LOCKED
        wait, full_at = self._buckets.look(key, admission.rate, clock)
        if wait is not None:
            return too_fast(wait)
        day = day_of(row.created_at)
        spending = self._spending.of(key) if key in self._keys else None
        limit = (spending or NOTHING_SPENT).reached(principal.spending, day)
        if limit is not None:
            return limit_reached(limit)
        if amount > 0 and account.balance - account.held <= 0:
            return NO_CREDITS
        self._buckets.keep(key, full_at, clock)
        self._holds[row.id] = _Hold(account, spending, day.number, amount)
        account.held += amount
        if spending is not None:
            spending.held += amount
        return None

    def take_rate(self, principal: Principal, rate: Rate, clock: float) -> Failure | None:
        """See `Ledger.take_rate`."""
        account = self._accounts.get(principal.workspace)
        if account is None or account.record.locked:
            return NO_WORKSPACE if account is None else LOCKED
        wait = self._buckets.take(principal.key_id, rate, clock)
        return None if wait is None else too_fast(wait)

    def settled(self, request_id: str, cost: int, model: str = "", tokens: int = 0) -> None:
        """A request's row is there; its hold is given back, and what it cost and used is counted. The first time counts."""
        hold = self.release(request_id)
        if hold is not None:
            hold.account.spent += cost
            if tokens:
                self._volumes.add(hold.day, model, tokens)
            if hold.spending is not None:
                hold.spending.spend(hold.day, cost)

    def release(self, request_id: str) -> _Hold | None:
        """Give a hold back, and say what it was; nothing happens for one that is not there."""
        hold = self._holds.pop(request_id, None)
        if hold is not None:
            hold.account.held -= hold.amount
            if hold.spending is not None:
                hold.spending.held -= hold.amount
        return hold

    def standing(self, principal: Principal, day: Day) -> Standing | None:
        """See `Standings.standing`."""
        key, account = self._keys.get(principal.key_id), self._accounts[principal.workspace]
        if key is None:
            return None
        return Standing(
            key=key,
            sums=self._spending.sums(key.id, day),
            workspace=self._current(account),
            spent=account.spent,
            held=account.held,
        )

    def weekly_tokens(self, day: Day) -> dict[str, int]:
        """See `Standings.weekly_tokens`."""
        return self._volumes.week(day.number)

    def holds_of(self, request_id: str) -> str | None:
        """The workspace of a request that holds something."""
        hold = self._holds.get(request_id)
        return None if hold is None else hold.account.record.id

    def held(self, workspace: str) -> int:
        """The sum of the workspace's holds."""
        return self._accounts[workspace].held

    def holds(self) -> int:
        """How many holds there are."""
        return len(self._holds)

    def workspaces(self) -> tuple[WorkspaceRecord, ...]:
        """All workspaces as of the last COMMIT, in the order in which they were made."""
        return tuple(self._current(account) for account in self._accounts.values())

    def workspace(self, reference: str) -> WorkspaceRecord | None:
        """A workspace by id or name."""
        account = self._accounts.get(reference) or self._accounts.get(self._names.get(reference, ""))
        return None if account is None else self._current(account)

    def all_keys(self) -> tuple[KeyRecord, ...]:
        """All keys, revoked ones too, in the order in which they were made."""
        return tuple(self._keys.values())

    def key_of(self, digest: bytes) -> KeyRecord | None:
        """The key with this digest, whatever its state."""
        id_ = self._by_digest.get(digest)
        return None if id_ is None else self._keys[id_]

    def _current(self, account: _Account) -> WorkspaceRecord:
        record = account.record
        if record.version == account.version:
            return record
        return type(record)(record.id, record.name, record.locked, account.balance, account.version, record.created_at)
