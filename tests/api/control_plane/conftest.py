from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.control_plane.kit import Served, served

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncGenerator[Served]:
    """A served gateway with the packaged catalogue, a default workspace with credits, and an internal token."""
    async with served(tmp_path / "data") as running:
        yield running
