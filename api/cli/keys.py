"""`hyperinfer keys …`"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.api.cli.administration import administer, key_object, shown_key, usd_text
from hyperinfer.api.cli.invocation import DONE, UsageError
from hyperinfer.api.cli.output import table
from hyperinfer.api.settings import CONFIG, read_flag
from hyperinfer.api.values import did_you_mean, instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.store.admin import Admin
    from hyperinfer.api.store.records import KeyRecord, KeyTerms, WorkspaceRecord


def create(invocation: Invocation) -> int:
    """Make one, and print its secret alone."""
    from hyperinfer.api.administered import made_key

    terms = _terms(invocation)
    for unknown in _unknown_models(invocation, terms.models or ()):
        invocation.output.note(f"warning: {unknown}")
    created = administer(invocation, lambda admin: admin.create_key(invocation.arguments.workspace, terms))
    made = made_key(created, invocation.now())
    invocation.output.result(made, lambda console: console.print(made.key))
    return DONE


def list_all(invocation: Invocation) -> int:
    """List those of a workspace, or all."""

    async def ask(admin: Admin) -> tuple[Sequence[KeyRecord], Sequence[WorkspaceRecord]]:
        return await admin.keys(invocation.arguments.workspace), await admin.workspaces()

    keys, workspaces = administer(invocation, ask)
    now = invocation.now()
    names = {each.id: each.name for each in workspaces}
    invocation.output.result(
        {"data": [key_object(each, now) for each in keys]},
        lambda console: console.print(_rows(keys, names, now) if keys else "no keys"),
    )
    return DONE


def enable(invocation: Invocation) -> int:
    """Let one in again."""
    record = administer(invocation, lambda admin: admin.enable(invocation.arguments.key))
    return _changed(invocation, record, "enabled")


def disable(invocation: Invocation) -> int:
    """Let one in no more, until it is enabled."""
    record = administer(invocation, lambda admin: admin.disable(invocation.arguments.key))
    return _changed(invocation, record, "disabled")


def revoke(invocation: Invocation) -> int:
    """Revoke one."""
    record = administer(invocation, lambda admin: admin.revoke(invocation.arguments.key))
    return _changed(invocation, record, "revoked")


def _changed(invocation: Invocation, record: KeyRecord, what: str) -> int:
    invocation.output.result(
        key_object(record, invocation.now()),
        lambda console: console.print(f"{what} {shown_key(record)} ({record.id})"),
    )
    return DONE


def _unknown_models(invocation: Invocation, slugs: Sequence[str]) -> list[str]:
    """A sentence for each model that is not in the catalogue here. The server may well have another."""
    if not slugs:
        return []
    from hyperinfer.api.cli.catalogue_choice import PACKAGED, CatalogueRefused, choose_catalogue, load_catalogue

    path = choose_catalogue(read_flag(CONFIG, {}, invocation.environ), invocation.folder)
    try:
        models = load_catalogue(path, invocation.environ).models
    except CatalogueRefused:
        return []  # What is wrong with it is not what was asked.
    where = path or PACKAGED
    return [f"{where} has no model {slug!r}{did_you_mean(slug, models)}" for slug in slugs if slug not in models]


def _terms(invocation: Invocation) -> KeyTerms:
    from hyperinfer.api.store.records import KeyTerms

    given = invocation.arguments
    try:
        expires_at = given.expires(invocation.now()) if given.expires else None
    except ValueError as error:
        raise UsageError(f"--expires: {error}", see="hyperinfer keys create") from None
    return KeyTerms(
        name=given.name,
        models=given.models,
        rate_per_minute=given.rate,
        burst=given.burst,
        limit_daily=given.daily,
        limit_monthly=given.monthly,
        limit_total=given.total,
        expires_at=expires_at,
    )


def _rows(keys: Sequence[KeyRecord], names: dict[str, str], now: float) -> Table:
    rows = table("KEY", "ID", "WORKSPACE", "NAME", "STATUS", "MAY DO", "EXPIRES")
    for each in keys:
        expires = each.terms.expires_at
        rows.add_row(
            shown_key(each),
            each.id,
            names.get(each.workspace, each.workspace),
            each.terms.name,
            each.status(now),
            _limits(each.terms),
            "" if expires is None else instant(expires, "minutes"),
        )
    return rows


def _limits(terms: KeyTerms) -> str:
    """`5.00 USD/day, 60/min, demo/chat`; `anything` without limits."""
    spans = {"day": terms.limit_daily, "month": terms.limit_monthly, "all": terms.limit_total}
    said = [f"{usd_text(limit)} USD/{span}" for span, limit in spans.items() if limit is not None]
    if terms.rate_per_minute is not None:
        said.append(f"{terms.rate_per_minute}/min")
    if terms.burst is not None:
        said.append(f"burst {terms.burst}")
    return ", ".join([*said, *(terms.models or ())]) or "anything"
