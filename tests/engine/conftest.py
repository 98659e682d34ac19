"""What tests of the engine may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hyperinfer.engine.testing import refusing_threads, seeded_schedule


@pytest.fixture(autouse=True)
def _no_threads_in_virtual_time() -> Iterator[None]:
    with refusing_threads():
        yield


@pytest.fixture(params=range(5))
def schedule(request: pytest.FixtureRequest) -> Iterator[int]:
    """Repeats a test under several orders in which trio may run its tasks; gives the seed."""
    with seeded_schedule(request.param):
        yield request.param
