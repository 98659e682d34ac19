"""The commands that pages mark as `sh run` are run beside a gateway as a reader has it, page by page and in order.

What stands behind one as `text output` is what it prints (`shown.py`). The gateway is a fresh one with the shipped catalogue
at `localhost:8080`, its data in the folder in which the commands run, and its first key is the `hi-...` of the pages, which
they have as `$KEY` and `$HYPERINFER_KEY`. A request that is refused fails them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.blocks import ANY, Block, blocks
from tests.project.shown import check_shown
from tests.project.tree import ROOT
from tests.support.served import running

RUN = blocks(ANY, "sh run")
OUTPUTS = blocks(ANY, "text output")
PAGES = list(dict.fromkeys(block.page for block in RUN))
KEY = "hi-..."
SERVE = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data"]


def script(commands: list[Block], address: str) -> str:
    """All commands of a page as one program, in which each block ends with a line that numbers it."""
    parts = ["set -e"]
    for number, block in enumerate(commands):
        text = block.text.replace("localhost:8080", address).replace("127.0.0.1:8080", address)
        parts += [text.replace(".venv/bin/", ""), f"printf '\\n@@ {number}\\n'"]
    return "\n".join(parts)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands of the pages need curl")
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(page: str, tmp_path: Path) -> None:
    commands = [block for block in RUN if block.page == page]
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")  # an answer with an error fails the page
    environ = {
        "HOME": str(tmp_path),
        "KEY": KEY,
        "HYPERINFER_KEY": KEY,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
        "LANG": "C.UTF-8",
    }
    with running([*SERVE, str(tmp_path / "data")], {"HYPERINFER_BOOTSTRAP_KEY": KEY}) as server:
        program = script(commands, server.url.removeprefix("http://"))
        done = subprocess.run(
            ["sh", "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=60
        )
    printed = re.split(r"\n@@ \d+\n", done.stdout)
    assert done.returncode == 0, f"{commands[len(printed) - 1].place}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    for block, text in zip(commands, printed, strict=False):
        for output in following(block):
            check_shown([line for line in text.splitlines() if line], [line for line in output.text.splitlines() if line])


def following(block: Block) -> list[Block]:
    """What a page shows of it: the output before the next command."""
    later = [other.line for other in RUN if other.page == block.page and other.line > block.line]
    end = min(later, default=10**6)
    return [output for output in OUTPUTS if output.page == block.page and block.line < output.line < end]


def test_outputs_are_those_of_commands() -> None:
    assert {output.place for block in RUN for output in following(block)} == {output.place for output in OUTPUTS}
