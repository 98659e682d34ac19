"""`hyperinfer diagram`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hyperinfer.api.cli.drawings import DRAWINGS, pages
from hyperinfer.api.cli.invocation import DONE, CommandRefused, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from hyperinfer.api.cli.drawings import Chart, Drawing
    from hyperinfer.api.cli.invocation import Invocation


def diagram(invocation: Invocation) -> int:
    """Print one drawing or all, or write the pages of all."""
    name, into = invocation.arguments.name, invocation.arguments.write
    if into is None:
        return _print([DRAWINGS[each]() for each in ([name] if name else DRAWINGS)], invocation)
    if name is not None:
        raise UsageError(f"--write writes all pages; leave out {name!r}", see="hyperinfer diagram")
    return _write(invocation.folder / into, invocation)


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


def _title(drawing: Drawing, chart: Chart) -> str:
    return f"{drawing.name}: {chart.title}" if chart.title else drawing.name


def _write(folder: Path, invocation: Invocation) -> int:
    written: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in pages().items():
            (folder / name).write_text(text, "utf-8")
            written.append(str(folder / name))
    except OSError as error:
        raise CommandRefused("unwritable", f"cannot write into {folder}: {error.strerror or error}") from None
    invocation.output.result({"written": written}, lambda console: console.print("\n".join(written), soft_wrap=True))
    return DONE
