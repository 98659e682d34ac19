"""The unit against what the program does. In tests/system/test_unit.py systemd's tools read it; systemd itself never has."""

from __future__ import annotations

import math
from configparser import RawConfigParser

import pytest

from hyperinfer.api.edge.settings import EdgeSettings
from hyperinfer.api.process_limits import connections_within
from hyperinfer.api.settings import known_variables
from hyperinfer.api.supervisor import KILL_MARGIN
from tests.project.tree import ROOT

UNIT = ROOT / "deploy" / "systemd" / "hyperinfer.service"


@pytest.fixture
def unit() -> RawConfigParser:
    parsed = RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read(UNIT)
    return parsed


def test_a_drain_ends_before_systemd_kills(unit: RawConfigParser) -> None:
    longest = math.ceil(EdgeSettings().drain_time + KILL_MARGIN)
    assert unit.getint("Service", "TimeoutStopSec") > longest
    assert unit.getint("Service", "TimeoutStartSec") > EdgeSettings().startup
    # The supervisor alone is told: workers take a signal for their own, and the writers beside them have to outlive it.
    assert (unit.get("Service", "KillMode"), unit.get("Service", "KillSignal")) == ("mixed", "SIGTERM")


def test_it_waits_for_what_the_program_says(unit: RawConfigParser) -> None:
    assert unit.get("Service", "Type") == "notify"
    assert unit.get("Service", "ExecReload") == "/bin/kill -HUP $MAINPID"


def test_all_connections_fit(unit: RawConfigParser) -> None:
    most = EdgeSettings().max_connections
    assert connections_within(unit.getint("Service", "LimitNOFILE"), most) == most


def test_its_data_lie_where_it_may_write(unit: RawConfigParser) -> None:
    name, _, folder = unit.get("Service", "Environment").partition("=")
    assert name in known_variables()
    assert folder == "/var/lib/" + unit.get("Service", "StateDirectory")
    assert unit.get("Service", "ProtectSystem") == "strict"
