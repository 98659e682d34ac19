"""Letting requests in, over Redis: what it has forgotten is read from the database and put there on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, final

import trio

from hyperinfer.api.settlement.effects import Balance
from hyperinfer.api.store.days import day_of, neighbours
from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.refusals import LOCKED, NO_CREDITS, NO_WORKSPACE, RESTORING, limit_reached, too_fast
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.holds import Epoch, Spent
from hyperinfer.api.store.remote.operations import Operation, Terms, rate, take

if TYPE_CHECKING:
    from hyperinfer.api.settlement.effects import Hold
    from hyperinfer.api.store.days import Day
    from hyperinfer.api.store.remote.driver import Connection
    from hyperinfer.api.store.remote.holds import Holds
    from hyperinfer.api.store.remote.queries import Queries
    from hyperinfer.engine.failure import Failure
    from hyperinfer.nodes.ports import Admission, Principal, Rate

ADMIT_SECONDS: Final = 3.0
"""So long a request waits to be let in."""
_OK: Final = [b"ok"]
COUNT_SECONDS: Final = 1.5
"""So long the database may take to say what a key has spent, before what Redis knows of that is used on."""
_ATTEMPTS: Final = 4
"""A first request of a key with limits, right after Redis began anew, asks three times."""

_ACCOUNT: Final = "SELECT balance, version, locked FROM workspace WHERE id = $1"
_SPENT: Final = """
SELECT coalesce(sum(cost), 0),
       coalesce(sum(cost) FILTER (WHERE day = $2), 0),
       coalesce(sum(cost) FILTER (WHERE day = $3), 0),
       coalesce(sum(cost) FILTER (WHERE day = $4), 0),
       coalesce(sum(cost) FILTER (WHERE day >= $5 AND day < $6), 0),
       coalesce(sum(cost) FILTER (WHERE day >= $7 AND day < $8), 0),
       coalesce(sum(cost) FILTER (WHERE day >= $9 AND day < $10), 0)
FROM rollup WHERE key_id = $1
"""


@final
class Admissions:
    """Asks Redis, and tells it what it does not know. `new_name`: a new name for an epoch. `began_anew`: called when Redis
    has begun one, and what was held in it has to be put back."""

    def __init__(self, holds: Holds, queries: Queries, new_name: Callable[[], str], began_anew: Callable[[], None]) -> None:
        self._holds, self._queries = holds, queries
        self._new_name, self._began_anew = new_name, began_anew
        self._epoch: Epoch | None = None

    async def take(self, hold: Hold, admission: Admission, taken: Callable[[], None]) -> Failure | None:
        """Lets a request in: None, or why not. `taken`: called by the actor when it hears that it is in.

        Raises StoreUnavailable, TimeoutError, TooSlowError or Busy: it may be in all the same.
        """
        day = day_of(admission.interrupted.created_at)
        terms = _terms(admission.principal, admission.rate, day)

        def told(answer: object) -> None:
            if answer == _OK:
                taken()

        deadline, answer, epoch = trio.current_time() + ADMIT_SECONDS, None, self._epoch
        if epoch is not None and epoch.trusted:
            # Nearly always this is all. It takes no longer than the actor lets it, so that no request needs its own timer.
            answer = await self._holds.ask(take(epoch.name, hold, terms), told)
            if answer == _OK:
                return None

        async def count() -> None:
            try:
                with trio.fail_after(COUNT_SECONDS):
                    spent = await self._queries.run(lambda connection: _spent(connection, terms.key, day))
            except (StoreUnavailable, TimeoutError, trio.TooSlowError, Busy) as error:
                if not await self._holds.count_on(hold.workspace, terms.key):
                    raise StoreUnavailable("the database does not say what the key has spent") from error
            else:
                await self._holds.count(hold.workspace, terms.key, spent)

        with trio.fail_at(deadline):
            return await self._told_more(answer, hold.workspace, lambda epoch: take(epoch, hold, terms), count, told)

    async def take_rate(self, principal: Principal, limit: Rate) -> Failure | None:
        """Uses up a token of a key's rate: None, or why not. Raises as `take`."""
        of, key, each = principal.workspace, principal.key_id, 60 / limit.per_minute
        with trio.fail_after(ADMIT_SECONDS):
            return await self._told_more(None, of, lambda epoch: rate(epoch, of, key, each, limit.burst), _no_counters, None)

    async def _told_more(
        self,
        answer: list[bytes] | None,
        workspace: str,
        operation: Callable[[str], Operation],
        count: Callable[[], Awaitable[None]],
        told: Callable[[object], None] | None,
    ) -> Failure | None:
        """Asks in an epoch, telling Redis what it does not know, until it knows enough to answer."""
        for _ in range(_ATTEMPTS):
            if answer is None:
                epoch = self._epoch if self._epoch is not None and self._epoch.trusted else await self.look()
                if not epoch.trusted:
                    return RESTORING
                answer = await self._holds.ask(operation(epoch.name), told)
            match bytes(answer[0]):
                case b"ok":
                    return None
                case b"epoch":
                    if not await self._load(await self.look(), workspace):
                        return NO_WORKSPACE
                case b"counters":
                    await count()
                case b"locked":
                    return LOCKED
                case b"rate":
                    return too_fast(float(answer[1]))
                case b"limit":
                    return limit_reached(answer[1].decode())
                case b"credits":
                    return NO_CREDITS
                case other:
                    raise StoreUnavailable(f"Redis answers {other.decode()}")
            answer = None
        raise StoreUnavailable("Redis forgets what it is told")

    async def look(self) -> Epoch:
        """Asks Redis in which epoch it is."""
        before, self._epoch = self._epoch, await self._holds.epoch(self._new_name())
        if before is not None and before.name != self._epoch.name:
            self._began_anew()
        return self._epoch

    async def held(self, workspace: str, request: str) -> Hold | None:
        """The hold of a request, if there is one. Raises StoreUnavailable while owners put theirs back."""
        hold = await self._holds.held(workspace, request)
        if hold is None and not (await self.look()).trusted:
            raise StoreUnavailable("the accounts are being restored")
        return hold

    async def reload(self, workspace: str) -> None:
        """Takes an account over anew: it was changed other than by a settlement."""
        await self._load(await self.look(), workspace)

    async def _load(self, epoch: Epoch, workspace: str) -> bool:
        row = await self._queries.run(lambda connection: connection.fetchrow(_ACCOUNT, workspace))
        if row is None:
            return False
        balance, version, locked = row
        await self._holds.load(epoch.name, Balance(workspace, balance, version), locked=locked)
        return True


async def _no_counters() -> None:
    """A request that costs nothing is not asked for what its key has spent."""


def _terms(principal: Principal, rate: Rate, day: Day) -> Terms:
    limits = principal.spending
    return Terms(
        principal.key_id,
        60 / rate.per_minute,
        rate.burst,
        day.name,
        day.month,
        limits.daily,
        limits.monthly,
        limits.total,
    )


async def _spent(connection: Connection, key: str, day: Day) -> Spent:
    # With the days around it: midnight, and gateways whose clocks differ, cost nobody another question.
    days = neighbours(day)
    months = [bound for each in days for bound in (each.month_begins, each.month_ends)]
    row = await connection.fetchrow(_SPENT, key, *(each.number for each in days), *months)
    assert row is not None  # an aggregate always has one
    in_all, *sums = map(int, row)
    return Spent(
        in_all,
        {each.name: cost for each, cost in zip(days, sums[:3], strict=True)},
        {each.month: cost for each, cost in zip(days, sums[3:], strict=True)},
    )
