"""What the operator is told about API keys when a gateway starts: the first one, once; later, how many there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hyperinfer.api.store.bootstrap import Bootstrapped, bootstrap
from hyperinfer.api.store.errors import Refused
from hyperinfer.nodes.money import usd_to_pico
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from hyperinfer.api.cli.output import Output
    from hyperinfer.api.store.store import FullAdmin


async def first_start(store: FullAdmin, environ: Mapping[str, str], output: Output, *, now: float) -> str | None:
    """Makes the workspace and the key of a store without keys, and says a key that was made here. `now`: unix seconds.

    Returns what else there is to say: about variables that are ignored and the keys that there are. Raises Refused.
    """
    given = environ.get("HYPERINFER_BOOTSTRAP_KEY")
    credits = environ.get("HYPERINFER_BOOTSTRAP_CREDITS")
    try:
        amount = usd_to_pico(credits) if credits else None
    except ValueError as error:
        raise Refused("invalid", f"HYPERINFER_BOOTSTRAP_CREDITS: {error}") from None
    outcome = await bootstrap(store, Secret(given) if given else None, amount)
    if not isinstance(outcome, Bootstrapped):
        keys = await _keys(store, now)
        return f"warning: {outcome.warning}\n{keys}" if outcome.warning else keys
    if outcome.made is not None:
        name, key = outcome.workspace.name, outcome.made.reveal()
        output.event(
            {"event": "first_start", "workspace": name, "key": key}, f"API key of workspace '{name}' (shown once): {key}"
        )
    return None


async def _keys(store: FullAdmin, now: float) -> str:
    active = sum(record.status(now) == "active" for record in await store.keys())
    another = "another" if active else "one"
    return f"active API keys: {active or 'none'} (`hyperinfer keys create --workspace NAME` makes {another})"
