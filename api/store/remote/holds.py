"""Redis: holds, rates and counters, asked in groups by one actor. Everything in it can be lost, and is made anew from the
database and from the owners of live holds: an epoch tells the one before from the one after."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from hyperinfer.api.settlement.effects import Balance, Hold
from hyperinfer.api.settlement.owner import LEASE_SECONDS
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.remote.bridge import Actor, Answered
from hyperinfer.api.store.remote.driver import cause_of, is_unknown_script
from hyperinfer.api.store.remote.operations import Operation, apart, together
from hyperinfer.api.store.remote.redis_session import RedisSession
from hyperinfer.api.store.remote.scripts import Command, counters_key, pairs, script, workspace_keys

if TYPE_CHECKING:
    from hyperinfer.providers.secret import Secret

ANSWER_SECONDS: Final = 3.0
"""So long a group may take."""
CONNECT_SECONDS: Final = 2.0
COUNTERS_SECONDS: Final = 600
"""So long the sums of a key are used on while the database is away, as the key itself is; else they are read again every
minute (`redis/prelude.lua`)."""
RESTORE_SECONDS: Final = 3.0
"""After Redis began anew, so long nothing is admitted: every living owner puts its holds back within a second or two."""

_REGISTER: Final = "hi:workspaces"
_EPOCH: Final = "hi:epoch"


_Plain = tuple[str | bytes | float, ...]
_Ask = Operation | Command | _Plain


class Spent(NamedTuple):
    """What a key has spent, in pico-USD: in all, on days and in months by their names."""

    in_all: int
    on_days: Mapping[str, int]
    in_months: Mapping[str, int]


class Epoch(NamedTuple):
    """One life of Redis. `trusted`: whether its owners have had the time to put their holds back."""

    name: str
    trusted: bool


@final
class Holds:
    """Commands to Redis. All raise StoreUnavailable, TimeoutError or Busy."""

    def __init__(self, url: Secret) -> None:
        self._connection = RedisSession(url, CONNECT_SECONDS)
        self.actor: Actor[_Ask, Any] = Actor(
            self._perform, self._connection.drop, self._connection.leave, seconds=ANSWER_SECONDS
        )

    def ask(self, operation: Operation, told: Answered[Any] | None = None) -> Coroutine[Any, Any, list[bytes]]:
        """Carries an operation out; see `operations.lua` for the answers, and `Actor.ask`."""
        return self.actor.ask(operation, told)

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
        fields = {f"d:{day}": cost for day, cost in spent.on_days.items()}
        fields |= {f"m:{month}": cost for month, cost in spent.in_months.items()} | {"t": spent.in_all}
        flat = [value for pair in fields.items() for value in pair]
        await self.actor.ask(Command("count", keys, (key, COUNTERS_SECONDS, *flat)))

    async def count_on(self, workspace: str, key: str) -> bool:
        """Uses what is known of a key's sums for another minute; False when nothing is."""
        keys = (*workspace_keys(workspace), counters_key(workspace, key))
        return bool(await self.actor.ask(Command("count_on", keys, ())))

    async def expired(self, most: int) -> list[tuple[Hold, str]]:
        """Holds whose owner has not been heard of for a lease, each with its key: at most so many of a workspace."""
        found: list[tuple[Hold, str]] = []
        for workspace in await self.actor.ask(("SMEMBERS", _REGISTER)):
            name = workspace.decode()
            flat: list[bytes] = await self.actor.ask(Command("expired", workspace_keys(name), (most, LEASE_SECONDS)))
            found += [_unpacked(name, request.decode(), packed) for request, packed in pairs(flat)]
        return found

    async def versions(self) -> list[tuple[str, int]]:
        """The workspaces that Redis knows, each with the version of its balance."""
        found: list[tuple[str, int]] = []
        for workspace in await self.actor.ask(("SMEMBERS", _REGISTER)):
            name = workspace.decode()
            version: bytes | None = await self.actor.ask(("HGET", workspace_keys(name)[0], "version"))
            found.append((name, int(version or 0)))
        return found

    async def epoch(self, fresh: str) -> Epoch:
        """The epoch that Redis is in; begins `fresh`, any new name, when there is none: Redis was empty, or is not the
        process that it was."""
        name, trusted = await self.actor.ask(Command("epoch", (_EPOCH,), (fresh, RESTORE_SECONDS)))
        return Epoch(name.decode(), bool(trusted))

    # Inside the loop of asyncio ###############################################

    async def _perform(self, asks: Sequence[_Ask]) -> Sequence[Any]:
        # All operations of a workspace are one command: a command costs ten times what an operation does. What else is
        # asked comes between those that were asked before it and after it.
        commands: list[tuple[Command | _Plain | list[Operation], list[int]]] = []
        joined: dict[str, tuple[list[Operation], list[int]]] = {}
        for index, ask in enumerate(asks):
            if not isinstance(ask, Operation):
                joined.clear()
                commands.append((ask, [index]))
            elif (known := joined.get(ask.workspace)) is None:
                commands.append(joined.setdefault(ask.workspace, ([ask], [index])))
            else:
                known[0].append(ask)
                known[1].append(index)
        try:
            answers = await self._answers([together(each) if isinstance(each, list) else each for each, _ in commands])
        except Exception as error:
            # Not the error's own text: it may hold the address with its password.
            raise StoreUnavailable(f"Redis failed ({cause_of(error)}; `hyperinfer doctor` says more)") from error
        found: list[Any] = [None] * len(asks)
        for (each, indexes), answer in zip(commands, answers, strict=True):
            parts = (
                apart(answer) if isinstance(each, list) and not isinstance(answer, Exception) else [answer] * len(indexes)
            )
            for index, part in zip(indexes, parts, strict=True):
                found[index] = part
        return found

    async def _answers(self, commands: Sequence[Command | _Plain]) -> Sequence[Any]:
        answers = await self._connection.ask(list(map(_words, commands)))
        unknown = [index for index, answer in enumerate(answers) if is_unknown_script(answer)]
        if unknown:
            again = [commands[index] for index in unknown]
            scripts = {command.name for command in again if isinstance(command, Command)}
            await self._connection.ask([("SCRIPT", "LOAD", script(name).text) for name in scripts])
            for index, answer in zip(unknown, await self._connection.ask(list(map(_words, again))), strict=True):
                answers[index] = answer
        return [StoreUnavailable(f"Redis refused: {a}") if isinstance(a, Exception) else a for a in answers]


def _words(command: Command | _Plain) -> _Plain:
    if not isinstance(command, Command):
        return command
    return ("EVALSHA", script(command.name).sha1, len(command.keys), *command.keys, *command.arguments)


def _unpacked(workspace: str, request: str, packed: bytes) -> tuple[Hold, str]:
    amount, key, about = packed.split(b" ", 2)
    return Hold(request, workspace, int(amount), about), key.decode()
