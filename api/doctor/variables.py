"""Settings that contradict each other, variables that are misspelt, tokens that are weak."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.api.settings import PREFIX, SettingsConflict, check_settings, known_variables, unknown_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hyperinfer.api.doctor.finding import Findings
    from hyperinfer.api.doctor.surroundings import Surroundings
    from hyperinfer.providers.catalogue import Catalogue

SHORTEST_TOKEN: Final = 16
"""Characters. A random one of this length cannot be guessed."""
_LIKE: Final = 0.85
"""How like the name of a provider's variable another one has to be."""
_EVERYBODY: Final = frozenset({"0.0.0.0", "::", "[::]"})


async def look(surroundings: Surroundings, findings: Findings) -> None:
    """Nothing here waits for anybody."""
    await trio.lowlevel.checkpoint()
    environ, settings = surroundings.environ, surroundings.settings
    try:
        check_settings(settings)
        shared = settings.shared is not None
        mode = "shared: Postgres and Redis" if shared else "embedded: SQLite in the data folder, one worker"
        findings.ok("mode", mode, mode="shared" if shared else "embedded")
    except SettingsConflict as error:
        findings.problem("mode", str(error), "change what it names, then `hyperinfer doctor` again")
    _misspelt(environ, surroundings.catalogue, findings)
    _tokens(environ, findings)
    if settings.host in _EVERYBODY and settings.certfile is None:
        findings.note(
            "address",
            f"--host {settings.host} without TLS: keys and prompts go over the network as they are",
            "keep a proxy with TLS before it, or give --certfile and --keyfile",
        )


def _misspelt(environ: Mapping[str, str], catalogue: Catalogue | None, findings: Findings) -> None:
    unknown = unknown_variables(environ)
    for sentence in unknown:
        findings.warning("variables", sentence, "correct its name, or unset it")
    alike = [] if catalogue is None else list(_alike(environ, _unset(catalogue)))
    for name, wanted in alike:
        what = f"{name} is set and {wanted} is not"
        findings.warning("variables", what, f"if {wanted} was meant, rename it: export {wanted}=…")
    if not unknown and not alike:
        count = sum(name in environ for name in known_variables())
        findings.ok("variables", f"{count or 'none'} of {PREFIX}… set, none misspelt", set=count)


def _unset(catalogue: Catalogue) -> set[str]:
    providers = {name for provider in catalogue.providers.values() for name in (*provider.missing, *provider.unset)}
    return providers | {name for tool in catalogue.tools.values() for name in tool.missing}


def _alike(environ: Mapping[str, str], unset: Iterable[str]) -> Iterable[tuple[str, str]]:
    """(a name that is set, the name of a provider's variable that is not set and looks like it)"""
    candidates = [name for name in environ if not name.startswith(PREFIX) and any(word in name for word in ("KEY", "URL"))]
    for wanted in sorted(unset):
        for name in difflib.get_close_matches(wanted, candidates, n=1, cutoff=_LIKE):
            yield name, wanted


def _tokens(environ: Mapping[str, str], findings: Findings) -> None:
    names = sorted(name for name in known_variables() if name.endswith("_TOKEN") and environ.get(name))
    for name in names:
        length = len(environ[name])
        if length < SHORTEST_TOKEN:
            fix = f"make one that nobody guesses: export {name}=$(openssl rand -hex 32)"
            findings.warning("tokens", f"{name} has {length} characters", fix)
        elif environ[name] != environ[name].strip():
            findings.warning("tokens", f"{name} begins or ends with a blank", "take the blank away where it is set")
        else:
            findings.ok("tokens", f"{name} is set")
