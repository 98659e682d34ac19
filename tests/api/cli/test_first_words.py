"""What the first start says once: it can be copied."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.api.cli.serving import PATIENCE, apart, served


@pytest.mark.skipif(shutil.which("curl") is None, reason="the command is one of curl")
def test_what_the_first_start_says_can_be_copied(tmp_path: Path) -> None:
    for first in (True, False):
        with served(tmp_path) as server:
            assert server.process.stderr is not None
            # In their order: what the next steps are comes after how many connections there may be.
            told = [server.process.stderr.readline() for _ in range(3 if first else 1)]
            if first:
                key = next(line for line in server.lines if line.startswith("API key")).split()[-1]
                command = told[1].removeprefix("try it:  ").replace("the-key", key)
                answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE, check=True)
                assert json.loads(answer.stdout)["model"] == "demo/chat"
                assert told[2] == f"console: open {server.url}/ in a browser, and sign in with the token\n"
            _, rest = apart(server.end(signal.SIGTERM)[1])
            assert "try it" not in rest
