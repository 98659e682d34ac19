"""The laws of a store, as functions over any store: each is given a fresh one and must hold on it.

A store's own test module runs them all: `@pytest.mark.parametrize("law", LAWS)`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import pytest
import trio

from hyperinfer.api.store.admin import Admin
from hyperinfer.api.store.errors import Refused
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Accounts, Admission, Ledger, Principal, Rate, SettlementRejected
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Store(Accounts, Ledger, Admin, Protocol):
    """What is under test: all three at once, its clock standing at NOW."""


async def _principal(store: Store, credits: int, terms: KeyTerms | None = None) -> Principal:
    await store.create_workspace("lab", credits)
    created = await store.create_key("lab", KeyTerms() if terms is None else terms)
    principal = await store.authenticate(hashlib.sha256(created.secret.reveal().encode()).digest())
    assert isinstance(principal, Principal)
    return principal


async def _code(store: Store, request_id: str, principal: Principal, hold: int) -> str | None:
    failure = await store.admit(an_admission(request_id, principal, hold))
    return None if failure is None else failure.code


async def one_row_for_each_request(store: Store) -> None:
    principal = await _principal(store, USD)
    sent = a_generation("r1", principal.workspace)
    await store.admit(an_admission("r1", principal, 50))
    await store.settle(sent)
    assert await store.generation(principal.workspace, "r1") == sent
    report = await store.verify_ledger()
    assert (report.generations, report.ledger_rows, report.differences) == (1, 2, ())


async def a_second_settlement_moves_nothing(store: Store) -> None:
    principal = await _principal(store, USD)
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
    principal = await _principal(store, USD)
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
    principal = await _principal(store, 10)
    await store.admit(an_admission("r1", principal, 1))
    await store.settle(a_generation("r1", principal.workspace, 70))
    assert (await store.workspace("lab")).balance == -60
    assert await _code(store, "r2", principal, 1) == "insufficient_credits"
    await store.topup("lab", 61)
    assert await _code(store, "r2", principal, 1) is None


async def concurrent_admissions_never_exceed_the_balance(store: Store) -> None:
    principal = await _principal(store, 100)
    admitted: list[int] = []

    async def try_one(number: int) -> None:
        if await store.admit(an_admission(f"r{number}", principal, 100)) is None:
            admitted.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(try_one, number)
    assert len(admitted) == 1


async def one_response_may_overshoot(store: Store) -> None:
    principal = await _principal(store, 100)
    assert await _code(store, "r1", principal, 99) is None
    assert await _code(store, "r2", principal, 10**15) is None
    assert await _code(store, "r3", principal, 1) == "insufficient_credits"


async def a_free_request_needs_no_credits(store: Store) -> None:
    principal = await _principal(store, 0)
    assert await _code(store, "r1", principal, 0) is None
    assert await _code(store, "r2", principal, 1) == "insufficient_credits"
    await store.settle(a_generation("r1", principal.workspace, 0))
    assert (await store.verify_ledger()).differences == ()


async def an_admission_repeated_holds_once(store: Store) -> None:
    principal = await _principal(store, 100)
    assert await _code(store, "r1", principal, 60) is None
    assert await _code(store, "r1", principal, 60) is None
    await store.release("r1")
    assert await _code(store, "r2", principal, 99) is None
    assert await _code(store, "r3", principal, 1) is None


async def a_hold_is_given_back_exactly_once(store: Store) -> None:
    principal = await _principal(store, 100)
    await store.admit(an_admission("r1", principal, 100))
    await store.admit(an_admission("r2", principal, 0))
    await store.release("r1")
    await store.release("r1")
    await store.release("unknown")
    assert await _code(store, "r3", principal, 100) is None
    assert await _code(store, "r4", principal, 1) == "insufficient_credits"


async def settling_gives_the_hold_back(store: Store) -> None:
    principal = await _principal(store, 100)
    await store.admit(an_admission("r1", principal, 100))
    await store.settle(a_generation("r1", principal.workspace, 70))
    await store.release("r1")
    assert await _code(store, "r2", principal, 30) is None
    assert await _code(store, "r3", principal, 1) == "insufficient_credits"


async def a_settlement_after_release_still_counts(store: Store) -> None:
    principal = await _principal(store, 100)
    await store.admit(an_admission("r1", principal, 50))
    await store.release("r1")
    await store.settle(a_generation("r1", principal.workspace, 70))
    assert (await store.workspace("lab")).balance == 30
    assert await _code(store, "r2", principal, 30) is None
    assert await _code(store, "r3", principal, 1) == "insufficient_credits"


async def a_settlement_whose_caller_gave_up_still_happens(store: Store) -> None:
    principal = await _principal(store, 100)
    await store.admit(an_admission("r1", principal, 100))
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.settle(a_generation("r1", principal.workspace, 70))
    assert scope.cancelled_caught
    await store.settle(a_generation("r2", principal.workspace, 0))
    assert (await store.workspace("lab")).balance == 30
    assert await _code(store, "r3", principal, 1) is None
    assert (await store.verify_ledger()).generations == 2


async def a_record_that_cannot_be_stored_is_refused_alone(store: Store) -> None:
    principal = await _principal(store, USD)
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
    principal = await _principal(store, USD)
    await store.create_workspace("other")
    await store.settle(a_generation("r1", principal.workspace))
    assert await store.generation((await store.workspace("other")).id, "r1") is None
    assert await store.generation(principal.workspace, "r2") is None
    assert await store.generation(principal.workspace, "' OR 1=1 --") is None


async def a_locked_workspace_admits_nothing_but_settles(store: Store) -> None:
    principal = await _principal(store, USD)
    await store.admit(an_admission("r1", principal, 50))
    assert (await store.lock("lab")).locked
    assert await _code(store, "r2", principal, 0) == "workspace_locked"
    await store.settle(a_generation("r1", principal.workspace, 35))
    assert not (await store.unlock("lab")).locked
    assert await _code(store, "r2", principal, USD) is None
    assert (await store.workspace("lab")).balance == USD - 35


async def keys_open_until_revoked_or_expired(store: Store) -> None:
    terms = KeyTerms(name="ü 'k'; --", models=("a/b",), rate_per_minute=5, burst=6, expires_at=NOW + 1, limit_total=7)
    principal = await _principal(store, 0, terms)
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
    principal = await _principal(store, USD)
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


async def a_rate_lets_a_burst_in_and_counts_only_what_is_let_in(store: Store) -> None:
    principal = await _principal(store, 100)
    rate = Rate(1, 3)
    admitted = [await store.admit(an_admission(f"r{n}", principal, 0, rate)) for n in range(2)]
    assert admitted == [None, None]
    poor = await store.admit(an_admission("r2", principal, 0, Rate(1, 2)))
    assert poor is not None
    assert poor.code == "rate_limit_exceeded"
    assert poor.retry_after is not None
    assert 50 < poor.retry_after <= 60
    assert await store.take_rate(principal, rate) is None
    refusal = await store.take_rate(principal, rate)
    assert refusal is not None
    assert refusal.code == "rate_limit_exceeded"
    again = await store.admit(an_admission("r0", principal, 0, rate))
    assert again is None, "a repeat is not counted"
    other = msgspec.structs.replace(principal, key_id="key_other")
    assert await store.admit(an_admission("r3", other, 0, rate)) is None


async def a_key_spends_up_to_its_limits(store: Store) -> None:
    day = 86_400.0
    january = 20_484  # the 31st, in 2026
    for limits, later, same in (
        (KeyTerms(limit_daily=100), january + 1, january),
        (KeyTerms(limit_monthly=100), january + 1, january - 30),
        (KeyTerms(limit_total=100), None, january - 400),
    ):
        workspace = f"lab{later}{same}"
        await store.create_workspace(workspace, USD)
        created = await store.create_key(workspace, limits)
        principal = await store.authenticate(hashlib.sha256(created.secret.reveal().encode()).digest())
        assert isinstance(principal, Principal)
        begun = {"key_id": principal.key_id, "created_at": day * same}

        def asked(id_: str, hold: int, at: float, of: Principal = principal) -> Admission:
            admission = an_admission(f"{of.key_id}-{id_}", of, hold)
            return msgspec.structs.replace(
                admission, interrupted=msgspec.structs.replace(admission.interrupted, created_at=at * day)
            )

        assert await store.admit(asked("r1", 60, same)) is None
        settled = msgspec.structs.replace(a_generation(f"{principal.key_id}-r1", principal.workspace, 70), **begun)
        await store.settle(settled)
        assert await store.admit(asked("r2", 25, january)) is None, "what is held and spent is below the limit"
        assert await store.admit(asked("r3", 99, january)) is None, "one request may overshoot"
        refusal = await store.admit(asked("r4", 0, january))
        assert refusal is not None
        assert refusal.code == "key_limit_exceeded"
        await store.release(f"{principal.key_id}-r3")
        await store.release(f"{principal.key_id}-r2")
        assert await store.admit(asked("r4", 1, january)) is None
        await store.release(f"{principal.key_id}-r4")
        await store.settle(msgspec.structs.replace(settled, id=f"{principal.key_id}-r4"))
        if later is not None:
            assert await store.admit(asked("r5", 1, later)) is None, "a new day or month begins at nothing"


async def an_interrupted_request_has_a_row_and_no_bill(store: Store) -> None:
    principal = await _principal(store, 100)
    interrupted = an_admission("r1", principal, 50).interrupted
    await store.settle(interrupted)
    assert await store.generation(principal.workspace, "r1") == interrupted
    assert (await store.workspace("lab")).balance == 100
    assert await store.usage("day") == ()
    report = await store.verify_ledger()
    assert (report.generations, report.ledger_rows, report.differences) == (1, 1, ())


async def keys_are_disabled_and_enabled(store: Store) -> None:
    await store.create_workspace("lab", USD)
    created = await store.create_key("lab", KeyTerms())
    sha256 = hashlib.sha256(created.secret.reveal().encode()).digest()
    assert not (await store.disable(created.record.id)).enabled
    refusal = await store.authenticate(sha256)
    assert isinstance(refusal, Failure)
    assert refusal.code == "invalid_api_key"
    assert (await store.enable(created.record.prefix)).enabled
    assert isinstance(await store.authenticate(sha256), Principal)
    await store.revoke(created.record.id)
    with pytest.raises(Refused):
        await store.enable(created.record.id)


async def a_negative_hold_is_a_bug(store: Store) -> None:
    principal = await _principal(store, USD)
    with pytest.raises(ValueError, match="negative"):
        await store.admit(an_admission("r1", principal, -1))


async def odd_text_is_kept(store: Store) -> None:
    principal = await _principal(store, USD)
    odd = msgspec.structs.replace(
        a_generation("r-1_x", principal.workspace), model="x'; DROP TABLE ledger; --", provider="\x00\u202e🙂"
    )
    await store.settle(odd)
    assert await store.generation(principal.workspace, "r-1_x") == odd


LAWS: Final[tuple[Callable[[Store], Awaitable[None]], ...]] = (
    one_row_for_each_request,
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
    a_record_that_cannot_be_stored_is_refused_alone,
    a_generation_is_seen_by_its_workspace_alone,
    a_locked_workspace_admits_nothing_but_settles,
    keys_open_until_revoked_or_expired,
    what_cannot_be_done_is_refused,
    usage_adds_up,
    a_rate_lets_a_burst_in_and_counts_only_what_is_let_in,
    a_key_spends_up_to_its_limits,
    an_interrupted_request_has_a_row_and_no_bill,
    keys_are_disabled_and_enabled,
    a_negative_hold_is_a_bug,
    odd_text_is_kept,
)
