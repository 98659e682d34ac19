"""Laws of text, as functions over any store: whatever it says, in whichever field, it is kept as it is and does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from hyperinfer.api.store.errors import Refused
from hyperinfer.api.store.keys import digest
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Attempt, CostLine, LossRecord, Principal
from hyperinfer.providers.secret import Secret
from tests.api.store.admission_laws import a_principal
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.api.store.admission_laws import Store

PRINTABLE: Final = (
    "x'; DROP TABLE ledger; --",
    '"; DELETE FROM api_key; /*',
    "' OR '1'='1",
    "$1 :name ? %s %(x)s {0} \\",
    "a,b {c} \"d\" 'e' \\N NULL",
    "%",
    "_",
    "NULL",
    "ünï 名前 مرحبا עברית 🙂👩‍👩‍👧".replace("\u200d", ""),
    "e\u0301 is not \u00e9",
)
"""Fit for a name."""
UNPRINTABLE: Final = (
    "\u202eright to left",
    "line\r\nbreak\ttab\x1b[31m",
    "\ufeff\ufffe\U0010ffff",
    "\x00\u202e🙂",
    "␀ and \x00",
)
NOWHERE: Final = ("\x00", "\ud800", "' OR 1=1 --", "%", "r1\x00", "x" * 100_000)
"""Ids that nothing has."""


async def any_text_is_kept_in_every_field_of_a_row(store: Store) -> None:
    principal = await a_principal(store, USD)
    rows = [
        msgspec.structs.replace(
            a_generation(f"r{number}", principal.workspace),
            key_id=text,
            model=text,
            provider=text,
            upstream_model=text,
            source=text,
            error_code=text,
            finish_reason=text,
            lines=(CostLine(text, 5, 7, 35),),
            losses=(LossRecord(text, text),),
            attempts=(Attempt(text, text, 500, text, 1),),
        )
        for number, text in enumerate((*PRINTABLE, *UNPRINTABLE))
    ]
    for row in rows:
        await store.settle(row)
    assert [await store.generation(principal.workspace, row.id) for row in rows] == rows
    assert (await store.workspace("lab")).balance == USD - 35 * len(rows)
    report = await store.verify_ledger()
    assert (report.generations, report.differences) == (len(rows), ())
    used = {row.group: row.cost for row in await store.usage("model")}
    assert {text: used.get(text) for text in PRINTABLE} == dict.fromkeys(PRINTABLE, 35)
    used = {row.group: row.cost for row in await store.usage("key", "lab")}
    assert {text: used.get(text) for text in PRINTABLE} == dict.fromkeys(PRINTABLE, 35)


async def any_text_is_a_name(store: Store) -> None:
    for number, text in enumerate(PRINTABLE):
        made = await store.create_workspace(text, number)
        assert await store.workspace(text) == await store.workspace(made.id) == made
        terms = KeyTerms(name=text, models=(*PRINTABLE, text))
        created = await store.create_key(text, terms)
        assert await store.keys(text) == (created.record,)
        principal = await store.authenticate(digest(created.secret.reveal()))
        assert isinstance(principal, Principal)
        assert (principal.workspace_name, principal.models) == (text, frozenset(PRINTABLE))
        assert (await store.lock(text)).locked
        assert (await store.topup(text, 5)).balance == number + 5
        assert (await store.disable(created.record.id)).terms == terms
    assert [record.name for record in await store.workspaces()] == list(PRINTABLE)
    assert [record.terms.name for record in await store.keys()] == list(PRINTABLE)
    for name in UNPRINTABLE:
        with pytest.raises(Refused):
            await store.create_workspace(name)


async def a_key_may_be_sql_and_opens_only_what_is_its_own(store: Store) -> None:
    principal = await a_principal(store, USD)
    for secret in ("hi-'; DROP TABLE api_key; --", "hi-%' OR '1'='1", "hi-\\x00 ünï"):
        assert not await store.has_key(digest(secret))
        created = await store.create_key_with("lab", KeyTerms(name="sql"), Secret(secret))
        found = await store.authenticate(digest(secret))
        assert isinstance(found, Principal)
        assert found.key_id == created.record.id
        assert await store.has_key(digest(secret))
        with pytest.raises(Refused, match="already"):
            await store.create_key_with("lab", KeyTerms(), Secret(secret))
        assert (await store.revoke(secret)).id == created.record.id
    for guess in ("' OR 1=1 --", "hi-%", "hi-________", "hi-' OR prefix LIKE 'hi-", "\x00", "\ud800", "", "hi-\x00"):
        assert isinstance(await store.authenticate(digest(guess)), Failure)
        for change in (store.revoke, store.disable, store.enable):
            with pytest.raises(Refused):
                await change(guess)
    (record,) = [key for key in await store.keys() if key.id == principal.key_id]
    assert record.status(NOW) == "active"


async def what_is_nowhere_is_not_found(store: Store) -> None:
    principal = await a_principal(store, USD)
    await store.settle(a_generation("r1", principal.workspace))
    for id_ in NOWHERE:
        assert await store.generation(principal.workspace, id_) is None
        await store.release(id_)
        lookups: tuple[Callable[[str], Awaitable[object]], ...] = (
            store.workspace,
            store.keys,
            store.lock,
            store.revoke,
            lambda of: store.topup(of, 1),
            lambda of: store.create_key(of, KeyTerms()),
            lambda of: store.usage("day", of),
        )
        for look in lookups:
            with pytest.raises(Refused) as refused:
                await look(id_)
            # What no wire carries is refused before anybody looks for it.
            assert refused.value.code == "not_found" or (id_ == "\ud800" and refused.value.code == "invalid")
    assert await store.admit(an_admission("r2", principal, 1)) is None, "nothing is worse for having been asked"


async def an_id_of_another_workspace_is_nobody_elses(store: Store) -> None:
    principal = await a_principal(store, USD)
    other = (await store.create_workspace("other", USD)).id
    mine = a_generation("r1", principal.workspace, 70)
    await store.settle(mine)
    await store.settle(msgspec.structs.replace(mine, workspace=other, cost=7, lines=(CostLine("prompt", 1, 7, 7),)))
    assert await store.generation(principal.workspace, "r1") == mine
    assert await store.generation(other, "r1") is None
    assert [record.balance for record in await store.workspaces()] == [USD - 70, USD]
    assert await store.keys("other") == ()
    assert await store.usage("day", "other") == ()
    assert (await store.verify_ledger()).differences == ()


TEXT_LAWS: Final[tuple[Callable[[Store], Awaitable[None]], ...]] = (
    any_text_is_kept_in_every_field_of_a_row,
    any_text_is_a_name,
    a_key_may_be_sql_and_opens_only_what_is_its_own,
    what_is_nowhere_is_not_found,
    an_id_of_another_workspace_is_nobody_elses,
)
