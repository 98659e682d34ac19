"""What each request does to the tables. Called inside a transaction, by the only process that writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import msgspec

from hyperinfer.api.store.claims import CLAIM_SECONDS, Claim
from hyperinfer.api.store.console_writes import keep_token, sign_out
from hyperinfer.api.store.days import day_of
from hyperinfer.api.store.errors import Refused, secret_exists, workspace_exists
from hyperinfer.api.store.messages import (
    Administration,
    Balance,
    CreateKey,
    CreateWorkspace,
    Done,
    EnableKey,
    GenerationRow,
    KeepToken,
    RevokeKey,
    SetLocked,
    Settle,
    Settled,
    SignOut,
    TopUp,
)
from hyperinfer.api.store.records import KeyRecord, KeyTerms, StoredKey, WorkspaceRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_COLUMNS = GenerationRow._fields
_INSERT_GENERATION = f"INSERT INTO generation ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_MOST = 9 * 10**18
"""Of a balance: the bound of the tables."""
_INSERT_LEDGER = "INSERT INTO ledger (workspace, kind, amount, request, created_at) VALUES (?, ?, ?, ?, ?)"
_ADD_UP = (
    "INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (day, workspace, key_id, model) DO UPDATE SET"
    " requests = requests + excluded.requests, tokens_prompt = tokens_prompt + excluded.tokens_prompt,"
    " tokens_completion = tokens_completion + excluded.tokens_completion, cost = cost + excluded.cost"
)
_MOVE_BALANCE = "UPDATE workspace SET balance = balance + ?, version = version + 1 WHERE id = ? RETURNING balance, version"
_WORKSPACE_COLUMNS = "id, name, locked, balance, version, created_at"
_KEY_COLUMNS = (
    "id, workspace, prefix, last4, enabled, revoked_at, created_at, name, models, rate_per_minute, burst,"
    " limit_daily, limit_monthly, limit_total, expires_at, sha256"
)


def settle(connection: sqlite3.Connection, requests: Sequence[Settle]) -> Settled:
    """All of the settlements. Only a row that was not there, or takes the place of an interrupted one, moves a balance: so
    everything may be repeated.

    Raises sqlite3.Error or Refused for the whole group; the caller finds out whose fault it is.
    """
    rows: dict[str, GenerationRow] = {}
    for request in requests:
        row = request.row
        first = rows.setdefault(row.id, row)
        if first is not row and first.status == "interrupted":
            rows[row.id] = row
    moved = {row.workspace: 0 for row in rows.values()}
    # Looked up first instead of ON CONFLICT: nobody else writes, and then both inserts are one call each.
    known = connection.execute(
        f"SELECT id, status FROM generation WHERE id IN ({', '.join('?' * len(rows))})", list(rows)
    ).fetchall()
    for id_, status in known:
        if status == "interrupted" and rows[id_].status != "interrupted":
            connection.execute("DELETE FROM generation WHERE id = ?", (id_,))
        else:
            del rows[id_]
    if rows:
        connection.executemany(_INSERT_GENERATION, rows.values())
    # Of an interrupted one nothing is known that could be booked.
    booked = [row for row in rows.values() if row.status != "interrupted"]
    if booked:
        connection.executemany(
            _INSERT_LEDGER, [(row.workspace, "usage", -row.cost, row.id, row.created_at) for row in booked]
        )
        sums = _sums(booked)
        connection.executemany(_ADD_UP, [(*group, *amounts) for group, amounts in sums.items()])
        for (_, workspace, _, _), (_, _, _, cost) in sums.items():
            moved[workspace] -= cost
    touched = {row.workspace for row in booked}
    balances = [
        move_balance(connection, workspace, amount) if workspace in touched else _balance(connection, workspace)
        for workspace, amount in moved.items()
    ]
    return Settled(tuple([request.seq for request in requests]), tuple(balances))


def _sums(rows: Sequence[GenerationRow]) -> dict[tuple[int, str, str, str], tuple[int, int, int, int]]:
    """Requests, tokens read and written, and cost, as the table of sums has them: by day, workspace, key and model."""
    sums: dict[tuple[int, str, str, str], tuple[int, int, int, int]] = {}
    for row in rows:
        # One-time keys are many, and nobody asks for the sum of one.
        key = row.key_id if row.source == "api" else row.source
        group = (day_of(row.created_at).number, row.workspace, key, row.model)
        requests, read, written, cost = sums.get(group, _NOTHING)
        sums[group] = requests + 1, read + row.tokens_prompt, written + row.tokens_completion, cost + row.cost
    return sums


_NOTHING = (0, 0, 0, 0)


def claim(connection: sqlite3.Connection, asked: Claim, earlier: str | None) -> Claim:
    """The claim that holds for a key after this. Claims older than a day are forgotten."""
    connection.execute("DELETE FROM idempotency WHERE created_at <= ?", (asked.created_at - CLAIM_SECONDS,))
    connection.execute(
        "INSERT INTO idempotency (workspace, key, body, request, created_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (workspace, key) DO UPDATE SET body = excluded.body, request = excluded.request,"
        " created_at = excluded.created_at WHERE request = ?",
        (asked.workspace, asked.key, asked.body, asked.request, asked.created_at, earlier),
    )
    found = connection.execute(
        "SELECT workspace, key, body, request, created_at FROM idempotency WHERE workspace = ? AND key = ?",
        (asked.workspace, asked.key),
    ).fetchone()
    return Claim(*found)


def administer(connection: sqlite3.Connection, request: Administration) -> Done:
    """One administrative request. Raises Refused, before anything was written, when it cannot be done as asked."""
    match request:
        case CreateWorkspace():
            return Done(request.seq, record=_create_workspace(connection, request))
        case TopUp():
            return Done(request.seq, record=_top_up(connection, request))
        case SetLocked():
            connection.execute("UPDATE workspace SET locked = ? WHERE id = ?", (request.locked, request.workspace))
            return Done(request.seq, record=workspace_record(connection, request.workspace))
        case CreateKey():
            return Done(request.seq, key=_create_key(connection, request.key))
        case EnableKey():
            connection.execute("UPDATE api_key SET enabled = ? WHERE id = ?", (request.enabled, request.id))
            return Done(request.seq, key=_key(connection, request.id))
        case RevokeKey():
            connection.execute(
                "UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                (request.revoked_at, request.id),
            )
            return Done(request.seq, key=_key(connection, request.id))
        case KeepToken():
            keep_token(connection, request)
            return Done(request.seq)
        case SignOut():
            sign_out(connection, request)
            return Done(request.seq)


def move_balance(connection: sqlite3.Connection, workspace: str, amount: int) -> Balance:
    """Add to a balance. The ledger row of the same amount is the caller's."""
    moved = connection.execute(_MOVE_BALANCE, (amount, workspace)).fetchone()
    if moved is None:
        raise Refused("not_found", f"no workspace {workspace!r}")
    return Balance(workspace, *moved)


