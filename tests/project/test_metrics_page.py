"""docs/metrics.md has every metric; the dashboard and the rules name no other."""

from __future__ import annotations

import json
import re

import pytest

from hyperinfer.api.metrics.families import FAMILIES
from hyperinfer.api.metrics.page import tables
from tests.project.tree import ROOT

HISTOGRAMS = {f"{name}_{part}" for name, family in FAMILIES.items() if family.bounds for part in ("bucket", "sum", "count")}


def test_the_tables_are_those_of_the_code() -> None:
    assert tables() in (ROOT / "docs" / "metrics.md").read_text(), "print them anew: hyperinfer.api.metrics.page"


@pytest.mark.parametrize("file", ["docs/metrics.md", "deploy/grafana/hyperinfer.json", "deploy/prometheus/alerts.yaml"])
def test_no_other_metric_is_named(file: str) -> None:
    names = set(re.findall(r"\bhyperinfer_[a-z_]+\b", (ROOT / file).read_text()))
    assert names
    assert names <= {*FAMILIES, *HISTOGRAMS}


def test_the_dashboard_is_one() -> None:
    found = json.loads((ROOT / "deploy" / "grafana" / "hyperinfer.json").read_text())
    ids = [panel["id"] for panel in found["panels"]]
    assert len(set(ids)) == len(ids)
    assert found["schemaVersion"] >= 39
    panels = [panel for panel in found["panels"] if panel["type"] != "row"]
    assert all(target["datasource"]["uid"] == "${datasource}" for panel in panels for target in panel["targets"])
    places = [
        (x, y)
        for panel in found["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places), "no panel lies over another"
    assert max(x for x, _ in places) < 24
