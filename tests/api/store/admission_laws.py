"""The laws of admission and of keys, as functions over any store; part of `ledger_laws`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import pytest

from hyperinfer.api.store.admin import Admin, CreatedKey
from hyperinfer.api.store.claims import CLAIM_SECONDS, Claim, Claims
from hyperinfer.api.store.errors import Refused
from hyperinfer.api.store.records import KeyTerms
from hyperinfer.api.store.request_pages import RequestLog
from hyperinfer.engine.failure import Failure
from hyperinfer.nodes.ports import Accounts, Admission, Ledger, Principal, Rate
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hyperinfer.providers.secret import Secret


class Store(Accounts, Ledger, Claims, RequestLog, Admin, Protocol):
    """What is under test: all of them at once, its clock standing at NOW. And what only a first start does."""

    async def create_key_with(self, workspace: str, terms: KeyTerms, secret: Secret) -> CreatedKey: ...

    async def has_key(self, sha256: bytes) -> bool: ...


async def a_principal(store: Store, credits: int, terms: KeyTerms | None = None) -> Principal:
    await store.create_workspace("lab", credits)
    created = await store.create_key("lab", KeyTerms() if terms is None else terms)
    principal = await store.authenticate(hashlib.sha256(created.secret.reveal().encode()).digest())
    assert isinstance(principal, Principal)
    return principal


async def a_rate_lets_a_burst_in_and_counts_only_what_is_let_in(store: Store) -> None:
    principal = await a_principal(store, 100)
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
    principal = await a_principal(store, 100)
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


async def an_idempotency_key_stands_for_one_request(store: Store) -> None:
    principal = await a_principal(store, USD)
    await store.create_workspace("other", USD)
    other = (await store.workspace("other")).id

    def claim(request: str, body: bytes = b"b", workspace: str = principal.workspace, at: float = NOW) -> Claim:
        return Claim(workspace, b"k" * 32, body * 32, request, at)

    assert await store.claim(claim("r1")) == claim("r1")
    assert await store.claim(claim("r2", b"c")) == claim("r1")
    assert await store.claim(claim("r3", workspace=other)) == claim("r3", workspace=other)
    assert await store.replace_claim("r9", claim("r2")) == claim("r1"), "somebody was faster"
    assert await store.replace_claim("r1", claim("r2")) == claim("r2")
    late = claim("r4", at=NOW + CLAIM_SECONDS)
    assert await store.claim(late) == late
    assert await store.replace_claim("r4", claim("r4", at=0.0)) == claim("r4", at=0.0)
    assert await store.claim(claim("r6")) == claim("r6"), "one of long ago counts as none"
    assert not await store.under_way(principal.workspace, "r5")
    await store.admit(an_admission("r5", principal, 1))
    assert await store.under_way(principal.workspace, "r5")
    await store.settle(a_generation("r5", principal.workspace, 7))


ADMISSION_LAWS: Final[tuple[Callable[[Store], Awaitable[None]], ...]] = (
    a_rate_lets_a_burst_in_and_counts_only_what_is_let_in,
    a_key_spends_up_to_its_limits,
    an_interrupted_request_has_a_row_and_no_bill,
    keys_are_disabled_and_enabled,
    an_idempotency_key_stands_for_one_request,
)
