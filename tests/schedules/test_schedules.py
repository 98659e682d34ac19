"""Some hundred fault schedules: `make test-system` runs twenty thousand."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.schedules import draw
from tests.schedules.endings import KINDS
from tests.schedules.many import replay, run_many
from tests.support.served import ROOT

COUNT = 500


def test_schedules_run_clean() -> None:
    many = run_many(range(COUNT))
    assert not many.failures, "\n\n".join(many.failures)
    assert many.ran == COUNT
    assert set(many.endings) <= set(KINDS)
    # Each of those that are common enough; all of them are seen in twenty thousand.
    assert len(many.endings) >= len(KINDS) - 6, set(KINDS) - set(many.endings)


@pytest.mark.parametrize("seed", [1, 7, 41])
def test_a_seed_goes_the_same_way_each_time(seed: int) -> None:
    first, _ = replay(seed)
    command = [sys.executable, "-m", "tests.schedules", str(seed)]
    for hashes in ("1", "2"):
        again = subprocess.run(
            command, cwd=ROOT, env={"PYTHONHASHSEED": hashes, "PATH": ""}, capture_output=True, text=True, check=False
        )
        assert (again.stderr, _named(again.stdout)) == ("", _named(first))


def _named(text: str) -> str:
    """The workspace and its key are made anew in each process."""
    return re.sub(r"\b(ws|key)_\w+", "", text)


def test_schedules_differ_in_more_than_their_seed() -> None:
    drawn = {str(draw.schedule(seed)).partition("\n")[2] for seed in range(300)}
    assert len(drawn) > 290
