"""The shared store on the servers that Debian has, older than those that the other tests run on: its laws, and the served
gateway."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import postgres as postgres_kit
from tests.support import valkey as valkey_kit

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600


@pytest.fixture(scope="module", autouse=True)
def debian() -> None:
    """Debian's `postgresql` and `redis-server`."""
    if postgres_kit.debian_folder() is None or shutil.which("redis-server") is None:
        pytest.skip("Debian's postgresql and redis-server are not installed: run tests/system/install.sh")


def test_they_are_what_they_are_taken_for() -> None:
    folder = postgres_kit.debian_folder()
    assert folder is not None
    with postgres_kit.postgres_server(postgres_kit.debian) as postgres:
        assert postgres.run("SHOW server_version").split(".")[0] == folder.parent.name
    with valkey_kit.valkey_server(valkey_kit.debian) as redis:
        info = redis.run("INFO", "server")
        assert "redis_version" in info
        assert "valkey_version" not in info


@pytest.mark.parametrize("tests", ["tests/api/store/remote", "tests/e2e/test_shared.py"])
def test_what_holds_on_ours_holds_on_them(tests: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--servers=debian", "--no-skips", "-p", "no:cacheprovider", tests]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    assert re.search(r"\d+ passed", run.stdout), run.stdout
