"""The README's commands print what it shows, and its example in code runs as it stands there and is as short as it looks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hyperinfer.formats import OPENAI_CHAT, Upstream, Wait
from hyperinfer.formats import events as ev
from hyperinfer.providers import shipped_catalogue
from tests.project.blocks import blocks
from tests.project.examples import examples
from tests.project.shown import check_shown
from tests.project.tree import ROOT
from tests.support.served import running

README = (ROOT / "README.md").read_text("utf-8")
EXAMPLE = examples("README.md")["redact"]
MAX_LINES = 25


def test_the_example_is_short() -> None:
    lines = [line for line in EXAMPLE.code.splitlines() if line.strip()]
    assert len(lines) <= MAX_LINES


def test_the_example_redacts_and_comes_to_the_end() -> None:
    printed = EXAMPLE.run()
    decoder = OPENAI_CHAT.stream_decoder(Upstream(vendor="openai", id_seed="s"))
    decoder.receive_data(printed)
    decoder.receive_eof()
    events: list[ev.Event] = []
    while not isinstance(event := decoder.next_event(), Wait):
        events.append(event)
    text = "".join(event.text for event in events if isinstance(event, ev.TextDelta))
    assert "I am [e-mail]" in text
    assert "ann@example.org" not in text
    assert isinstance(events[-1], ev.MessageEnd)
    assert printed.endswith(b"data: [DONE]\n\n")
    assert b'"model":"demo/chat"' in printed
    assert b'"created":0' not in printed


def test_the_real_model_of_the_text_is_there() -> None:
    named = re.findall(r"\"(\w+/[\w.-]+)\"` in place of", README)
    assert named
    assert all(shipped_catalogue({"OPENAI_API_KEY": "sk-test"}).routes_for(slug) for slug in named)


def curls() -> list[str]:
    (block,) = blocks("README.md", "sh curls")
    return [part.strip() for part in block.text.split("\n\n") if part.startswith("curl ")]


def shown() -> list[list[str]]:
    """What the README shows of each curl, line by line."""
    return [[line for line in block.text.splitlines() if line] for block in blocks("README.md", "text shown")]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's commands need curl")
def test_the_curls_print_what_is_shown(tmp_path: Path) -> None:
    serve = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", str(tmp_path)]
    with running(serve, {"HYPERINFER_BOOTSTRAP_KEY": "hi-mine"}) as server:
        address = server.url.removeprefix("http://")
        printed: list[str] = []
        for command in curls():
            program = f"export KEY=hi-mine\n{command.replace('localhost:8080', address)} --silent --fail"
            done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=True, timeout=60)
            printed.append(done.stdout)
    assert len(printed) == len(shown()) == 3
    for lines, expected in zip(printed, shown(), strict=True):
        check_shown([line for line in lines.splitlines() if line], expected)