def workspace_record(connection: sqlite3.Connection, id_: str) -> WorkspaceRecord:
    """The workspace as stored. Raises Refused."""
    found = [record for record in _workspaces(connection, "WHERE id = ?", (id_,))]
    if not found:
        raise Refused("not_found", f"no workspace {id_!r}")
    return found[0]


def all_workspaces(connection: sqlite3.Connection) -> tuple[WorkspaceRecord, ...]:
    """Every workspace, oldest first."""
    return tuple(_workspaces(connection, "ORDER BY created_at, id", ()))


def all_keys(connection: sqlite3.Connection) -> tuple[StoredKey, ...]:
    """Every key, revoked ones too, oldest first."""
    return tuple(_keys(connection, "ORDER BY created_at, id", ()))


def _create_workspace(connection: sqlite3.Connection, request: CreateWorkspace) -> WorkspaceRecord:
    taken = connection.execute("SELECT id FROM workspace WHERE name = ?", (request.name,)).fetchone()
    if taken is not None and taken[0] != request.id:
        raise workspace_exists(request.name)
    if taken is None:
        connection.execute(
            "INSERT INTO workspace (id, name, created_at) VALUES (?, ?, ?)",
            (request.id, request.name, request.created_at),
        )
        if request.credits:
            _book(connection, request.id, "topup", request.credits, request.operation, request.created_at)
    return workspace_record(connection, request.id)


