"""What a key's record means for whoever calls with it: the same in every store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Principal, SpendingLimits

if TYPE_CHECKING:
    from hyperinfer.api.store.records import KeyRecord

UNKNOWN: Final = Failure("invalid_api_key", "This API key is not known here: look whether it is whole, and of this gateway.")


def principal_of(record: KeyRecord, workspace_name: str) -> Principal:
    """Who calls with the key."""
    terms = record.terms
    return Principal(
        workspace=record.workspace,
        workspace_name=workspace_name,
        key_id=record.id,
        models=None if terms.models is None else frozenset(terms.models),
        rate_per_minute=terms.rate_per_minute,
        burst=terms.burst,
        spending=SpendingLimits(terms.limit_daily, terms.limit_monthly, terms.limit_total),
    )


def refusal_of(record: KeyRecord, now: float) -> Failure | None:
    """Why the key does not let its caller in at this unix time."""
    match record.status(now):
        case "active":
            return None
        case "revoked":
            return Failure("invalid_api_key", "This API key has been revoked: ask for another.")
        case "disabled":
            return Failure("invalid_api_key", "This API key is disabled: whoever runs the gateway can enable it again.")
        case "expired":
            return Failure("invalid_api_key", "This API key has expired: ask for another.")
