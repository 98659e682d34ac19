"""Nodes of an operator's own in processes of their own: the look at their code, and a package that is really installed."""

from __future__ import annotations

import sys
from pathlib import Path

from hyperinfer.api.custom_nodes import process
from tests.project.tree import ROOT


def looked(code: str, folder: Path, *, seconds: float = 60.0) -> tuple[list[str], list[process.Described]]:
    (folder / "own.py").write_text(code)
    text = 'limits: {}\npipeline:\n  - {node: "own:x", after: decode}\n'
    found, described = process.look(text, "file", {"PYTHONPATH": f"{ROOT}:{folder}"}, seconds)
    return [str(each) for each in found], list(described)


STEP = """
from hyperinfer.engine import step
from hyperinfer.nodes import Asked
x = step(lambda asked: asked, name="x", consumes=Asked, produces=Asked)
"""
LOUD = """
import os, threading, time
print("hello")
os.write(1, b"hello")
threading.Thread(target=time.sleep, args=[99]).start()
"""


def test_what_the_process_prints_or_leaves_behind_does_not_matter(tmp_path: Path) -> None:
    found, described = looked(LOUD + STEP, tmp_path)
    assert found == []
    assert described == [process.Described("x", "own:x", "decode", "route", "step", None)]
    assert "own" not in sys.modules


def test_a_process_that_does_not_come_back(tmp_path: Path) -> None:
    assert looked("import os; os._exit(7)", tmp_path)[0] == [
        "file:3: pipeline[0]: the process that loads the nodes was ended by their code (status 7)"
    ]
    assert looked("import time; time.sleep(99)", tmp_path, seconds=1.5)[0] == [
        "file:3: pipeline[0]: loading the nodes took longer than 1.5 s"
    ]