def _top_up(connection: sqlite3.Connection, request: TopUp) -> WorkspaceRecord:
    record = workspace_record(connection, request.workspace)
    if not _booked(connection, request.operation):
        # As `check_topup` has it, whose balance may be of before others that came with this one.
        if request.amount < 0 > record.balance + request.amount or record.balance + request.amount > _MOST:
            raise Refused("invalid", "the balance does not allow that amount any more")
        kind = "topup" if request.amount >= 0 else "adjustment"
        _book(connection, request.workspace, kind, request.amount, request.operation, request.created_at)
    return workspace_record(connection, request.workspace)


def _booked(connection: sqlite3.Connection, operation: str) -> bool:
    return connection.execute("SELECT 1 FROM ledger WHERE request = ?", (operation,)).fetchone() is not None


def _book(connection: sqlite3.Connection, workspace: str, kind: str, amount: int, operation: str, at: float) -> None:
    if not _booked(connection, operation):
        connection.execute(_INSERT_LEDGER, (workspace, kind, amount, operation, at))
        move_balance(connection, workspace, amount)


def _create_key(connection: sqlite3.Connection, key: StoredKey) -> StoredKey:
    record, terms = key.record, key.record.terms
    taken = connection.execute("SELECT id FROM api_key WHERE sha256 = ?", (key.sha256,)).fetchone()
    if taken is not None and taken[0] != record.id:
        raise secret_exists()
    workspace_record(connection, record.workspace)
    if taken is None:
        connection.execute(
            f"INSERT INTO api_key ({_KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(record.id, record.workspace, record.prefix, record.last4),
                *(record.enabled, record.revoked_at, record.created_at, terms.name),
                *(None if terms.models is None else json.dumps(terms.models), terms.rate_per_minute, terms.burst),
                *(terms.limit_daily, terms.limit_monthly, terms.limit_total, terms.expires_at, key.sha256),
            ),
        )
    return _key(connection, record.id)


def _key(connection: sqlite3.Connection, id_: str) -> StoredKey:
    found = _keys(connection, "WHERE id = ?", (id_,))
    if not found:
        raise Refused("not_found", f"no key {id_!r}")
    return found[0]


def _balance(connection: sqlite3.Connection, workspace: str) -> Balance:
    record = workspace_record(connection, workspace)
    return Balance(record.id, record.balance, record.version)


def _workspaces(connection: sqlite3.Connection, tail: str, values: tuple[str, ...]) -> list[WorkspaceRecord]:
    rows = connection.execute(f"SELECT {_WORKSPACE_COLUMNS} FROM workspace {tail}", values)
    return [
        WorkspaceRecord(id=id_, name=name, locked=bool(locked), balance=balance, version=version, created_at=at)
        for id_, name, locked, balance, version, at in rows
    ]


def _keys(connection: sqlite3.Connection, tail: str, values: tuple[str, ...]) -> list[StoredKey]:
    return [_stored_key(row) for row in connection.execute(f"SELECT {_KEY_COLUMNS} FROM api_key {tail}", values)]


def _stored_key(row: tuple[object, ...]) -> StoredKey:
    id_, workspace, prefix, last4, enabled, revoked_at, created_at, name, models, rate, burst, *rest = row
    daily, monthly, total, expires_at, sha256 = rest
    terms = {
        "name": name,
        "models": None if models is None else json.loads(cast("str", models)),
        "rate_per_minute": rate,
        "burst": burst,
        "limit_daily": daily,
        "limit_monthly": monthly,
        "limit_total": total,
        "expires_at": expires_at,
    }
    record = {
        "id": id_,
        "workspace": workspace,
        "prefix": prefix,
        "last4": last4,
        "terms": msgspec.convert(terms, KeyTerms),
        "enabled": bool(enabled),
        "revoked_at": revoked_at,
        "created_at": created_at,
    }
    return StoredKey(msgspec.convert(record, KeyRecord), cast("bytes", sha256))
