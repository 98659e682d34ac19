"""What holds for the console's token and sessions on any store. Each law is given a fresh one, whose time is NOW or stands
somewhere near it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hyperinfer.api.store.console_access import kept_of, proof_of
from tests.api.store.samples import NOW

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hyperinfer.api.store.store import FullAdmin

DAY: Final = 86_400.0


async def a_token_is_made_once_and_only_its_digest_kept(store: FullAdmin) -> None:
    assert await store.console.kept() is None
    first = await store.console.first_token()
    assert first is not None
    assert re.fullmatch(r"hc-[\w-]{43}", first.reveal())
    assert await store.console.kept() == kept_of(proof_of(first))
    assert await store.console.first_token() is None
    assert await store.console.kept() == kept_of(proof_of(first))


async def another_token_takes_the_place_of_the_last(store: FullAdmin) -> None:
    one, other = await store.new_console_token(), await store.new_console_token()
    assert one != other
    assert await store.console.kept() == kept_of(proof_of(other))
    assert await store.console.first_token() is None


async def a_session_is_signed_out_of_alone_and_repeatedly(store: FullAdmin) -> None:
    mine, yours = b"m" * 16, b"y" * 16
    for _ in range(2):
        await store.console.sign_out(mine, NOW + DAY)
        assert (await store.console.signed_out(mine), await store.console.signed_out(yours)) == (True, False)
    await store.new_console_token()
    assert not await store.console.signed_out(mine), "whose token is gone needs no mark"


async def what_has_expired_is_forgotten(store: FullAdmin) -> None:
    old, new = b"o" * 16, b"n" * 16
    await store.console.sign_out(old, NOW - 1000 * DAY)
    await store.console.sign_out(new, NOW + 1000 * DAY)
    assert (await store.console.signed_out(old), await store.console.signed_out(new)) == (False, True)


CONSOLE_LAWS: Final[tuple[Callable[[FullAdmin], Awaitable[None]], ...]] = (
    a_token_is_made_once_and_only_its_digest_kept,
    another_token_takes_the_place_of_the_last,
    a_session_is_signed_out_of_alone_and_repeatedly,
    what_has_expired_is_forgotten,
)
