"""Holds, rates and counters in a real Valkey."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from hyperinfer.api.settlement.effects import Balance, DropHold, Hold
from hyperinfer.api.settlement.owner import LEASE_SECONDS
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.bridge import open_bridge
from hyperinfer.api.store.remote.holds import RESTORE_SECONDS, Holds, Spent
from hyperinfer.api.store.remote.operations import Terms, drop, keep, rate, renew, take
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from tests.support.valkey import ValkeyServer

BIG = 8_999_999_999_999_999_999
"""A balance that no floating point number tells from its neighbours."""
TERMS = Terms("key_1", 0.001, 100_000, "20261125", "202611")


@asynccontextmanager
async def _holds(server: ValkeyServer) -> AsyncGenerator[Holds]:
    server.run("FLUSHALL")
    holds = Holds(Secret(server.url))
    async with open_bridge() as bridge:
        bridge.start_soon(holds.actor.run)
        yield holds


def _hold(request: str, amount: int = 10) -> Hold:
    return Hold(request, "ws", amount, b"\0about \xff it")


async def _loaded(holds: Holds, balance: int = 100) -> Holds:
    await holds.load("e1", Balance("ws", balance, 1), locked=False)
    return holds


async def test_money_is_held_until_there_is_none(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        assert await holds.ask(take("e1", _hold("r1"), TERMS)) == [b"epoch"]
        await _loaded(holds, 15)
        assert await holds.ask(take("e2", _hold("r1"), TERMS)) == [b"epoch"]
        assert await holds.ask(take("e1", _hold("r1"), TERMS)) == [b"ok"]
        assert await holds.ask(take("e1", _hold("r1"), TERMS)) == [b"ok"]
        assert await holds.ask(take("e1", _hold("r2"), TERMS)) == [b"ok"]
        assert await holds.ask(take("e1", _hold("r3"), TERMS)) == [b"credits"]
        assert await holds.ask(take("e1", _hold("r4", 0), TERMS)) == [b"ok"]
        await holds.ask(drop(DropHold(_hold("r1"), 1, Balance("ws", 14, 2)), "key_1", "20261125", "202611"))
        assert await holds.ask(take("e1", _hold("r3"), TERMS)) == [b"ok"]


async def test_fifty_at_once_on_money_for_one(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds, 10)
        answers: list[list[bytes]] = []

        async def one(number: int) -> None:
            answers.append(await holds.ask(take("e1", _hold(f"r{number}"), TERMS)))

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(one, number)
        assert sorted(answers) == [[b"credits"]] * 49 + [[b"ok"]]


async def test_large_amounts_are_exact(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds, BIG)
        assert await holds.ask(take("e1", _hold("r1", BIG - 1), TERMS)) == [b"ok"]
        assert await holds.ask(take("e1", _hold("r2", 1), TERMS)) == [b"ok"]
        assert await holds.ask(take("e1", _hold("r3", 1), TERMS)) == [b"credits"]
        await holds.ask(drop(DropHold(_hold("r1"), BIG - 2, Balance("ws", 2, 2)), "key_1", "20261125", "202611"))
        assert await holds.ask(take("e1", _hold("r3", 1), TERMS)) == [b"ok"]
        assert await holds.ask(take("e1", _hold("r4", 1), TERMS)) == [b"credits"]
        await holds.ask(drop(DropHold(_hold("r2"), 0, Balance("ws", -BIG, 3)), "key_1", "20261125", "202611"))
        assert valkey.run("HGET", "hi:{ws}:account", "available") == str(-BIG - 1).encode()


async def test_an_older_balance_changes_nothing(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        for request, balance in (("r1", Balance("ws", 50, 3)), ("r2", Balance("ws", 70, 2))):
            await holds.ask(drop(DropHold(_hold(request), 0, balance), "key_1", "20261125", "202611"))
        assert valkey.run("HGET", "hi:{ws}:account", "available") == b"50"
        await holds.load("e1", Balance("ws", 70, 2), locked=True)
        assert valkey.run("HMGET", "hi:{ws}:account", "available", "locked") == [b"50", b"1"]


async def test_what_was_dropped_comes_not_back(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        await holds.ask(drop(DropHold(_hold("r1"), 0), "key_1", "20261125", "202611"))
        await holds.ask(keep(_hold("r1"), "key_1"))
        assert await holds.ask(take("e1", _hold("r1"), TERMS)) == [b"gone"]
        assert valkey.run("HGET", "hi:{ws}:account", "available") == b"100"


async def test_a_hold_is_kept_at_its_new_amount_and_through_a_load(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        assert await holds.ask(take("e1", _hold("r1", 40), TERMS)) == [b"ok"]
        await holds.ask(keep(_hold("r1", 25), "key_1"))
        assert valkey.run("HGET", "hi:{ws}:account", "available") == b"75"
        await holds.load("e2", Balance("ws", 200, 1), locked=False)
        assert valkey.run("HGET", "hi:{ws}:account", "available") == b"175"
        assert await holds.ask(take("e1", _hold("r2"), TERMS)) == [b"epoch"]


async def test_a_rate_is_one_for_all(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        slow = TERMS._replace(seconds_per_token=1000.0, burst=2)
        assert await holds.ask(take("e1", _hold("r1", 0), slow)) == [b"ok"]
        assert await holds.ask(take("e1", _hold("r1", 0), slow)) == [b"ok"], "a repeat costs nothing"
        assert await holds.ask(take("e1", _hold("r2", 0), slow)) == [b"ok"]
        refused, wait = await holds.ask(take("e1", _hold("r3", 0), slow))
        assert refused == b"rate"
        assert 990 < float(wait) <= 1000
        assert await holds.ask(take("e1", _hold("r3", 0), slow._replace(key="key_2"))) == [b"ok"]


async def test_a_token_is_used_up_without_a_hold(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        assert await holds.ask(rate("e1", "ws", "key_1", 1000.0, 1)) == [b"epoch"]
        await _loaded(holds)
        assert await holds.ask(rate("e1", "ws", "key_1", 1000.0, 1)) == [b"ok"]
        assert (await holds.ask(rate("e1", "ws", "key_1", 1000.0, 1)))[0] == b"rate"
        assert (await holds.ask(take("e1", _hold("r1"), TERMS._replace(seconds_per_token=1000.0, burst=1))))[0] == b"rate"


async def test_operations_of_several_workspaces_are_answered_in_their_places(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        for name in ("a", "b"):
            await holds.load("e1", Balance(name, 10, 1), locked=False)
        answers: dict[str, list[bytes]] = {}

        async def one(request: str, workspace: str) -> None:
            answers[request] = await holds.ask(take("e1", Hold(request, workspace, 10, b"x"), TERMS))

        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(one, f"r{number}", "ab"[number % 2] if number % 5 else "nobody")
        refused = {request: answer[0] for request, answer in answers.items()}
        assert sorted(refused.values()) == [b"credits"] * 30 + [b"epoch"] * 8 + [b"ok"] * 2


@pytest.mark.parametrize(
    ("which", "limited"),
    [("daily", TERMS._replace(daily=30)), ("monthly", TERMS._replace(monthly=30)), ("total", TERMS._replace(total=30))],
)
async def test_limits_of_a_key(valkey: ValkeyServer, which: str, limited: Terms) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        assert await holds.ask(take("e1", _hold("r1"), limited)) == [b"counters"]
        spent = Spent(9, {"20261125": 9, "20261126": 0}, {"202611": 9})
        await holds.count("ws", "key_1", spent)
        assert await holds.ask(take("e1", _hold("r1", 20), limited)) == [b"ok"]
        assert await holds.ask(take("e1", _hold("r2", 1), limited)) == [b"ok"]
        assert await holds.ask(take("e1", _hold("r3", 0), limited)) == [b"limit", which.encode()]
        await holds.ask(drop(DropHold(_hold("r1"), 21), "key_1", "20261125", "202611"))
        assert await holds.ask(take("e1", _hold("r3", 0), limited)) == [b"limit", which.encode()], "what was held is spent"
        await holds.count("ws", "key_1", spent)
        assert await holds.ask(take("e1", _hold("r3", 0), limited)) == [b"ok"]
        next_day = limited._replace(day="20261126")
        await holds.ask(drop(DropHold(_hold("r2"), 100), "key_1", "20261125", "202611"))
        answer = await holds.ask(take("e1", _hold("r4", 0), next_day))
        assert answer == ([b"ok"] if which == "daily" else [b"limit", which.encode()])


async def test_leases_run_out(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        await holds.ask(take("e1", _hold("r1"), TERMS))
        await holds.ask(take("e1", _hold("r2"), TERMS))
        assert await holds.expired(10) == []
        valkey.run("ZADD", "hi:{ws}:leases", 1, "r1", 2, "r2")
        assert await holds.expired(10) == [(_hold("r1"), "key_1"), (_hold("r2"), "key_1")]
        await holds.ask(renew("ws", "r2"))
        assert await holds.expired(10) == [(_hold("r1"), "key_1")]
        await holds.ask(drop(DropHold(_hold("r1"), 0), "key_1", "20261125", "202611"))
        assert await holds.expired(10) == []
        assert valkey.run("ZRANGE", "hi:{ws}:leases", 0, -1) == [b"r2"]


async def test_an_epoch_is_one_life_of_redis(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        assert await holds.epoch("a") == ("a", False)
        assert await holds.epoch("b") == ("a", False)
        known: bytes = valkey.run("GET", "hi:epoch")
        valkey.run("SET", "hi:epoch", known.rpartition(b" ")[0] + b" 1.0")
        assert await holds.epoch("b") == ("a", True)
        valkey.run("FLUSHALL")
        assert await holds.epoch("c") == ("c", False)
        old: bytes = valkey.run("GET", "hi:epoch")
        valkey.stop()
        valkey.start()
        valkey.run("SET", "hi:epoch", old)
        with trio.fail_after(10):
            while True:
                try:
                    found = await holds.epoch("d")
                except StoreUnavailable:
                    continue
                break
        assert found == ("d", False)


async def test_a_cancelled_ask_leaves_no_reply_for_the_next(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds, 10**9)
        for number in range(50):
            with trio.move_on_after(0.0005):
                await holds.ask(take("e1", _hold(f"r{number}"), TERMS))
            assert await holds.epoch("e1") == ("e1", False)


async def test_a_day_that_is_not_loaded_is_asked_for(valkey: ValkeyServer) -> None:
    """What is known of some days says nothing of another, and what is spent on that does not make it known."""
    async with _holds(valkey) as holds:
        await _loaded(holds)
        limited = TERMS._replace(daily=30)
        await holds.count("ws", "key_1", Spent(9, {"20261125": 9}, {"202611": 9}))
        other = limited._replace(day="20261007", month="202610")
        assert await holds.ask(take("e1", _hold("r1"), other)) == [b"counters"]
        await holds.ask(drop(DropHold(_hold("r1"), 21), "key_1", "20261007", "202610"))
        assert await holds.ask(take("e1", _hold("r2"), other)) == [b"counters"]
        counters = valkey.run("HGETALL", "hi:{ws}:counters:key_1")
        assert time.time() - 60 < float(counters.pop(b"loaded")) <= time.time()
        assert counters == {b"held": b"0", b"d:20261125": b"9", b"m:202611": b"9", b"t": b"30"}


HOUR = 3600


async def test_a_redis_whose_clock_goes_back_limits_as_ever(valkey: ValkeyServer) -> None:
    """As if it had gone back by an hour: what is kept of times is an hour ahead."""
    async with _holds(valkey) as holds:
        await _loaded(holds)
        for number in range(3):
            assert await holds.ask(rate("e1", "ws", "key_1", 0.2, 3)) == [b"ok"], number
        seconds, micros = valkey.run("TIME")
        ahead = int(seconds) + HOUR + int(micros) / 1e6
        valkey.run("SET", "hi:{ws}:bucket:key_1", f"{ahead:.6f}", "EX", HOUR)
        word, wait = await holds.ask(rate("e1", "ws", "key_1", 0.2, 3))
        assert word == b"rate"
        assert float(wait) == pytest.approx(0.2), "an empty bucket, not an hour"
        valkey.run("SET", "hi:{ws}:bucket:key_1", float(valkey.run("GET", "hi:{ws}:bucket:key_1")) - 0.21)  # time goes by
        assert await holds.ask(rate("e1", "ws", "key_1", 0.2, 3)) == [b"ok"]

        assert await holds.ask(take("e1", _hold("r1"), TERMS)) == [b"ok"]
        valkey.run("ZADD", "hi:{ws}:leases", ahead + LEASE_SECONDS, "r1")
        assert await holds.expired(10) == []
        left = float(valkey.run("ZSCORE", "hi:{ws}:leases", "r1")) - ahead + HOUR
        assert left <= LEASE_SECONDS + 5, "it runs out as any other"

        epoch = await holds.epoch("e1")
        name, run, _ = valkey.run("GET", "hi:epoch").split(b" ")
        valkey.run("SET", "hi:epoch", b"%s %s %.6f" % (name, run, ahead))
        assert await holds.epoch("e2") == epoch._replace(trusted=False)
        again = float(valkey.run("GET", "hi:epoch").split(b" ")[2])
        assert again - ahead + HOUR <= RESTORE_SECONDS + 5, "trusted soon, not in an hour"


async def test_a_connection_that_redis_has_closed_is_made_anew(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        valkey.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert await holds.ask(take("e1", _hold("r1"), TERMS)) == [b"ok"]


async def test_a_redis_that_has_become_a_replica_is_left(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        ours = set(_clients(valkey))
        assert ours
        valkey.run("REPLICAOF", "127.0.0.1", 1)
        try:
            with pytest.raises(StoreUnavailable):
                await holds.ask(take("e1", _hold("r1"), TERMS))
        finally:
            valkey.run("REPLICAOF", "NO", "ONE")
        assert await holds.ask(take("e1", _hold("r1"), TERMS)) == [b"ok"]
        assert set(_clients(valkey)).isdisjoint(ours), "the address may lead to another one by now"


def _clients(valkey: ValkeyServer) -> list[bytes]:
    """The ids of connections, but for the one that asks."""
    listed: bytes = valkey.run("CLIENT", "LIST", "TYPE", "normal")
    return [line.split()[0] for line in listed.splitlines() if b"cmd=client" not in line]


async def test_scripts_that_redis_has_forgotten_are_sent_again(valkey: ValkeyServer) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        assert await holds.ask(take("e1", _hold("r1"), TERMS)) == [b"ok"]
        valkey.run("SCRIPT", "FLUSH")
        assert await holds.ask(take("e1", _hold("r2"), TERMS)) == [b"ok"]


@pytest.mark.parametrize("about", [b"", b"x" * 70_000, bytes(range(256))])
async def test_what_a_hold_is_about_comes_back_as_it_was(valkey: ValkeyServer, about: bytes) -> None:
    async with _holds(valkey) as holds:
        await _loaded(holds)
        await holds.ask(take("e1", Hold("r1", "ws", 10, about), TERMS))
        found = await holds.held("ws", "r1")
        assert found is not None
        assert found.about == about
