"""A minute of the soak (`make soak` is twenty)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.soak import STREAMS, check, soaked, told

if TYPE_CHECKING:
    import pytest

SEED = int(os.environ.get("HYPERINFER_SOAK_SEED", "20261126"))


async def test_a_minute_of_two_hundred_streams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = await soaked(tmp_path, 1.0, SEED)
    with capsys.disabled():
        print(f"\n{told(result)}")
    check(tmp_path, result)
    assert result.clients.most_open == STREAMS
