"""What a caller is told of its key and workspace, and the models' weekly tokens: the same from any store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from hyperinfer.api.store.standing import KeySums, Standings
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from hyperinfer.engine.failure import Failure
    from hyperinfer.nodes.ports import Admission, Generation, Principal

DAY = 86_400


class Store(Standings, Protocol):
    """What is under test, and what makes it change."""

    async def admit(self, admission: Admission) -> Failure | None: ...

    async def settle(self, generation: Generation) -> None: ...


async def all_that_was_spent_and_is_held_is_told(store: Store, principal: Principal) -> None:
    """`principal`: of a workspace that has USD, and nothing spent. NOW is a Wednesday, the 25th of November 2026."""
    before = await store.standing(principal, NOW)
    assert before is not None
    assert (before.key.id, before.workspace.id, before.workspace.balance) == (principal.key_id, principal.workspace, USD)
    assert (before.sums, before.spent, before.held) == (KeySums(), 0, 0)
    assert await store.weekly_tokens(NOW) == {}

    other = msgspec.structs.replace(principal, key_id="playground:somebody:1", source="playground")
    assert await store.standing(other, NOW) is None, "its key is not stored"
    days_ago = {0: 7, 2: 70, 3: 700, 6: 7_000, 7: 70_000, 24: 700_000, 25: 7_000_000}
    for days, cost in days_ago.items():
        await _used(store, principal, f"r{days}", cost, NOW - days * DAY, model=f"a/{min(days, 3)}")
    await _used(store, other, "p1", 14, NOW, model="a/0")
    assert await store.admit(an_admission("running", principal, 500)) is None
    assert await store.admit(an_admission("running too", other, 6_000)) is None

    now = await store.standing(principal, NOW)
    assert now is not None
    assert now.sums == KeySums(on_day=7, in_week=77, in_month=777_777, in_all=7_777_777, held=500)
    assert (now.spent, now.held, now.workspace.balance) == (7_777_791, 6_500, USD - 7_777_791)
    assert await store.weekly_tokens(NOW) == {"a/0": 66, "a/2": 33, "a/3": 66}
    assert await store.weekly_tokens(NOW + 6 * DAY) == {"a/0": 66}
    assert await store.weekly_tokens(NOW + 7 * DAY) == {}
    tomorrow = await store.standing(principal, NOW + DAY)
    assert tomorrow is not None
    assert (tomorrow.sums.on_day, tomorrow.sums.in_week) == (0, 77)
    december = await store.standing(principal, NOW + 6 * DAY)
    assert december is not None
    assert (december.sums.in_week, december.sums.in_month, december.sums.in_all) == (0, 0, 7_777_777)


async def _used(store: Store, principal: Principal, id_: str, cost: int, at: float, *, model: str) -> None:
    asked = an_admission(id_, principal, cost)
    interrupted = msgspec.structs.replace(asked.interrupted, created_at=at)
    assert await store.admit(msgspec.structs.replace(asked, interrupted=interrupted)) is None
    row = a_generation(id_, principal.workspace, cost, at, model)
    row = msgspec.structs.replace(row, key_id=principal.key_id, source=principal.source)
    await store.settle(row)
    await store.settle(row)
