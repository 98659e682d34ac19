"""The first start: a workspace, credits and a key, so that a fresh gateway can be called at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from hyperinfer.api.store.errors import Refused
from hyperinfer.api.store.keys import KEY_PREFIX, digest
from hyperinfer.api.store.records import KeyRecord, KeyTerms, WorkspaceRecord
from hyperinfer.nodes.money import PICO_PER_USD
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from hyperinfer.api.store.store import FullAdmin

WORKSPACE: Final = "default"
CREDITS: Final = 100 * PICO_PER_USD


class Bootstrapped(msgspec.Struct, frozen=True):
    """What was made. made: the key's secret when it was made here, to be shown once; None for a given one."""

    workspace: WorkspaceRecord
    key: KeyRecord
    made: Secret | None


class Ignored(msgspec.Struct, frozen=True):
    """The store has keys, nothing was made. warning: for the operator, None when there was nothing to ignore."""

    warning: str | None


async def bootstrap(store: FullAdmin, given: Secret | None = None, credits: int | None = None) -> Bootstrapped | Ignored:
    """Make workspace `default` and its key on a store without keys.

    given: the key to use instead of a new one. credits: pico-USD, CREDITS by default; booked only when the workspace
    is new. Raises Refused for a given key that does not begin with `hi-`.
    """
    if await store.keys():
        return Ignored(await _warning(store, given, credits))
    if given is not None and not _usable(given.reveal()):
        raise Refused("invalid", f"the bootstrap key must begin with {KEY_PREFIX!r} and go on with visible ASCII")
    names = {record.name for record in await store.workspaces()}
    if WORKSPACE in names:
        # An earlier first start got this far and no further, or somebody made it by hand.
        workspace = await store.workspace(WORKSPACE)
    else:
        workspace = await store.create_workspace(WORKSPACE, CREDITS if credits is None else credits)
    terms = KeyTerms(name="bootstrap")
    if given is not None:
        created = await store.create_key_with(workspace.id, terms, given)
        return Bootstrapped(workspace, created.record, None)
    created = await store.create_key(workspace.id, terms)
    return Bootstrapped(workspace, created.record, created.secret)


async def _warning(store: FullAdmin, given: Secret | None, credits: int | None) -> str | None:
    if given is not None and not await store.has_key(digest(given.reveal())):
        return "HYPERINFER_BOOTSTRAP_KEY is ignored: the store has keys already, and not this one"
    if credits is not None and given is None:
        return "HYPERINFER_BOOTSTRAP_CREDITS is ignored: the store has keys already"
    return None


def _usable(secret: str) -> bool:
    return secret.startswith(KEY_PREFIX) and len(secret) > len(KEY_PREFIX) and all("!" <= c <= "~" for c in secret)
