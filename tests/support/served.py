"""Real processes for end-to-end tests: the gateway as a user starts it, and what it calls."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import leftovers

ROOT = Path(__file__).resolve().parents[2]
KEY = "hi-test-key-of-the-end-to-end-tests"


@dataclass(frozen=True)
class Running:
    """A server process. `url` without a path. seen: what it printed until it listened, line by line."""

    url: str
    process: subprocess.Popen[str]
    seen: tuple[str, ...] = ()


@contextlib.contextmanager
def running(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Generator[Running]:
    """Starts a server that prints `listening URL`, and stops it at the end of the block."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(environ or {})}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        seen: list[str] = []
        for line in process.stdout:
            seen.append(line)
            if found := re.match(r"(?:listening|ready) (http\S+)", line):
                yield Running(found[1].rstrip("/"), process, tuple(seen))
                break
        else:
            raise RuntimeError(f"{command} ended before it listened: {''.join(seen)}")
    finally:
        process.terminate()
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            process.stdout.close()


@contextlib.contextmanager
def gateway(folder: Path, config: str, environ: Mapping[str, str] | None = None) -> Generator[Running]:
    """The gateway on a free port, with a catalogue of its own, an empty data folder and the key `KEY`."""
    file = folder / "providers.yaml"
    file.write_text(config)
    command = [
        sys.executable,
        "-m",
        "hyperinfer",
        "serve",
        "--port",
        "0",
        "--config",
        str(file),
        "--data",
        str(folder / "data"),
    ]
    with running(command, {"HYPERINFER_BOOTSTRAP_KEY": KEY, **(environ or {})}) as server:
        yield server
    if server.process.returncode == 0:
        leftovers.left(*leftovers.holds(folder / "data"))


def command_line(folder: Path, *words: str, environ: Mapping[str, str] | None = None) -> Any:
    """What a verb of `hyperinfer` prints as JSON, run on the data folder of `gateway(folder)`."""
    command = [sys.executable, "-m", "hyperinfer", *words, "--data", str(folder / "data"), "--json"]
    environ = {**os.environ, **(environ or {})}
    return json.loads(subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True).stdout)


def generations(folder: Path) -> list[dict[str, Any]]:
    """The rows of all requests of `gateway(folder)`, oldest first: those whose client never learnt its id too."""
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'data' / 'hyperinfer.db'}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        found = [dict(row) for row in database.execute("SELECT * FROM generation ORDER BY id")]
    return [{**row, **json.loads(row["details"])} for row in found]


@contextlib.contextmanager
def scripted_upstream() -> Generator[Running]:
    """The upstream of `scripted_upstream.py`."""
    with running([sys.executable, "-m", "tests.support.scripted_upstream"]) as server:
        yield server
