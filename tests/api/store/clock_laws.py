"""The laws of a store whose wall clock is set: back, forward, over midnight and the end of a month, while requests run.

Each is given a fresh store and the clock that it reads; time itself, which leases and rates go by, passes on undisturbed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from hyperinfer.api.idempotency import SETTLING_SECONDS, Idempotency
from hyperinfer.api.store.claims import CLAIM_SECONDS, Claim
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.api.store.standing import Standings
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Principal, Rate
from tests.api.store.admission_laws import Store, a_principal
from tests.api.store.samples import USD, a_generation, an_admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DAY: Final = 86_400.0
MIDNIGHT: Final = 20_485 * DAY
"""The first of February 2026."""
STEPS: Final = (-60.0, -3 * 3600.0, -2 * DAY, -40 * DAY, 35 * DAY, -400 * DAY)


class WallClock:
    """Unix seconds, set by hand."""

    def __init__(self, now: float = MIDNIGHT - 1) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class TimedStore(Store, Standings, Protocol):
    """What is under test."""


async def _admit(store: Store, clock: WallClock, id_: str, principal: Principal, hold: int = 1) -> str | None:
    admission = an_admission(id_, principal, hold)
    row = msgspec.structs.replace(admission.interrupted, created_at=clock.now)
    failure = await store.admit(msgspec.structs.replace(admission, interrupted=row))
    return None if failure is None else failure.code


async def _serve(store: Store, clock: WallClock, id_: str, principal: Principal, cost: int) -> str | None:
    """A request that comes and ends now."""
    refused = await _admit(store, clock, id_, principal)
    if refused is None:
        await _settle(store, id_, principal, cost, clock.now)
    return refused


async def _settle(store: Store, id_: str, principal: Principal, cost: int, came: float) -> None:
    row = msgspec.structs.replace(a_generation(id_, principal.workspace, cost, created_at=came), key_id=principal.key_id)
    await store.settle(row)


async def _sums(store: TimedStore, principal: Principal, at: float) -> tuple[int, int, int, int]:
    standing = await store.standing(principal, at)
    assert standing is not None
    sums = standing.sums
    return sums.on_day, sums.in_month, sums.in_all, sums.held


async def a_request_counts_to_the_day_on_which_it_came(store: TimedStore, clock: WallClock) -> None:
    principal = await a_principal(store, USD, KeyTerms(limit_daily=100, limit_monthly=100))
    came = clock.now
    assert await _admit(store, clock, "r1", principal, 60) is None
    clock.now += 10  # another day, another month
    assert await _admit(store, clock, "r2", principal, 45) is None
    assert await _admit(store, clock, "r3", principal) == "key_limit_exceeded", "what is held counts on every day"
    await _settle(store, "r1", principal, 105, came)
    assert await _sums(store, principal, came) == (105, 105, 105, 45)
    assert await _sums(store, principal, clock.now) == (0, 0, 105, 45)
    assert await _admit(store, clock, "r3", principal, 1) is None, "nothing is spent on the new day"
    clock.now -= 86_400
    assert await _admit(store, clock, "r4", principal, 1) == "key_limit_exceeded", "and all is on the one before"
    days = await store.usage("day")
    assert [(day.group, day.cost, day.requests) for day in days] == [("2026-01-31", 105, 1)]
    assert (await store.verify_ledger()).differences == ()


async def limits_begin_anew_at_midnight(store: TimedStore, clock: WallClock) -> None:
    for limits in (KeyTerms(limit_daily=70), KeyTerms(limit_monthly=70)):
        name = f"lab{limits.limit_daily}"
        await store.create_workspace(name, USD)
        created = await store.create_key(name, limits)
        principal = await store.authenticate(hashlib.sha256(created.secret.reveal().encode()).digest())
        assert isinstance(principal, Principal)
        clock.now = MIDNIGHT - 3600
        assert await _serve(store, clock, f"{name}-1", principal, 70) is None
        clock.now = MIDNIGHT - 0.001
        assert await _serve(store, clock, f"{name}-2", principal, 70) == "key_limit_exceeded"
        clock.now = MIDNIGHT
        assert await _serve(store, clock, f"{name}-3", principal, 70) is None
        assert await _serve(store, clock, f"{name}-4", principal, 70) == "key_limit_exceeded"


async def a_clock_that_is_set_frees_no_limit(store: TimedStore, clock: WallClock) -> None:
    """Each day has its own sum, however often it comes again; all have one."""
    principal = await a_principal(store, USD, KeyTerms(limit_daily=70, limit_total=7000))
    served = 0
    for number in range(70):  # as many days as are kept in mind, and more
        clock.now += DAY
        assert await _serve(store, clock, f"d{number}", principal, 70) is None
        served += 1
    for number, step in enumerate(STEPS):
        present = clock.now
        clock.now += step
        known = present - 69 * DAY <= clock.now <= present
        first = await _serve(store, clock, f"s{number}", principal, 70)
        assert known or first is None, "a day that was never seen before"
        served += first is None
        assert await _serve(store, clock, f"t{number}", principal, 70) == "key_limit_exceeded"
        clock.now = present
        assert await _serve(store, clock, f"u{number}", principal, 70) == "key_limit_exceeded"
    rows = await store.usage("day")
    assert {row.cost for row in rows} == {70}, "no day above its limit"
    assert (await _sums(store, principal, clock.now))[2:] == (70 * served, 0)
    assert (await store.workspace("lab")).balance == USD - 70 * served
    assert (await store.verify_ledger()).differences == ()


async def a_hold_is_of_no_clock(store: TimedStore, clock: WallClock) -> None:
    principal = await a_principal(store, 100)
    came = clock.now
    assert await _admit(store, clock, "r1", principal, 100) is None
    for step in STEPS:
        clock.now = came + step
        assert await _admit(store, clock, "r2", principal) == "insufficient_credits"
        assert await store.under_way(principal.workspace, "r1")
    await _settle(store, "r1", principal, 70, came)
    assert await _admit(store, clock, "r2", principal, 30) is None
    assert (await store.workspace("lab")).balance == 30


async def a_rate_is_of_no_clock(store: TimedStore, clock: WallClock) -> None:
    principal = await a_principal(store, USD)
    rate = Rate(1, 3)
    for step in (0.0, -DAY, 5 * DAY):
        clock.now += step
        assert await store.take_rate(principal, rate) is None
    for step in (-DAY, 3 * DAY, -0.5, -90 * DAY):
        clock.now += step
        refusal = await store.take_rate(principal, rate)
        assert refusal is not None
        assert refusal.retry_after is not None
        assert 0 < refusal.retry_after <= 60


async def a_key_expires_by_the_clock_and_comes_back_with_it(store: TimedStore, clock: WallClock) -> None:
    await store.create_workspace("lab", USD)
    created = await store.create_key("lab", KeyTerms(expires_at=clock.now + 60))
    revoked = await store.create_key("lab", KeyTerms())
    sha256, other = (hashlib.sha256(each.secret.reveal().encode()).digest() for each in (created, revoked))
    await store.revoke(revoked.record.id)
    for step, lets_in in ((0.0, True), (59.0, True), (61.0, False), (-DAY, True), (DAY, False)):
        came = clock.now
        clock.now += step
        assert isinstance(await store.authenticate(sha256), Principal) is lets_in
        assert isinstance(await store.authenticate(other), Failure), "what is revoked is so at all times"
        clock.now = came


async def an_idempotency_key_stands_for_its_request_when_the_clock_goes_back(store: TimedStore, clock: WallClock) -> None:
    principal = await a_principal(store, USD)
    workspace = principal.workspace

    def claim(request: str, at: float) -> Claim:
        return Claim(workspace, b"k" * 32, b"b" * 32, request, at)

    first = claim("r1", clock.now)
    assert await store.claim(first) == first
    for number, step in enumerate((-60.0, -DAY, -40 * DAY, CLAIM_SECONDS - 1)):
        assert await store.claim(claim(f"again{number}", clock.now + step)) == first
    keys = Idempotency(store, store, clock)

    async def begin(header: str, request: str) -> int | None:
        refused = await keys.begin(workspace, header, "chat_completions", b"{}", request)
        keys.end(request)
        return None if refused is None else refused.status

    assert await begin("billed", "r2") is None
    await _settle(store, "r2", principal, 7, clock.now)
    assert await begin("refused", "r3") is None  # and is refused, say for its rate: it has no row
    clock.now -= SETTLING_SECONDS + 1
    assert await begin("billed", "r4") == 409, "never a second bill"
    assert await begin("refused", "r5") is None, "nothing runs under it, though it seems to come from the future"


CLOCK_LAWS: Final[tuple[Callable[[TimedStore, WallClock], Awaitable[None]], ...]] = (
    a_request_counts_to_the_day_on_which_it_came,
    limits_begin_anew_at_midnight,
    a_clock_that_is_set_frees_no_limit,
    a_hold_is_of_no_clock,
    a_rate_is_of_no_clock,
    a_key_expires_by_the_clock_and_comes_back_with_it,
    an_idempotency_key_stands_for_its_request_when_the_clock_goes_back,
)
