"""`hyperinfer diagram`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hyperinfer.api.cli.drawings import DRAWINGS, drawn, pages
from hyperinfer.api.cli.invocation import DONE, CommandRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from hyperinfer.api.cli.drawings import Chart, Drawing
    from hyperinfer.api.cli.invocation import Invocation
    from hyperinfer.api.custom_nodes.places import Plugs


def diagram(invocation: Invocation) -> int:
    """Print one drawing or all, or write the pages of all. Raises CatalogueRefused."""
    name, into = invocation.arguments.name, invocation.arguments.write
    plugs = _plugs(invocation)
    if invocation.arguments.svg:
        if name is None or into is not None:
            raise UsageError("--svg draws one: say which", see="hyperinfer diagram")
        return _picture(drawn(name, plugs), invocation)
    if into is None:
        return _print([drawn(each, plugs) for each in ([name] if name else DRAWINGS)], invocation)
    if name is not None:
        raise UsageError(f"--write writes all pages; leave out {name!r}", see="hyperinfer diagram")
    return _write(invocation.folder / into, pages(plugs), invocation)


def _plugs(invocation: Invocation) -> Plugs:
    """The nodes of the catalogue that was named."""
    if invocation.arguments.config is None:
        return ()
    from hyperinfer.api.cli.catalogue_choice import load_catalogue, refused
    from hyperinfer.api.custom_nodes.checking import load_nodes
    from hyperinfer.providers.catalogue import CatalogueErrors

    path = invocation.folder / invocation.arguments.config
    catalogue = load_catalogue(path, invocation.environ)
    try:
        return load_nodes(catalogue.pipeline)
    except CatalogueErrors as error:
        raise refused(path, error) from None


def _print(drawings: list[Drawing], invocation: Invocation) -> int:
    alone = len(drawings) == 1 and len(drawings[0].charts) == 1

    def show(console: Console) -> None:
        # One chart alone is what other tools take. Of several, a comment says which is which.
        blocks = [
            chart.mermaid if alone else f"%% {_title(drawing, chart)}\n{chart.mermaid}"
            for drawing in drawings
            for chart in drawing.charts
        ]
        console.print("\n".join(blocks), end="", soft_wrap=True)

    document = {
        "data": [
            {
                "name": drawing.name,
                "title": drawing.title,
                "text": drawing.text,
                "charts": [{"title": chart.title, "mermaid": chart.mermaid} for chart in drawing.charts],
            }
            for drawing in drawings
        ]
    }
    invocation.output.result(document, show)
    return DONE


def _picture(drawing: Drawing, invocation: Invocation) -> int:
    svg = drawing.picture.svg(drawing.title)
    document = {"data": [{"name": drawing.name, "title": drawing.title, "text": drawing.text, "svg": svg}]}
    invocation.output.result(document, lambda console: console.print(svg, end="", soft_wrap=True, markup=False))
    return DONE


def _title(drawing: Drawing, chart: Chart) -> str:
    return f"{drawing.name}: {chart.title}" if chart.title else drawing.name


def _write(folder: Path, texts: Mapping[str, str], invocation: Invocation) -> int:
    written: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
            written.append(str(folder / name))
    except OSError as error:
        raise CommandRefused("unwritable", f"cannot write into {folder}: {error.strerror or error}") from None
    invocation.output.result({"written": written}, lambda console: console.print("\n".join(written), soft_wrap=True))
    return DONE
