"""The laws of a store, as functions over any store: each is given a fresh one and must hold on it.

A store's own test module runs them all: `@pytest.mark.parametrize("law", LAWS)`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import pytest
import trio

from hyperinfer.api.store.errors import Refused
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Principal, SettlementRejected
from tests.api.store.admission_laws import ADMISSION_LAWS, Store, a_principal
from tests.api.store.request_log_laws import REQUEST_LOG_LAWS
from tests.api.store.samples import NOW, USD, a_generation, an_admission
from tests.api.store.text_laws import TEXT_LAWS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def _code(store: Store, request_id: str, principal: Principal, hold: int) -> str | None:
    failure = await store.admit(an_admission(request_id, principal, hold))
    return None if failure is None else failure.code


async def one_row_for_each_request(store: Store) -> None:
    principal = await a_principal(store, USD)
    sent = a_generation("r1", principal.workspace)
    await store.admit(an_admission("r1", principal, 50))
    await store.settle(sent)
    assert await store.generation(principal.workspace, "r1") == sent
    report = await store.verify_ledger()
    assert (report.generations, report.ledger_rows, report.differences) == (1, 2, ())


async def a_second_settlement_moves_nothing(store: Store) -> None:
    principal = await a_principal(store, USD)
    first = a_generation("r1", principal.workspace, 70)
    await store.settle(first)
    await store.settle(first)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(store.settle, a_generation("r1", principal.workspace, 140))
    assert await store.generation(principal.workspace, "r1") == first
    assert (await store.workspace("lab")).balance == USD - 70
    assert (await store.verify_ledger()).generations == 1


async def the_balance_is_the_sum_of_the_rows(store: Store) -> None:
    principal = await a_principal(store, USD)
    await store.create_workspace("other", 5)
    other = (await store.workspace("other")).id
    async with trio.open_nursery() as nursery:
        for number in range(100):
            workspace = other if number % 3 == 0 else principal.workspace
            nursery.start_soon(store.settle, a_generation(f"r{number}", workspace, 7 * number))
        nursery.start_soon(store.topup, "lab", 1000)
        nursery.start_soon(store.topup, "lab", -1)
    in_other = sum(7 * number for number in range(0, 100, 3))
    assert (await store.workspace("other")).balance == 5 - in_other
    assert (await store.workspace("lab")).balance == USD + 999 - (7 * 4950 - in_other)
    report = await store.verify_ledger()
    assert (report.generations, report.ledger_rows, report.differences) == (100, 104, ())


async def a_debt_is_a_balance_too(store: Store) -> None:
    principal = await a_principal(store, 10)
    await store.admit(an_admission("r1", principal, 1))
    await store.settle(a_generation("r1", principal.workspace, 70))
    assert (await store.workspace("lab")).balance == -60
    assert await _code(store, "r2", principal, 1) == "insufficient_credits"
    await store.topup("lab", 61)
    assert await _code(store, "r2", principal, 1) is None


async def concurrent_admissions_never_exceed_the_balance(store: Store) -> None:
    principal = await a_principal(store, 100)
    admitted: list[int] = []

    async def try_one(number: int) -> None:
        if await store.admit(an_admission(f"r{number}", principal, 100)) is None:
            admitted.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(try_one, number)
    assert len(admitted) == 1


async def one_response_may_overshoot(store: Store) -> None:
    principal = await a_principal(store, 100)
    assert await _code(store, "r1", principal, 99) is None
    assert await _code(store, "r2", principal, 10**15) is None
    assert await _code(store, "r3", principal, 1) == "insufficient_credits"


async def a_free_request_needs_no_credits(store: Store) -> None:
    principal = await a_principal(store, 0)
    assert await _code(store, "r1", principal, 0) is None
    assert await _code(store, "r2", principal, 1) == "insufficient_credits"
    await store.settle(a_generation("r1", principal.workspace, 0))
    assert (await store.verify_ledger()).differences == ()


async def an_admission_repeated_holds_once(store: Store) -> None:
    principal = await a_principal(store, 100)
    assert await _code(store, "r1", principal, 60) is None
    assert await _code(store, "r1", principal, 60) is None
    await store.release("r1")
    assert await _code(store, "r2", principal, 99) is None
    assert await _code(store, "r3", principal, 1) is None


async def a_hold_is_given_back_exactly_once(store: Store) -> None:
    principal = await a_principal(store, 100)
    await store.admit(an_admission("r1", principal, 100))
    await store.admit(an_admission("r2", principal, 0))
    await store.release("r1")
    await store.release("r1")
    await store.release("unknown")
    assert await _code(store, "r3", principal, 100) is None
    assert await _code(store, "r4", principal, 1) == "insufficient_credits"


async def settling_gives_the_hold_back(store: Store) -> None:
    principal = await a_principal(store, 100)
    await store.admit(an_admission("r1", principal, 100))
    await store.settle(a_generation("r1", principal.workspace, 70))
    await store.release("r1")
    assert await _code(store, "r2", principal, 30) is None
    assert await _code(store, "r3", principal, 1) == "insufficient_credits"


async def a_settlement_after_release_still_counts(store: Store) -> None:
    principal = await a_principal(store, 100)
    await store.admit(an_admission("r1", principal, 50))
    await store.release("r1")
    await store.settle(a_generation("r1", principal.workspace, 70))
    assert (await store.workspace("lab")).balance == 30
    assert await _code(store, "r2", principal, 30) is None
    assert await _code(store, "r3", principal, 1) == "insufficient_credits"


async def a_settlement_whose_caller_gave_up_still_happens(store: Store) -> None:
    principal = await a_principal(store, 100)
    await store.admit(an_admission("r1", principal, 100))
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.settle(a_generation("r1", principal.workspace, 70))
    assert scope.cancelled_caught
    await store.settle(a_generation("r2", principal.workspace, 0))
    assert (await store.workspace("lab")).balance == 30
    assert await _code(store, "r3", principal, 1) is None
    assert (await store.verify_ledger()).generations == 2


async def recording_is_not_cut_short(store: Store) -> None:
    principal = await a_principal(store, USD)
    await store.admit(an_admission("r1", principal, USD))
    outcomes: list[bool] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        outcomes.append(await store.record(a_generation("r1", principal.workspace, 70)))
        with pytest.raises(SettlementRejected):
            await store.record(a_generation("r2", principal.workspace, -7))
        assert await store.generation(principal.workspace, "r1") is not None
        await trio.sleep_forever()
    assert scope.cancelled_caught
    assert outcomes == [True]
    assert (await store.workspace("lab")).balance == USD - 70
    assert await _code(store, "next", principal, 1) is None


async def a_record_that_cannot_be_stored_is_refused_alone(store: Store) -> None:
    principal = await a_principal(store, USD)
    refused: list[str] = []

    async def settle(id_: str, workspace: str, cost: int) -> None:
        try:
            await store.settle(a_generation(id_, workspace, cost))
        except SettlementRejected:
            refused.append(id_)

    await store.admit(an_admission("huge", principal, USD))
    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(settle, f"r{number}", principal.workspace, 7)
        nursery.start_soon(settle, "nowhere", "ws_nowhere", 7)
        nursery.start_soon(settle, "huge", principal.workspace, 7 * 2**61)
        nursery.start_soon(settle, "larger", principal.workspace, 7 * 2**80)
        nursery.start_soon(settle, "negative", principal.workspace, -7)
        nursery.start_soon(settle, "surrogate\ud800", principal.workspace, 7)
    assert sorted(refused) == ["huge", "larger", "negative", "nowhere", "surrogate\ud800"]
    assert await _code(store, "next", principal, 1) is None
    report = await store.verify_ledger()
    assert (report.generations, report.differences) == (10, ())
    assert (await store.workspace("lab")).balance == USD - 70


async def a_generation_is_seen_by_its_workspace_alone(store: Store) -> None:
    principal = await a_principal(store, USD)
    await store.create_workspace("other")
    await store.settle(a_generation("r1", principal.workspace))
    assert await store.generation((await store.workspace("other")).id, "r1") is None
    assert await store.generation(principal.workspace, "r2") is None
    assert await store.generation(principal.workspace, "' OR 1=1 --") is None


async def a_locked_workspace_admits_nothing_but_settles(store: Store) -> None:
    principal = await a_principal(store, USD)
    await store.admit(an_admission("r1", principal, 50))
    assert (await store.lock("lab")).locked
    assert await _code(store, "r2", principal, 0) == "workspace_locked"
    await store.settle(a_generation("r1", principal.workspace, 35))
    assert not (await store.unlock("lab")).locked
    assert await _code(store, "r2", principal, USD) is None
    assert (await store.workspace("lab")).balance == USD - 35


async def keys_open_until_revoked_or_expired(store: Store) -> None:
    terms = KeyTerms(name="ü 'k'; --", models=("a/b",), rate_per_minute=5, burst=6, expires_at=NOW + 1, limit_total=7)
    principal = await a_principal(store, 0, terms)
    assert (principal.workspace_name, principal.models, principal.rate_per_minute) == ("lab", frozenset({"a/b"}), 5)
    (record,) = await store.keys("lab")
    assert (record.terms, record.id, record.prefix[:3]) == (terms, principal.key_id, "hi-")
    expired = await store.create_key("lab", KeyTerms(expires_at=NOW))
    revoked = await store.create_key("lab", KeyTerms())
    assert (await store.revoke(revoked.record.prefix)).revoked_at == NOW
    await store.revoke(revoked.record.id)
    for secret in (expired.secret.reveal(), revoked.secret.reveal(), "hi-unknown"):
        failure = await store.authenticate(hashlib.sha256(secret.encode()).digest())
        assert isinstance(failure, Failure)
        assert failure.code == "invalid_api_key"


async def what_cannot_be_done_is_refused(store: Store) -> None:
    await store.create_workspace("lab", USD)
    await store.create_workspace("a 'b\"; DROP TABLE ledger; --", 1)
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: store.create_workspace("lab"),
        lambda: store.create_workspace(" "),
        lambda: store.create_workspace("a\x00b"),
        lambda: store.create_workspace("\ud800"),
        lambda: store.create_workspace("debtor", -1),
        lambda: store.create_workspace("rich", 10**19),
        lambda: store.workspace("nobody"),
        lambda: store.topup("nobody", 1),
        lambda: store.topup("lab", 0),
        lambda: store.topup("lab", 9 * 10**18),
        lambda: store.topup("lab", 2**70),
        lambda: store.lock("nobody"),
        lambda: store.create_key("nobody", KeyTerms()),
        lambda: store.create_key("lab", KeyTerms(burst=0)),
        lambda: store.create_key("lab", KeyTerms(limit_daily=-1)),
        lambda: store.create_key("lab", KeyTerms(models=())),
        lambda: store.revoke("nobody"),
        lambda: store.revoke("hi-"),
        lambda: store.usage("day", "nobody"),
    ]
    for attempt in attempts:
        with pytest.raises(Refused):
            await attempt()
    assert [record.balance for record in await store.workspaces()] == [USD, 1]
    assert (await store.verify_ledger()).differences == ()


async def usage_adds_up(store: Store) -> None:
    principal = await a_principal(store, USD)
    await store.create_workspace("other", USD)
    other = (await store.workspace("other")).id
    day = 86_400.0
    await store.settle(a_generation("r1", principal.workspace, 7, day * 20_000))
    await store.settle(a_generation("r2", principal.workspace, 70, day * 20_001 - 0.001, model="c/d"))
    await store.settle(a_generation("r3", other, 700, day * 20_001))
    by_day = [(row.group, row.requests, row.cost) for row in await store.usage("day")]
    assert by_day == [("2024-10-04", 2, 77), ("2024-10-05", 1, 700)]
    by_model = [(row.group, row.requests, row.tokens_prompt, row.cost) for row in await store.usage("model", "lab")]
    assert by_model == [("a/b", 1, 11, 7), ("c/d", 1, 11, 70)]
    assert {row.group: row.cost for row in await store.usage("workspace")} == {principal.workspace: 77, other: 700}
    split = [(row.group, row.cost) for row in await store.usage("day_model")]
    assert split == [("2024-10-04 a/b", 7), ("2024-10-04 c/d", 70), ("2024-10-05 a/b", 700)]
    (key,) = [row.group for row in await store.usage("key", "lab")]
    assert [(row.group, row.cost) for row in await store.usage("day_key", "lab")] == [(f"2024-10-04 {key}", 77)]


async def a_negative_hold_is_a_bug(store: Store) -> None:
    principal = await a_principal(store, USD)
    with pytest.raises(ValueError, match="negative"):
        await store.admit(an_admission("r1", principal, -1))


async def what_is_taken_away_at_once_is_there(store: Store) -> None:
    """However many administrators take credits at the same time, and however many give them."""
    lab, rich = await store.create_workspace("lab", 100 * USD), await store.create_workspace("rich", USD)
    told: list[str] = []

    async def top_up(workspace: str, amount: int) -> None:
        try:
            await store.topup(workspace, amount)
        except Refused as error:
            told.append(error.message)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(top_up, lab.id, -60 * USD)
            nursery.start_soon(top_up, rich.id, 8_000_000 * USD)
    assert (await store.workspace(lab.id)).balance == 40 * USD
    assert (await store.workspace(rich.id)).balance == 8_000_001 * USD
    assert len(told) == 18
    assert {message.partition(":")[0].partition(",")[0] for message in told} == {
        "the balance of 'lab' is 40.0 USD",
        "the balance of 'rich' is 8000001.0 USD",
    }


LAWS: Final[tuple[Callable[[Store], Awaitable[None]], ...]] = (
    *ADMISSION_LAWS,
    *TEXT_LAWS,
    *REQUEST_LOG_LAWS,
    one_row_for_each_request,
    what_is_taken_away_at_once_is_there,
    a_second_settlement_moves_nothing,
    the_balance_is_the_sum_of_the_rows,
    a_debt_is_a_balance_too,
    concurrent_admissions_never_exceed_the_balance,
    one_response_may_overshoot,
    a_free_request_needs_no_credits,
    an_admission_repeated_holds_once,
    a_hold_is_given_back_exactly_once,
    settling_gives_the_hold_back,
    a_settlement_after_release_still_counts,
    a_settlement_whose_caller_gave_up_still_happens,
    recording_is_not_cut_short,
    a_record_that_cannot_be_stored_is_refused_alone,
    a_generation_is_seen_by_its_workspace_alone,
    a_locked_workspace_admits_nothing_but_settles,
    keys_open_until_revoked_or_expired,
    what_cannot_be_done_is_refused,
    usage_adds_up,
    a_negative_hold_is_a_bug,
)
