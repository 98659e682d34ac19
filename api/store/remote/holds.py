"""Redis: holds, rates and counters, asked in groups by one actor. Everything in it can be lost, and is made anew from the
database and from the owners of live holds: an epoch tells the one before from the one after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from hyperinfer.api.settlement.effects import Balance, DropHold, Hold
from hyperinfer.api.settlement.owner import LEASE_SECONDS
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.bridge import Actor
from hyperinfer.api.store.remote.driver import Redis, is_unknown_script, open_redis
from hyperinfer.api.store.remote.scripts import Command, bucket_key, counters_key, pairs, script, workspace_keys

if TYPE_CHECKING:
    from hyperinfer.providers.secret import Secret

ANSWER_SECONDS: Final = 2.0
COUNTERS_SECONDS: Final = 60
"""So long the sums of a key are trusted before they are read from the database again. A request that ends in the moment
in which they are read may be counted twice for as long: the limit is then reached too soon, never too late."""
RESTORE_SECONDS: Final = 3.0
"""After Redis began anew, so long nothing is admitted: every living owner puts its holds back within a second or two."""

_REGISTER: Final = "hi:workspaces"
_EPOCH: Final = "hi:epoch"


class Terms(NamedTuple):
    """What a key is admitted by. Limits: pico-USD, None for none. day, month: of the request, as in `20261125`, `202611`."""

    key: str
    seconds_per_token: float
    burst: int
    day: str
    month: str
    daily: int | None = None
    monthly: int | None = None
    total: int | None = None


class Spent(NamedTuple):
    """What a key has spent, in pico-USD: on a day, in its month, in all."""

    day: str
    on_day: int
    month: str
    in_month: int
    in_all: int


class Epoch(NamedTuple):
    """One life of Redis. `trusted`: whether its owners have had the time to put their holds back."""

    name: str
    trusted: bool


@final
class Holds:
    """Commands to Redis. All raise StoreUnavailable, TimeoutError or Busy."""

    def __init__(self, url: Secret) -> None:
        self._url = url
        self._redis: Redis | None = None
        self.actor: Actor[Command | tuple[str | bytes | float, ...], Any] = Actor(
            self._perform, self._drop, self._leave, seconds=ANSWER_SECONDS + 1
        )

    async def take(self, epoch: str, hold: Hold, terms: Terms) -> list[bytes]:
        """Admits; see `take.lua` for the answers."""
        keys = (*workspace_keys(hold.workspace), *_key_keys(hold.workspace, terms.key))
        limits = ["" if limit is None else limit for limit in (terms.daily, terms.monthly, terms.total)]
        of_hold = (epoch, hold.request, hold.amount, terms.key, hold.about, LEASE_SECONDS)
        of_key = (terms.seconds_per_token, terms.burst, terms.day, terms.month, *limits)
        answer: list[bytes] = await self.actor.ask(Command("take", keys, of_hold + of_key))
        return answer

    async def take_rate(self, epoch: str, workspace: str, key: str, seconds_per_token: float, burst: int) -> list[bytes]:
        """Uses up a token; see `rate.lua` for the answers."""
        keys = (*workspace_keys(workspace), bucket_key(workspace, key))
        answer: list[bytes] = await self.actor.ask(Command("rate", keys, (epoch, seconds_per_token, burst)))
        return answer

    async def held(self, workspace: str, request: str) -> Hold | None:
        """The hold of a request, if there is one."""
        packed: bytes | None = await self.actor.ask(("HGET", workspace_keys(workspace)[1], request))
        return None if packed is None else _unpacked(workspace, request, packed)[0]

    async def load(self, epoch: str, balance: Balance, locked: bool) -> None:
        """Takes an account over from the database."""
        await self.actor.ask(("SADD", _REGISTER, balance.workspace))
        arguments = (epoch, balance.amount, balance.version, int(locked))
        await self.actor.ask(Command("load", workspace_keys(balance.workspace), arguments))

    async def count(self, workspace: str, key: str, spent: Spent) -> None:
        """Takes the sums of a key over from the database."""
        keys = (*workspace_keys(workspace), counters_key(workspace, key))
        await self.actor.ask(Command("count", keys, (key, COUNTERS_SECONDS, *spent)))

    async def expired(self, most: int) -> list[tuple[Hold, str]]:
        """Holds whose owner has not been heard of for a lease, each with its key: at most so many of a workspace."""
        found: list[tuple[Hold, str]] = []
        for workspace in await self.actor.ask(("SMEMBERS", _REGISTER)):
            name = workspace.decode()
            flat: list[bytes] = await self.actor.ask(Command("expired", workspace_keys(name), (most,)))
            found += [_unpacked(name, request.decode(), packed) for request, packed in pairs(flat)]
        return found

    async def epoch(self, fresh: str) -> Epoch:
        """The epoch that Redis is in; begins `fresh`, any new name, when there is none: Redis was empty, or is not the
        process that it was."""
        name, trusted = await self.actor.ask(Command("epoch", (_EPOCH,), (fresh, RESTORE_SECONDS)))
        return Epoch(name.decode(), bool(trusted))

    # Inside the loop of asyncio ###############################################

    async def _perform(self, asks: Sequence[Command | tuple[str | bytes | float, ...]]) -> Sequence[Any]:
        try:
            answers = await self._send(asks)
            for command in {
                ask.name for ask, a in zip(asks, answers, strict=True) if isinstance(ask, Command) and is_unknown_script(a)
            }:
                await self._client().execute_command("SCRIPT", "LOAD", script(command).text)
            again = [index for index, answer in enumerate(answers) if is_unknown_script(answer)]
            if again:
                for index, answer in zip(again, await self._send([asks[index] for index in again]), strict=True):
                    answers[index] = answer
        except Exception as error:
            raise StoreUnavailable(f"Redis failed ({type(error).__name__})") from error
        return [StoreUnavailable(f"Redis refused: {a}") if isinstance(a, Exception) else a for a in answers]

    async def _send(self, asks: Sequence[Command | tuple[str | bytes | float, ...]]) -> list[Any]:
        pipeline = self._client().pipeline(transaction=False)
        for ask in asks:
            if isinstance(ask, Command):
                pipeline.evalsha(script(ask.name).sha1, len(ask.keys), *ask.keys, *ask.arguments)
            else:
                pipeline.execute_command(*ask)
        return await pipeline.execute(raise_on_error=False)

    def _client(self) -> Redis:
        if self._redis is None:
            self._redis = open_redis(self._url.reveal(), seconds=ANSWER_SECONDS)
        return self._redis

    def _drop(self) -> None:
        """Its pool throws away a connection that was cancelled in the middle."""

    async def _leave(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()


def keep(hold: Hold, key: str) -> Command:
    """Puts a hold (back), whatever the balance."""
    keys = (*workspace_keys(hold.workspace), counters_key(hold.workspace, key))
    return Command("keep", keys, (hold.request, hold.amount, key, hold.about, LEASE_SECONDS))


def drop(dropped: DropHold, key: str, day: str, month: str) -> Command:
    """Gives a hold back for good, and counts what was spent: by whom and when."""
    hold, balance = dropped.hold, dropped.balance
    known = ("", "") if balance is None else (balance.amount, balance.version)
    keys = (*workspace_keys(hold.workspace), counters_key(hold.workspace, key))
    return Command("drop", keys, (hold.request, dropped.cost, day, month, *known))


def renew(workspace: str, requests: Sequence[str]) -> Command:
    """These holds have a living owner."""
    return Command("renew", workspace_keys(workspace), (LEASE_SECONDS, *requests))


def _unpacked(workspace: str, request: str, packed: bytes) -> tuple[Hold, str]:
    amount, key, about = packed.split(b" ", 2)
    return Hold(request, workspace, int(amount), about), key.decode()


def _key_keys(workspace: str, key: str) -> tuple[str, str]:
    return bucket_key(workspace, key), counters_key(workspace, key)
