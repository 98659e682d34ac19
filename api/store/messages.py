"""What the server process and the writer's process say to each other: msgpack arrays, one a frame.

Every request has a sequence number, repeated in its answer, and is safe to send twice: it names what it makes.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from hyperinfer.api.store.claims import Claim
from hyperinfer.api.store.records import KeySpent, ModelTokens, StoredKey, WorkspaceRecord


class GenerationRow(NamedTuple):
    """A row of the table `generation`: its columns, in the order in which they travel. details is JSON text."""

    id: str
    workspace: str
    key_id: str
    created_at: float
    model: str
    provider: str
    source: str
    status: str
    tokens_prompt: int
    tokens_completion: int
    tokens_reasoning: int
    tokens_cached_prompt: int
    tokens_cache_write: int
    tokens_cache_write_1h: int
    cost: int
    latency_ms: int
    details: str


class Settle(msgspec.Struct, frozen=True, array_like=True, tag="settle", gc=False):
    """Write a generation, its ledger entry and the balance. Keyed by the generation's id."""

    seq: int
    row: GenerationRow


class CreateWorkspace(msgspec.Struct, frozen=True, array_like=True, tag="create_workspace"):
    """Make a workspace with its first credits. operation: id of the ledger entry (none is made for 0)."""

    seq: int
    id: str
    name: str
    credits: int
    operation: str
    created_at: float


class TopUp(msgspec.Struct, frozen=True, array_like=True, tag="topup"):
    """Add credits: an adjustment when the amount is negative."""

    seq: int
    workspace: str
    amount: int
    operation: str
    created_at: float


class SetLocked(msgspec.Struct, frozen=True, array_like=True, tag="set_locked"):
    """Lock or unlock a workspace."""

    seq: int
    workspace: str
    locked: bool


class CreateKey(msgspec.Struct, frozen=True, array_like=True, tag="create_key"):
    """Store a key."""

    seq: int
    key: StoredKey


class EnableKey(msgspec.Struct, frozen=True, array_like=True, tag="enable_key"):
    """Let a key in again, or no more."""

    seq: int
    id: str
    enabled: bool


class RevokeKey(msgspec.Struct, frozen=True, array_like=True, tag="revoke_key"):
    """Revoke a key for good; the first time counts."""

    seq: int
    id: str
    revoked_at: float


class ClaimKey(msgspec.Struct, frozen=True, array_like=True, tag="claim"):
    """Let an idempotency key stand for a request. earlier: a request whose claim counts as none."""

    seq: int
    claim: Claim
    earlier: str | None


class KeepToken(msgspec.Struct, frozen=True, array_like=True, tag="keep_token"):
    """Let the token of this digest sign in to the console, and no other any more."""

    seq: int
    sha256: bytes
    made_at: float


class SignOut(msgspec.Struct, frozen=True, array_like=True, tag="sign_out"):
    """End a session of the console before its time."""

    seq: int
    session: bytes
    until: float
    now: float


Administration = CreateWorkspace | TopUp | SetLocked | CreateKey | EnableKey | RevokeKey | KeepToken | SignOut
Request = Settle | ClaimKey | Administration


class Balance(msgspec.Struct, frozen=True, array_like=True):
    """A workspace's balance as of a COMMIT."""

    workspace: str
    balance: int
    version: int


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    """The writer is ready: its durability settings as SQLite reports them, all accounts as they are stored, what keys have
    spent, what workspaces have (id and pico-USD), and what models have read and written in the last days."""

    journal_mode: str
    synchronous: int
    workspaces: tuple[WorkspaceRecord, ...]
    keys: tuple[StoredKey, ...]
    spent: tuple[KeySpent, ...]
    spent_by_workspaces: tuple[tuple[str, int], ...]
    tokens: tuple[ModelTokens, ...]


class Fatal(msgspec.Struct, frozen=True, array_like=True, tag="fatal"):
    """The writer cannot work and has ended; a fresh one would fare no better until somebody acts."""

    message: str


class Settled(msgspec.Struct, frozen=True, array_like=True, tag="settled"):
    """These settlements are durable (now or since earlier), and the balances are those of that COMMIT."""

    seqs: tuple[int, ...]
    balances: tuple[Balance, ...]


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """An administrative request is durable; the record is as it is stored now."""

    seq: int
    record: WorkspaceRecord | None = None
    key: StoredKey | None = None


class Claimed(msgspec.Struct, frozen=True, array_like=True, tag="claimed"):
    """The claim that holds is durable."""

    seq: int
    claim: Claim


class Rejected(msgspec.Struct, frozen=True, array_like=True, tag="rejected"):
    """This request, and no other of its group, cannot be done. code: see errors.RefusalCode."""

    seq: int
    code: str
    message: str


Reply = Hello | Fatal | Settled | Done | Claimed | Rejected
