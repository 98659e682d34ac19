"""`hyperinfer doctor`: what a gateway here depends on, and what to do about whatever is wrong."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from hyperinfer.api.cli.administration import data_folder
from hyperinfer.api.cli.catalogue_choice import CatalogueRefused, choose_catalogue, load_catalogue
from hyperinfer.api.cli.invocation import DONE, REFUSED
from hyperinfer.api.cli.output import many, table
from hyperinfer.api.cli.serve import given_settings
from hyperinfer.api.settings import SERVER, read_flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.doctor.finding import Finding, State
    from hyperinfer.api.settings import Settings
    from hyperinfer.providers.catalogue import Catalogue

_SHOWN: Final[dict[State, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "note": ("note", "cyan"),
    "warning": ("warning", "yellow"),
    "problem": ("PROBLEM", "bold red"),
}


def doctor(invocation: Invocation) -> int:
    """1 when there is a problem or a warning. Raises SettingError for a value that cannot be read."""
    from hyperinfer.api.cli.interrupt import run_until_interrupted
    from hyperinfer.api.doctor import Surroundings, examine

    settings, arguments = given_settings(invocation), invocation.arguments
    catalogue, refused = _catalogue(invocation, settings)
    surroundings = Surroundings(
        settings=settings,
        environ=invocation.environ,
        data=data_folder(invocation),
        catalogue=catalogue,
        now=invocation.now,
        seconds=float(arguments.patience),
        offline=arguments.offline,
        server=read_flag(SERVER, {"server": arguments.server}, invocation.environ),
    )

    async def examining() -> list[Finding]:
        return await examine(surroundings)

    found = [*refused, *run_until_interrupted(examining)]
    well = all(each.state in ("ok", "note") for each in found)
    invocation.output.result(_document(found, well=well), lambda console: _show(found, console))
    return DONE if well else REFUSED


def _catalogue(invocation: Invocation, settings: Settings) -> tuple[Catalogue | None, list[Finding]]:
    """The catalogue, or why it cannot be used."""
    from hyperinfer.api.doctor.finding import Finding

    path = choose_catalogue(settings.config, invocation.folder)
    try:
        return load_catalogue(path, invocation.environ), []
    except CatalogueRefused as error:
        problems = [str(each) for each in error.problems] or [error.message]
        fix = "correct this line; `hyperinfer check` reads it again"
        return None, [Finding("catalogue", "file", "problem", each, fix) for each in problems]


def _document(found: Sequence[Finding], *, well: bool) -> dict[str, object]:
    return {"ok": well, "checks": [asdict(each) for each in found]}


def _show(found: Sequence[Finding], console: Console) -> None:
    rows = table("CHECK", "STATE", "WHAT WAS FOUND")
    for each in found:
        word, style = _SHOWN[each.state]
        rows.add_row(f"{each.area}: {each.name}", word, each.what, style=_style(each, style))
    console.print(rows)
    to_fix = [each for each in found if each.state in ("problem", "warning")]
    for title, states in (("To do", ("problem", "warning")), ("Worth knowing", ("note",))):
        fixes = [each for each in found if each.state in states and each.fix]
        if fixes:
            console.print(f"\n{title}:", style="bold")
        for each in fixes:
            console.print(f"- {each.area}, {each.name}: {each.fix}", style=_SHOWN[each.state][1], soft_wrap=True)
    problems = sum(each.state == "problem" for each in to_fix)
    counts = [many(problems, "problem"), many(len(to_fix) - problems, "warning")]
    outcome = " and ".join(each for each in counts if not each.startswith("0")) or "all well"
    console.print(f"\n{outcome}", style="green" if not to_fix else "red")


def _style(finding: Finding, style: str) -> str:
    return "" if finding.state == "ok" else style
