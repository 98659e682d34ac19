"""How many connections fit into the descriptors of a process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hyperinfer.api.process_limits import OWN_DESCRIPTORS, connections_within


@pytest.mark.parametrize(
    ("descriptors", "connections"),
    [
        (None, 10_000),
        (1_048_576, 10_000),
        (20_000 + OWN_DESCRIPTORS, 10_000),
        (20_000, (20_000 - OWN_DESCRIPTORS) // 2),
        (1_024, (1_024 - OWN_DESCRIPTORS) // 2),
        (64, 1),
    ],
)
def test_each_connection_has_one_to_a_provider(descriptors: int | None, connections: int) -> None:
    assert connections_within(descriptors, 10_000) == connections


def test_the_soft_limit_becomes_the_hard_one() -> None:
    program = """
import json, resource
from hyperinfer.api.process_limits import raise_file_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 300))
print(json.dumps([raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [300, 300, 300]
