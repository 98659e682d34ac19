"""`hyperinfer check`: everything that serve would refuse, and what the catalogue comes to."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hyperinfer.api.cli.catalogue_choice import PACKAGED, CatalogueRefused, choose_catalogue, open_catalogue, problem_object
from hyperinfer.api.cli.invocation import DONE, REFUSED, CommandRefused
from hyperinfer.api.cli.output import many, table
from hyperinfer.api.cli.serve import check_together, given_settings
from hyperinfer.api.custom_nodes.process import Looks
from hyperinfer.api.settings import SettingsConflict, unknown_variables
from hyperinfer.formats.server_tools import TOOL_NAMES, ToolName
from hyperinfer.providers.catalogue_records import Tool
from hyperinfer.providers.catalogue_tools import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.custom_nodes.process import Described
    from hyperinfer.providers.catalogue import Catalogue, Provider


@dataclass(slots=True, kw_only=True)
class _Findings:
    """`problems` and `warnings` both fail the check: (line for people, JSON). `notes` do not."""

    where: str
    problems: list[tuple[str, dict[str, object]]] = field(default_factory=list[tuple[str, dict[str, object]]])
    warnings: list[tuple[str, dict[str, object]]] = field(default_factory=list[tuple[str, dict[str, object]]])
    notes: list[str] = field(default_factory=list[str])
    catalogue: Catalogue | None = None
    nodes: Sequence[Described] = ()

    @property
    def ok(self) -> bool:
        return not self.problems and not self.warnings


def check(invocation: Invocation) -> int:
    """1 when there is a problem or a warning. Raises SettingError for a value that cannot be read."""
    found = _look(invocation)
    invocation.output.result(_document(found), lambda console: _show(found, console))
    return DONE if found.ok else REFUSED


def _look(invocation: Invocation) -> _Findings:
    settings = given_settings(invocation)
    path = choose_catalogue(settings.config, invocation.folder)
    found = _Findings(where=str(path or PACKAGED), notes=unknown_variables(invocation.environ))
    try:
        check_together(settings, invocation.environ)
    except (SettingsConflict, CommandRefused) as error:
        found.problems.append((str(error), {"message": str(error)}))
    folders = [("data folder", settings.data)]
    if settings.record is not None:
        folders.append(("folder of recordings", settings.record.folder))
    for what, folder in folders:
        if unusable := _unusable(what, invocation.folder / folder):
            found.problems.append((unusable, {"message": unusable}))
    try:
        looks = Looks(invocation.environ)
        found.catalogue = open_catalogue(path, invocation.environ, looks).current()
        found.nodes = looks.nodes
        found.warnings += [(str(warning), problem_object(warning)) for warning in found.catalogue.warnings]
    except CatalogueRefused as error:
        found.problems += [(str(problem), problem_object(problem)) for problem in error.problems]
        if not error.problems:
            found.problems.append((error.message, {"message": error.message}))
    return found


def _unusable(what: str, folder: Path) -> str | None:
    """Why serve could not use this folder, which need not be there yet. `what`: it is. Touches nothing."""
    if folder.exists() and not folder.is_dir():
        return f"the {what} {folder} is no folder"
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir():
        return f"cannot make the {what} {folder}: {there} is no folder"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{'' if there is folder else f'cannot make the {what} {folder}: '}cannot write to {there}"
    return None


def _document(found: _Findings) -> dict[str, object]:
    document: dict[str, object] = {
        "ok": found.ok,
        "config": found.where,
        "problems": [document for _, document in found.problems],
        "warnings": [document for _, document in found.warnings],
        "notes": found.notes,
        "providers": None,
        "models": None,
        "tools": None,
        "pipeline": None,
    }
    if found.catalogue is not None:
        models = found.catalogue.models.values()
        available = [model.slug for model in models if model.available]
        document["providers"] = [_provider(each) for each in found.catalogue.providers.values()]
        document["models"] = {"total": len(models), "available": available}
        document["tools"] = [_tool(name, found.catalogue.tools.get(name)) for name in TOOL_NAMES]
        document["pipeline"] = [asdict(each) for each in found.nodes]
    return document


def _provider(provider: Provider) -> dict[str, object]:
    return {
        "name": provider.name,
        "protocol": provider.protocol,
        "base_url": provider.base_url,
        "available": provider.available,
        "missing": provider.missing,
        "unset": provider.unset,
    }


def _tool(name: ToolName, tool: Tool | None) -> dict[str, object]:
    tool = tool or Tool(name)
    return {
        "name": name,
        "kind": tool.kind or None,
        "base_url": tool.base_url or None,
        "available": _off(name, tool) is None,
        "missing": tool.missing,
    }


def _off(name: ToolName, tool: Tool) -> str | None:
    """Why a tool is off; None when it is on."""
    if tool.missing:
        return f"{' and '.join(tool.missing)} not set"
    return "not in the file" if name in KINDS and not tool.kind else None


def _show(found: _Findings, console: Console) -> None:
    for kind, style, lines in (
        ("problem", "red", [line for line, _ in found.problems]),
        ("warning", "yellow", [line for line, _ in found.warnings]),
        ("note", "yellow", found.notes),
    ):
        for line in lines:
            console.print(f"{kind}: {line}", style=style, soft_wrap=True)
    if found.catalogue is not None:
        console.print(_providers(found.catalogue))
        console.print()
        console.print(_tools(found.catalogue))
        console.print()
        if found.nodes:
            console.print(_nodes(found.nodes))
            console.print()
    counts = [many(len(found.problems), "problem"), many(len(found.warnings), "warning")]
    outcome = "ok" if found.ok else " and ".join(each for each in counts if not each.startswith("0"))
    style = "green" if found.ok else "red"
    console.print(f"{found.where}: {outcome}{_summary(found.catalogue)}", style=style, soft_wrap=True)


def _summary(catalogue: Catalogue | None) -> str:
    if catalogue is None:
        return ""
    models = catalogue.models.values()
    available = sum(model.available for model in models)
    return f". {many(len(catalogue.providers), 'provider')}, {many(len(models), 'model')}, {available} of them available."


def _providers(catalogue: Catalogue) -> Table:
    rows = table("PROVIDER", "PROTOCOL", "MODELS", "STATUS", right=("MODELS",))
    for name, provider in catalogue.providers.items():
        models = sum(any(route.provider.name == name for route in model.routes) for model in catalogue.models.values())
        status = "on" if provider.available else f"off: {' and '.join(provider.missing)} not set"
        if provider.available and provider.unset:
            status = f"on, without {' and '.join(provider.unset)}"
        rows.add_row(name, provider.protocol, str(models), status, style="" if provider.available else "dim")
    return rows


def _tools(catalogue: Catalogue) -> Table:
    rows = table("TOOL", "BY", "STATUS")
    for name in TOOL_NAMES:
        tool = catalogue.tools.get(name) or Tool(name)
        off = _off(name, tool)
        by = tool.kind or ("" if name in KINDS else "the gateway")
        rows.add_row(name, by, f"off: {off}" if off else "on", style="dim" if off else "")
    return rows


def _nodes(nodes: Sequence[Described]) -> Table:
    rows = table("NODE", "FORM", "BETWEEN", "FROM")
    for each in nodes:
        place = f"{each.after} and {'call' if each.before == 'tool_loop' else each.before}"
        rows.add_row(each.name, each.form, place, f"{each.node} of {each.package}" if each.package else each.node)
    return rows
