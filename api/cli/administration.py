"""Administering accounts from the command line: opening the store, and records as people and scripts see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hyperinfer.api.settings import DATA, DEFAULT_DATA, read_flag
from hyperinfer.api.values import instant

if TYPE_CHECKING:
    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.records import KeyRecord, WorkspaceRecord

T = TypeVar("T")


def data_folder(invocation: Invocation) -> Path:
    """The data folder that the invocation means. Raises SettingError."""
    given = read_flag(DATA, {"data": invocation.arguments.data}, invocation.environ)
    return invocation.folder / (given or DEFAULT_DATA)


def administer(invocation: Invocation, act: Callable[[Admin], Awaitable[T]]) -> T:
    """What `act` returns, on a data folder with a store: through the server that runs on it, else on the store itself.

    Raises Refused, NoStore, StoreUnavailable, SettingError.
    """
    import trio

    from hyperinfer.api.store.open import open_admin

    folder = data_folder(invocation)

    async def acting() -> T:
        async with open_admin(folder) as admin:
            return await act(admin)

    return trio.run(acting)


def administer_or_make(invocation: Invocation, act: Callable[[Admin], Awaitable[T]]) -> T:
    """The same for what may be the first thing that is done: makes the folder and its store when there is none, and
    says so."""
    import trio

    from hyperinfer.api.store.folder import DataFolder
    from hyperinfer.api.store.open import open_or_make_admin

    folder = data_folder(invocation)
    was_there = DataFolder(folder).database.exists()

    async def acting() -> T:
        async with open_or_make_admin(folder) as admin:
            if not was_there:
                invocation.output.note(f"made a store in the data folder {folder}")
            return await act(admin)

    return trio.run(acting)


def amount(pico: int) -> object:
    """USD as a JSON number with all its digits."""
    import msgspec

    from hyperinfer.nodes.money import pico_to_usd_text

    return msgspec.Raw(pico_to_usd_text(pico).encode())


def maybe_amount(pico: int | None) -> object:
    """The same for an amount that need not be there."""
    return None if pico is None else amount(pico)


def usd_text(pico: int | None) -> str:
    """USD for people, exact, at least two decimals; nothing for no amount."""
    from hyperinfer.nodes.money import pico_to_usd_text

    if pico is None:
        return ""
    whole, _, fraction = pico_to_usd_text(pico).partition(".")
    return f"{whole}.{fraction:0<2}"


def workspace_object(record: WorkspaceRecord) -> dict[str, object]:
    """A workspace in JSON."""
    from hyperinfer.nodes.money import pico_to_micro_text

    return {
        "id": record.id,
        "name": record.name,
        "locked": record.locked,
        "balance": amount(record.balance),
        "balance_micro_usd": pico_to_micro_text(record.balance),
        "created_at": instant(record.created_at),
    }


def key_object(record: KeyRecord, now: float) -> dict[str, object]:
    """A key in JSON, without its secret."""
    terms = record.terms
    return {
        "id": record.id,
        "workspace": record.workspace,
        "name": terms.name,
        "prefix": record.prefix,
        "last4": record.last4,
        "status": record.status(now),
        "models": terms.models,
        "rate_per_minute": terms.rate_per_minute,
        "burst": terms.burst,
        "limit_daily": maybe_amount(terms.limit_daily),
        "limit_monthly": maybe_amount(terms.limit_monthly),
        "limit_total": maybe_amount(terms.limit_total),
        "expires_at": None if terms.expires_at is None else instant(terms.expires_at),
        "revoked_at": None if record.revoked_at is None else instant(record.revoked_at),
        "created_at": instant(record.created_at),
    }


def shown_key(record: KeyRecord) -> str:
    """How a key begins and ends."""
    return f"{record.prefix}…{record.last4}"
