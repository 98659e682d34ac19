"""What the catalogue says of the order of a model's routes."""

from __future__ import annotations

from typing import get_args

import pytest

from hyperinfer.providers.catalogue import RouteBy
from tests.support.routed import routed


@pytest.mark.parametrize("by", get_args(RouteBy))
def test_a_model_says_what_it_is_routed_by(by: str) -> None:
    model = routed().model(f"test/{by}")
    assert model is not None
    assert model.route_by == by


def test_routes_by_price_are_sorted_when_the_file_is_read() -> None:
    catalogue = routed()
    # 3 x 1 + 5, then 3 x 3 + 15 twice as in the file, then 3 x 9 + 1.
    assert [route.model for route in catalogue.routes_for("test/price")] == ["up2", "up1", "up4", "up3"]
    assert [route.model for route in catalogue.routes_for("test/weight")] == ["up1", "up2", "up3", "up4"]
    assert catalogue.routes_for("test/unset") == ()
