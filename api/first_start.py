"""What the operator is told when a gateway starts: the first API key and the console's token, once each; later, how many
keys there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hyperinfer.api.given_secrets import console_token
from hyperinfer.api.store.bootstrap import Bootstrapped, bootstrap
from hyperinfer.api.store.errors import Refused
from hyperinfer.nodes.money import usd_to_pico
from hyperinfer.providers.secret import Secret

if TYPE_CHECKING:
    from hyperinfer.api.cli.output import Output
    from hyperinfer.api.store.store import FullAdmin


async def first_start(
    store: FullAdmin, environ: Mapping[str, str], output: Output, *, now: float, console: bool
) -> str | None:
    """Makes the workspace and the key of a store without keys, and the token of one without a token where there is a
    `console` and the environment has none; says what was made here. `now`: unix seconds.

    Returns what else there is to say: about variables that are ignored and the keys that there are. Raises Refused.
    """
    said = await _first_key(store, environ, output, now)
    if console and console_token(environ) is None and (token := await store.console.first_token()) is not None:
        text = token.reveal()
        output.event({"event": "console_token", "token": text}, f"Token of the console (shown once): {text}")
    return said


async def _first_key(store: FullAdmin, environ: Mapping[str, str], output: Output, now: float) -> str | None:
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
