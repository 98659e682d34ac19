"""Every test in this folder is marked `system`: it needs what `tests/system/install.sh` installs."""

from __future__ import annotations

import os
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
