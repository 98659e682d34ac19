"""A page of examples that are one session: each `<!-- example: NAME -->` runs after those before it, in one namespace. What
it prints stands behind `<!-- output: NAME -->`, and `<!-- picture: NAME -->` is the drawing of a graph of that name.

`python -m tests.project.pictures` writes both anew.
"""

from __future__ import annotations

import io
import re
import sys
import types
from contextlib import redirect_stdout
from typing import Any

from hyperinfer.engine import graph_diagram
from tests.project.tree import ROOT

PAGE = ROOT / "docs" / "graphs.md"

_BLOCK = re.compile(r"(<!-- (example|output|picture): (\w+) -->\n```\w+\n)(.*?)(```)", re.DOTALL)


def made(text: str) -> str:
    """The page as its code makes it."""
    session = types.ModuleType("a_session")
    sys.modules[session.__name__] = session  # annotations of its classes are looked up there
    printed = dict[str, str]()

    def block(found: re.Match[str]) -> str:
        opening, kind, name, body, closing = found.groups()
        if kind == "example":
            printed[name] = _run(body, vars(session))
            return found[0]
        return opening + (printed[name] if kind == "output" else graph_diagram(vars(session)[name])) + closing

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
