"""Idempotency keys over two gateways, on real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import trio

from hyperinfer.api.idempotency import SETTLING_SECONDS, Idempotency
from hyperinfer.api.store.claims import CLAIM_SECONDS
from tests.api.store.admission_laws import a_principal
from tests.api.store.remote.opened import a_place, opened
from tests.api.store.samples import NOW, USD, a_generation, an_admission

if TYPE_CHECKING:
    from pathlib import Path

    from hyperinfer.api.idempotency import Refused
    from tests.support.postgres import PostgresServer
    from tests.support.valkey import ValkeyServer


async def test_a_key_stands_for_one_request_of_all_gateways(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    place, now = a_place(postgres, valkey, tmp_path), NOW
    async with opened(place) as one, opened(place) as other:
        principal = await a_principal(one, USD)
        gateways = [Idempotency(store, store, lambda: now) for store in (one, other)]

        async def begin(number: int, request: str, body: bytes = b"{}", key: str = "k") -> Refused | None:
            return await gateways[number].begin(principal.workspace, key, "chat_completions", body, request)

        async def told(number: int, request: str) -> str:
            refused = await begin(number, request)
            if refused is None:
                return "go on"
            assert refused.status == 409
            assert refused.failure.details["first_request_id"] == first
            return refused.failure.message

        begun: list[str] = []

        async def race(number: int, request: str) -> None:
            if await begin(number, request) is None:
                begun.append(request)

        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(race, number % 2, f"r{number}")
        (first,) = begun
        served_by = int(first[1:]) % 2
        store, elsewhere = (one, other)[served_by], 1 - served_by

        assert "may be running" in await told(elsewhere, "early")
        admission = an_admission(first, principal, 100)
        assert await store.admit(admission) is None
        now += SETTLING_SECONDS + 1
        for number in range(2):
            assert "still running" in await told(number, f"meanwhile{number}")
            differs = await begin(number, "differs", b"other")
            assert differs is not None
            assert (differs.status, differs.final) == (400, True)
        assert await begin(elsewhere, "another", key="k2") is None, "another key is another request"

        # Its client left before it got anything: whoever repeats it goes on.
        await store.settle(msgspec.structs.replace(admission.interrupted, status="cancelled"))
        gateways[served_by].end(first)
        assert await told(elsewhere, "second") == "go on"
        first = "second"
        assert await (one, other)[elsewhere].admit(an_admission(first, principal, 100)) is None
        await (one, other)[elsewhere].settle(a_generation(first, principal.workspace, 70))
        gateways[elsewhere].end(first)
        now += CLAIM_SECONDS - SETTLING_SECONDS - 10
        for number in range(2):
            assert "was made before" in await told(number, f"late{number}")
        now = NOW + SETTLING_SECONDS + 1 + CLAIM_SECONDS
        assert await told(served_by, "the next day") == "go on"


async def test_a_record_that_turns_up_after_its_request_was_repeated_is_no_second_bill(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    place, now = a_place(postgres, valkey, tmp_path), NOW
    async with opened(place) as down, opened(place) as store:
        principal = await a_principal(store, USD)
        idempotency = Idempotency(store, store, lambda: now)

        async def begin(key: str, request: str) -> Refused | None:
            return await idempotency.begin(principal.workspace, key, "chat_completions", b"{}", request)

        async def cut_off(key: str, request: str) -> None:
            assert await begin(key, request) is None
            idempotency.end(request)
            await store.settle(an_admission(request, principal, 0).interrupted)

        await cut_off("repeated after", "r1")
        assert await begin("repeated after", "r2") is None
        await store.settle(a_generation("r2", principal.workspace, 70))
        await down.settle(a_generation("r1", principal.workspace, 7))

        await cut_off("repeated before", "r3")
        await down.settle(a_generation("r3", principal.workspace, 7))
        refused = await begin("repeated before", "r4")
        assert refused is not None
        assert (refused.status, refused.failure.details) == (409, {"first_request_id": "r3"})

        bills = {id_: await store.generation(principal.workspace, id_) for id_ in ("r1", "r2", "r3")}
        assert {id_: row and (row.status, row.cost) for id_, row in bills.items()} == {
            "r1": ("failed", 0),
            "r2": ("completed", 70),
            "r3": ("completed", 7),
        }
        assert (await store.workspace(principal.workspace)).balance == USD - 77
        assert (await store.verify_ledger()).differences == ()
