"""Tests that are run on each edge."""

from __future__ import annotations

import pytest

from tests.api.edge import kit


@pytest.fixture(params=["stock", "lean"])
def each_edge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the edge that `kit.edge` serves with."""
    name: str = request.param
    monkeypatch.setattr(kit, "served_by", name)
    return name
