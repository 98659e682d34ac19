"""The console's pages in a real Chromium, on a gateway as a user starts it. What is done there stands in `browser/`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.served import KEY, ROOT, generations, running
from tests.system.slow_model import CATALOGUE, slow_model

SCENARIOS = Path(__file__).with_name("browser")
TOKEN = re.compile(r"Token of the console \(shown once\): (hc-\S+)")


@dataclass(frozen=True)
class Console:
    """A gateway after its first start, which printed `token`."""

    url: str
    token: str
    folder: Path


@pytest.fixture
def console(tmp_path: Path) -> Generator[Console]:
    with slow_model() as url:
        file = tmp_path / "providers.yaml"
        file.write_text(CATALOGUE.format(url=url))
        serve = [sys.executable, "-u", "-m", "hyperinfer", "serve", "--port", "0", "--config", str(file), "--data"]
        command = [*serve, str(tmp_path / "data")]
        with running(command, {"HYPERINFER_BOOTSTRAP_KEY": KEY}) as server:
            found = TOKEN.search("".join(server.seen))
            assert found is not None, server.seen
            yield Console(server.url, found[1], tmp_path)


def scenario(name: str, console: Console, browser: Path, node: Path) -> Any:
    """What a scenario prints."""
    token = ["console", "token", "--json", "--data", str(console.folder / "data")]
    settings = {
        "url": console.url,
        "token": console.token,
        "key": KEY,
        "chromium": shutil.which("chromium"),
        "python": sys.executable,
        "newToken": [sys.executable, "-m", "hyperinfer", *token],
    }
    command = [str(node), str(SCENARIOS / f"{name}.mjs"), str(browser), json.dumps(settings)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
    return json.loads(done.stdout)


def test_the_playground(console: Console, browser: Path, node: Path) -> None:
    scenario("playground", console, browser, node)
    rows = generations(console.folder)
    assert rows[-1]["status"] == "cancelled"
    assert {row["source"] for row in rows} == {"playground", "api"}


def test_keys_requests_and_usage(console: Console, browser: Path, node: Path) -> None:
    scenario("accounts", console, browser, node)


def test_everybody_can_use_it(console: Console, browser: Path, node: Path) -> None:
    scenario("access", console, browser, node)
