"""Accounts and holds in memory: the rules of authentication and admission. Sans-IO, synchronous, no clock.

Balances and keys are views of what the store has committed. Holds exist only here: they die with the process, and
that is what recovery wants, since whatever they stood for has died with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.store.authentication import UNKNOWN, principal_of, refusal_of
from hyperinfer.engine.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperinfer.api.store.messages import Balance
    from hyperinfer.api.store.records import KeyRecord, StoredKey, WorkspaceRecord
    from hyperinfer.nodes.ports import Principal


class _Account:
    __slots__ = ("balance", "held", "record", "version")

    def __init__(self, record: WorkspaceRecord, held: int) -> None:
        self.record = record
        self.balance = record.balance
        self.version = record.version
        self.held = held


class Book:
    """All accounts, keys and holds of one process."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._names: dict[str, str] = {}
        self._keys: dict[str, KeyRecord] = {}
        self._by_digest: dict[bytes, str] = {}
        self._principals: dict[str, Principal] = {}
        self._holds: dict[str, tuple[str, int]] = {}

    def load(self, workspaces: Iterable[WorkspaceRecord], keys: Iterable[StoredKey]) -> None:
        """Take over what the store says. Holds stay."""
        for record in workspaces:
            self.put_workspace(record)
        for key in keys:
            self.put_key(key)

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

    def authenticate(self, digest: bytes, now: float) -> Principal | Failure:
        """The principal of a key's SHA-256 digest at that unix time."""
        id_ = self._by_digest.get(digest)
        if id_ is None:
            return UNKNOWN
        return refusal_of(self._keys[id_], now) or self._principals[id_]

    def admit(self, request_id: str, workspace: str, amount: int) -> Failure | None:
        """Check and hold in one step; see `Ledger.admit`."""
        if amount < 0:
            raise ValueError("a hold cannot be negative")
        account = self._accounts.get(workspace)
        if account is None:
            return Failure("invalid_api_key", "The workspace of this API key does not exist.")
        if request_id in self._holds:
            return None
        if account.record.locked:
            return Failure("workspace_locked", "This workspace is locked.")
        if amount > 0 and account.balance - account.held <= 0:
            return Failure("insufficient_credits", "The workspace has no credits left for this request.")
        self._holds[request_id] = (workspace, amount)
        account.held += amount
        return None

    def release(self, request_id: str) -> None:
        """Give a hold back; nothing happens for one that is not there."""
        hold = self._holds.pop(request_id, None)
        if hold is not None:
            workspace, amount = hold
            self._accounts[workspace].held -= amount

    def held(self, workspace: str) -> int:
        """The sum of the workspace's holds."""
        return self._accounts[workspace].held

    @property
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
