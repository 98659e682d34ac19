"""The records of administration as they are published, and back: for HTTP, its client, and `--json` on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from hyperinfer.api.openapi.admin_records import (
    KeyData,
    LedgerVerdict,
    MadeKey,
    NewKey,
    UsageGroup,
    UsageReport,
    UsageSums,
    WorkspaceData,
)
from hyperinfer.api.store.records import KeyRecord, KeyTerms, LedgerReport, UsageRow, WorkspaceRecord
from hyperinfer.api.values import instant
from hyperinfer.nodes.money import pico_to_micro_text, pico_to_usd, pico_to_usd_text, usd_to_pico

if TYPE_CHECKING:
    from decimal import Decimal

    from hyperinfer.api.store.admin import CreatedKey
    from hyperinfer.api.store.records import UsageBy

_NULL = b"null"


def workspace_data(record: WorkspaceRecord) -> WorkspaceData:
    """A workspace."""
    return WorkspaceData(
        id=record.id,
        name=record.name,
        locked=record.locked,
        balance=_usd(record.balance),
        balance_micro_usd=pico_to_micro_text(record.balance),
        version=record.version,
        created_at=instant(record.created_at),
    )


def workspace_record(data: WorkspaceData) -> WorkspaceRecord:
    """The same as a record."""
    return WorkspaceRecord(data.id, data.name, data.locked, _pico(data.balance) or 0, data.version, moment(data.created_at))


def key_data(record: KeyRecord, now: float) -> KeyData:
    """A key without its secret."""
    terms = record.terms
    return KeyData(
        id=record.id,
        workspace=record.workspace,
        name=terms.name,
        prefix=record.prefix,
        last4=record.last4,
        status=record.status(now),
        enabled=record.enabled,
        models=terms.models,
        rate_per_minute=terms.rate_per_minute,
        burst=terms.burst,
        limit_daily=_usd(terms.limit_daily),
        limit_monthly=_usd(terms.limit_monthly),
        limit_total=_usd(terms.limit_total),
        expires_at=None if terms.expires_at is None else instant(terms.expires_at),
        revoked_at=None if record.revoked_at is None else instant(record.revoked_at),
        created_at=instant(record.created_at),
    )


def made_key(created: CreatedKey, now: float) -> MadeKey:
    """A new key and its secret."""
    return MadeKey(key=created.secret.reveal(), **msgspec.structs.asdict(key_data(created.record, now)))


def key_record(data: KeyData) -> KeyRecord:
    """The same as a record."""
    return KeyRecord(
        id=data.id,
        workspace=data.workspace,
        prefix=data.prefix,
        last4=data.last4,
        terms=KeyTerms(
            name=data.name,
            models=data.models,
            rate_per_minute=data.rate_per_minute,
            burst=data.burst,
            limit_daily=_pico(data.limit_daily),
            limit_monthly=_pico(data.limit_monthly),
            limit_total=_pico(data.limit_total),
            expires_at=None if data.expires_at is None else moment(data.expires_at),
        ),
        enabled=data.enabled,
        revoked_at=None if data.revoked_at is None else moment(data.revoked_at),
        created_at=moment(data.created_at),
    )


def new_key(workspace: str, terms: KeyTerms) -> NewKey:
    """A key to make, as it is asked for. Raises ValueError for an expiry that has no date."""
    return NewKey(
        workspace=workspace,
        name=terms.name,
        models=terms.models,
        rate_per_minute=terms.rate_per_minute,
        burst=terms.burst,
        limit_daily=_decimal(terms.limit_daily),
        limit_monthly=_decimal(terms.limit_monthly),
        limit_total=_decimal(terms.limit_total),
        expires_at=None if terms.expires_at is None else _date(terms.expires_at),
    )


def usage_report(by: UsageBy, rows: Sequence[UsageRow]) -> UsageReport:
    """Sums, with their total."""
    return UsageReport(by, tuple(UsageGroup(*_sums(row), row.group) for row in rows), UsageSums(*_sums(total_of(rows))))


def total_of(rows: Sequence[UsageRow]) -> UsageRow:
    """The sum of sums."""
    return UsageRow(
        "total",
        sum(row.requests for row in rows),
        sum(row.tokens_prompt for row in rows),
        sum(row.tokens_completion for row in rows),
        sum(row.cost for row in rows),
    )


def usage_row(group: UsageGroup) -> UsageRow:
    """The same as a record."""
    cost = _pico(group.cost) or 0
    return UsageRow(group.group, group.requests, group.tokens_prompt, group.tokens_completion, cost)


def verdict(report: LedgerReport) -> LedgerVerdict:
    """What the audit found."""
    return LedgerVerdict(
        ok=not report.differences,
        workspaces=report.workspaces,
        ledger_rows=report.ledger_rows,
        generations=report.generations,
        differences=report.differences,
    )


def ledger_report(data: LedgerVerdict) -> LedgerReport:
    """The same as a record."""
    return LedgerReport(data.workspaces, data.ledger_rows, data.generations, data.differences)


def moment(text: str) -> float:
    """Unix seconds of an ISO 8601 date or time, in UTC unless it says otherwise. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
        # In UTC it may be beyond the years that there are, though its own text is not.
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"not an ISO 8601 date or time: {text!r}") from None


def _sums(row: UsageRow) -> tuple[int, int, int, msgspec.Raw, str]:
    return row.requests, row.tokens_prompt, row.tokens_completion, _usd(row.cost), pico_to_micro_text(row.cost)


def _usd(pico: int | None) -> msgspec.Raw:
    return msgspec.Raw(_NULL if pico is None else pico_to_usd_text(pico).encode())


def _pico(raw: msgspec.Raw) -> int | None:
    text = bytes(raw)
    return None if text == _NULL else usd_to_pico(text.decode())


def _decimal(pico: int | None) -> Decimal | None:
    return None if pico is None else pico_to_usd(pico)


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"there is no date {seconds} seconds after 1970") from None
