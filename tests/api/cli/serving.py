"""`hyperinfer serve` in a process of its own, and what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PATIENCE = 30.0

ROOM = re.compile(r"up to \d+ connections; open files: |^try it:  |^console: open ")
"""What a start says that has nothing to do with what is tested."""


@dataclass
class Served:
    """A server in a process of its own. `lines`: its standard output so far."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str] = field(default_factory=list[str])

    def end(self, number: int) -> tuple[int, str]:
        """Its exit code after this signal, and what it said on standard error but for the line of `ROOM`."""
        self.process.send_signal(number)
        said = self.process.communicate(timeout=PATIENCE)[1]
        return self.process.returncode, "".join(line for line in said.splitlines(True) if not ROOM.search(line))


@contextmanager
def served(folder: Path, *words: str, **environ: str) -> Generator[Served]:
    """`hyperinfer serve --port 0` in that folder, once it says that it listens."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HYPERINFER_")}
    with subprocess.Popen(
        [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", *words],
        cwd=folder,
        env=inherited | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            assert process.stdout
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if listening := re.search(r"(?:listening |\"url\":\")(https?://[^\s\"]+)", line):
                    yield Served(process, listening[1], lines)
                    break
            else:
                assert process.stderr
                pytest.fail(f"it never listened: {lines} {process.stderr.read()}")
        finally:
            watchdog.cancel()
            process.kill()


def apart(said: str) -> tuple[list[str], str]:
    """The lines of requests in the log, and what else a server said."""
    lines = said.splitlines(keepends=True)
    requests = [line for line in lines if " hyperinfer.requests " in line]
    return requests, "".join(line for line in lines if line not in requests)
