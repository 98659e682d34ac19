"""Operations of a workspace that go to a real Valkey together."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, cast

from hyperinfer.api.settlement.effects import Balance, DropHold, Hold
from hyperinfer.api.store.remote.bridge import open_bridge
from hyperinfer.api.store.remote.holds import Holds, Spent
from hyperinfer.api.store.remote.operations import Operation, Terms, drop, keep, rate, renew, take
from hyperinfer.api.store.remote.scripts import bucket_key, counters_key, workspace_keys
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from tests.support.valkey import ValkeyServer


async def test_a_group_comes_to_what_its_operations_come_to_one_by_one(valkey: ValkeyServer) -> None:
    """What operations look at is read once for a whole group, and written once."""
    random = Random(11)
    plain = Terms("key_1", 0.001, 100_000, "20261125", "202611")
    limited = Terms("key_2", 0.001, 100_000, "20261125", "202611", daily=160)
    few = Terms("key_3", 1000.0, 3, "20261125", "202611")

    def operation(of: str, version: int) -> Operation:
        terms, amount = random.choice((plain, limited, few)), random.choice((0, 10, 10, 40))
        hold = Hold(f"r{random.randrange(12)}", of, amount, b"about \0\xff")
        balance = random.choice((None, Balance(of, random.randrange(-20, 90), random.randrange(version + 2))))
        match random.randrange(8):
            case 0 | 1 | 2 | 3:
                return take(random.choice(("e1", "e1", "e1", "e2")), hold, terms)
            case 4:
                return keep(hold, terms.key)
            case 5:
                return rate("e1", of, terms.key, terms.seconds_per_token, terms.burst)
            case 6:
                return renew(of, hold.request)
            case _:
                return drop(DropHold(hold, random.choice((0, 7)), balance), terms.key, terms.day, terms.month)

    def state(of: str) -> object:
        account, holds, leases, gone, balance = workspace_keys(of)
        counters = [valkey.run("HGETALL", counters_key(of, terms.key)) for terms in (plain, limited, few)]
        for each in counters:
            each.pop(b"loaded", None)
        requests = [{request for request, _ in valkey.run("ZRANGE", key, 0, -1, "WITHSCORES")} for key in (leases, gone)]
        full = [round(float(valkey.run("GET", bucket_key(of, terms.key)) or 0) / 10) for terms in (few,)]
        return (
            valkey.run("HGETALL", account),
            valkey.run("HGETALL", holds),
            requests,
            valkey.run("GET", balance),
            counters,
            full,
        )

    valkey.run("FLUSHALL")
    holds = Holds(Secret(valkey.url))
    async with open_bridge() as bridge:
        bridge.start_soon(holds.actor.run)
        for number in range(40):
            together, alone = f"t{number}", f"a{number}"
            for of in (together, alone):
                await holds.load("e1", Balance(of, 60, 1), locked=number % 13 == 12)
                await holds.count(of, "key_2", Spent(5, {"20261125": 5}, {"202611": 5}))
            for version in range(4):
                group = [operation(together, version) for _ in range(random.randint(1, 9))]
                one_by_one = [await holds.ask(each._replace(workspace=alone)) for each in group]
                answers: list[object] = []
                for each in group:
                    holds.actor.post(each, answers.append)
                await holds.held(together, "nobody")
                assert _without_seconds(answers) == _without_seconds(one_by_one)
                assert state(together) == state(alone)


def _without_seconds(answers: Iterable[object]) -> list[list[bytes]]:
    parts = cast("Iterable[list[bytes]]", answers)
    return [each[:1] if each[0] == b"rate" else each for each in parts]
