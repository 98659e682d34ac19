"""docs/recording.md: its programs and its command, on a recording as they want it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from hyperinfer.engine.recording_file import write_recording
from tests.api.replay.kit import Story, bodies
from tests.project.blocks import blocks
from tests.project.tree import ROOT
from tests.support.tool_rounds import text

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NAME = "20261126T101500.250Z-0mwxi1wgxp7kr2l63469ke9tq.jsonl"
RAIN = Story().asks(0.0).answers(0.1, bodies(text("It rains in Oslo.")))


def test_the_test_of_the_page_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks("docs/recording.md", "python test")
    (tmp_path / "tests" / "recordings").mkdir(parents=True)
    write_recording(tmp_path / "tests" / "recordings" / "tool-call.jsonl", RAIN.heard())
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(compile(block.text, block.place, "exec", dont_inherit=True), scope)
    scope["test_the_tool_call_survives"]()


def test_recordings_are_read_as_the_page_does(tmp_path: Path) -> None:
    (block,) = blocks("docs/recording.md", "python read")
    (tmp_path / "recordings").mkdir()
    write_recording(tmp_path / "recordings" / NAME, RAIN.heard())
    command = [sys.executable, "-c", block.text]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("/api/v1/chat/completions ['openai_chat'] End(at=")


def test_the_command_plays_it(tmp_path: Path) -> None:
    (block,) = blocks("docs/recording.md", "sh replayed")
    (tmp_path / "recordings").mkdir()
    write_recording(tmp_path / "recordings" / NAME, RAIN.heard())
    program, *words = block.text.split()
    assert program == "hyperinfer"
    command = [sys.executable, "-m", "hyperinfer", *words]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    assert "'It rains in Oslo.'" in done.stdout
