"""One-time keys in Redis: made by one gateway, used at another. A Redis that begins anew knows none of them any more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import msgspec
import trio

from hyperinfer.api.playground import LIFETIME, USED_UP, Source, new_one_time_key, tag_of
from hyperinfer.api.store.errors import StoreUnavailable, reason_of
from hyperinfer.api.store.keys import digest
from hyperinfer.api.store.refusals import KEYS_AWAY
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.scripts import Command
from hyperinfer.nodes.ports import Principal

if TYPE_CHECKING:
    from hyperinfer.api.store.remote.bridge import Actor
    from hyperinfer.engine.failure import Failure
    from hyperinfer.providers.secret import Secret

log = logging.getLogger("hyperinfer.playground")

ANSWER_SECONDS: Final = 3.0
KEEP_SECONDS: Final = int(2 * LIFETIME)
"""So long Redis keeps a key after it was made, and again after it was used: twice its life, so that one which is over is
told from one that never was."""

AWAY: Final = KEYS_AWAY


class _About(NamedTuple):
    """What Redis keeps of a key as it was made."""

    secret_sha256: bytes
    workspace: str
    workspace_name: str
    key_id: str
    source: str


class _Known(NamedTuple):
    """A key as it is. `over`: its time to be used, or after that to be read with, by the clock of Redis."""

    principal: Principal
    request_id: str | None
    over: bool


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_About).decode


@final
class RedisPlaygroundKeys:
    """PlaygroundKeys of all gateways. `redis`: the actor that asks it. `now`: unix seconds, to say when a key expires;
    it does by the clock of Redis, which is one for all. `entropy`: n random bytes."""

    def __init__(self, redis: Actor[Any, Any], now: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._redis, self._now, self._entropy = redis, now, entropy

    async def mint(self, workspace: str, workspace_name: str, user: str, source: Source) -> tuple[Secret, float]:
        """See the port."""
        secret, key_id = new_one_time_key(user, self._entropy)
        sha256 = digest(secret.reveal())
        about = _encode(_About(sha256, workspace, workspace_name, key_id, source))
        await self._ask(Command("onetime_mint", (_place(tag_of(sha256)),), (about, KEEP_SECONDS)))
        return secret, self._now() + LIFETIME

    async def authenticate(self, secret_sha256: bytes) -> Principal | Failure | None:
        """See the port."""
        try:
            known = await self._known(secret_sha256)
        except StoreUnavailable:
            return AWAY
        if known is None:
            return None
        if known.request_id is not None or known.over:
            return USED_UP
        return known.principal

    async def reader(self, secret_sha256: bytes, request_id: str) -> Principal | None:
        """See the port."""
        try:
            known = await self._known(secret_sha256)
        except StoreUnavailable:
            return None
        if known is None or known.request_id != request_id or known.over:
            return None
        return known.principal

    async def take(self, key_id: str, request_id: str) -> Failure | None:
        """See the port. When Redis does not answer, it may be taken all the same, until it is given back."""
        arguments = (request_id, KEEP_SECONDS)
        try:
            taken = await self._ask(Command("onetime_take", (_place(_tag_in(key_id)),), arguments))
        except StoreUnavailable:
            return AWAY
        return None if taken else USED_UP

    def give_back(self, key_id: str, request_id: str) -> None:
        """See the port. Best effort: a key that could not be given back is used up."""
        with suppress(Busy):
            self._redis.post(Command("onetime_give", (_place(_tag_in(key_id)),), (request_id, KEEP_SECONDS)), lambda _: None)

    async def _known(self, secret_sha256: bytes) -> _Known | None:
        place = _place(tag_of(secret_sha256))
        found = await self._ask(Command("onetime_look", (place,), ()))
        if not found:
            return None
        about, request, left_ms = found
        key = _decode(about)
        if key.secret_sha256 != secret_sha256:
            return None
        principal = Principal(
            workspace=key.workspace, workspace_name=key.workspace_name, key_id=key.key_id, source=key.source
        )
        return _Known(principal, request.decode() or None, left_ms / 1000 <= KEEP_SECONDS - LIFETIME)

    async def _ask(self, command: Command) -> Any:
        try:
            with trio.fail_after(ANSWER_SECONDS):
                return await self._redis.ask(command)
        except (StoreUnavailable, TimeoutError, trio.TooSlowError, Busy) as error:
            log.warning("one-time keys cannot be asked for: %s", reason_of(error))
            raise StoreUnavailable("Redis, which keeps the one-time keys, is away") from error


def _place(tag: str) -> str:
    return f"hi:onetime:{tag}"


def _tag_in(key_id: str) -> str:
    return key_id.rpartition(":")[2]
