"""A page of examples that are one session: each `<!-- example: NAME -->` runs after those before it, in one namespace. What
it prints stands behind `<!-- output: NAME -->`, and `<!-- picture: NAME -->` is the drawing of a graph of that name.

`python -m tests.project.pictures` writes both anew.
"""

from __future__ import annotations

import io
import re
import sys
import types
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from hyperinfer.engine import graph_diagram
from hyperinfer.engine.pictures import graph_picture
from tests.project.tree import ROOT

PAGE = ROOT / "docs" / "graphs.md"

_BLOCK = re.compile(r"(<!-- (example|output|picture): (\w+) -->\n```\w+\n)(.*?)(```)", re.DOTALL)


def svgs() -> dict[str, str]:
    """The pictures of the page as SVG, by the names of their graphs."""
    found = dict[str, str]()
    made(PAGE.read_text("utf-8"), lambda name, graph: found.setdefault(name, graph_picture(graph).svg(name)))
    return found


def made(text: str, look: Callable[[str, Any], object] = lambda name, graph: None) -> str:
    """The page as its code makes it. `look` is shown each graph that is drawn."""
    session = types.ModuleType("a_session")
    sys.modules[session.__name__] = session  # annotations of its classes are looked up there
    printed = dict[str, str]()

    def block(found: re.Match[str]) -> str:
        opening, kind, name, body, closing = found.groups()
        if kind == "example":
            printed[name] = _run(body, vars(session))
            return found[0]
        if kind == "output":
            return opening + printed[name] + closing
        graph = vars(session)[name]
        look(name, graph)
        return opening + graph_diagram(graph) + closing

    try:
        return _BLOCK.sub(block, text)
    finally:
        del sys.modules[session.__name__]


def _run(code: str, names: dict[str, Any]) -> str:
    with redirect_stdout(io.StringIO()) as out:
        exec(compile(code, str(PAGE), "exec"), names)
    return out.getvalue()


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text("utf-8")), "utf-8")
