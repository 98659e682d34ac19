"""The plugin of the test kit, also where this checkout was installed before it had one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.testing import plugin

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Loads it, unless pytest has done that by itself."""
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin, "hyperinfer")
