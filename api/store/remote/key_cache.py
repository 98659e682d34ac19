"""API keys in Redis, for when the database is away: whoever looks a key up leaves it there, and finds what others left.

A key is kept under its digest, never itself, for ten minutes from when it was last read in the database. Each change of it
makes a new version there, and the newer of two versions stays here, in whichever order they come. Redis is told of a change
by whoever makes it, by every replica that hears of it, and by any replica's sweep until one of them has been heard
(`api_key.untold`). An emptied Redis knows no keys and no accounts, so that nothing is admitted before the database is back.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import msgspec
import trio

from hyperinfer.api.store.errors import StoreUnavailable
from hyperinfer.api.store.records import KeyRecord
from hyperinfer.api.store.remote.bridge import Busy
from hyperinfer.api.store.remote.scripts import Command

if TYPE_CHECKING:
    from hyperinfer.api.store.remote.bridge import Actor

KEPT_SECONDS: Final = 600
"""So long a key that the database knew is let in while the database is away."""
ANSWER_SECONDS: Final = 2.0


class KeyView(msgspec.Struct, frozen=True, array_like=True):
    """A key as the database had it, and the name of its workspace. version grows with each change of the key."""

    version: int
    record: KeyRecord
    workspace_name: str


class Kept(NamedTuple):
    """What Redis says of a key. view: None where it only knows of a change to that version. seconds: for so long more."""

    version: int
    view: KeyView | None
    seconds: float


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeyView).decode


@final
class KeyCache:
    """`redis`: the actor that asks it."""

    def __init__(self, redis: Actor[Any, Any]) -> None:
        self._redis = redis

    async def tell(self, sha256: bytes, view: KeyView) -> None:
        """Keeps a key. Raises StoreUnavailable, TimeoutError or Busy."""
        await self._redis.ask(_put(sha256, view.version, _encode(view)))

    def leave(self, sha256: bytes, view: KeyView) -> None:
        """The same, without waiting for it; may be lost."""
        with suppress(Busy):
            self._redis.post(_put(sha256, view.version, _encode(view)), lambda _: None)

    def changed(self, sha256: bytes, version: int) -> None:
        """What is older than this version holds no more. May be lost too."""
        with suppress(Busy):
            self._redis.post(_put(sha256, version, b""), lambda _: None)

    async def find(self, sha256: bytes) -> Kept | None:
        """What is kept of a key, None for nothing. Raises StoreUnavailable when Redis does not say."""
        try:
            with trio.fail_after(ANSWER_SECONDS):
                found = await self._redis.ask(Command("key_get", (_place(sha256),), ()))
        except (TimeoutError, trio.TooSlowError, Busy) as error:
            raise StoreUnavailable("Redis does not answer") from error
        if not found:
            return None
        version, about, milliseconds = found
        return Kept(int(version), _view(about), milliseconds / 1000)


def _view(about: bytes) -> KeyView | None:
    try:
        return _decode(about) if about else None
    except msgspec.DecodeError:  # of another release, which has kept it in another form
        return None


def _put(sha256: bytes, version: int, about: bytes) -> Command:
    return Command("key_put", (_place(sha256),), (version, about, KEPT_SECONDS))


def _place(sha256: bytes) -> str:
    return f"hi:key:{sha256.hex()}"
