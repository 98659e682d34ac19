"""What the benchmarks make of what they measured: ratios, goals, the check against the kept summary, the chart."""

from __future__ import annotations

import argparse
import json
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.gateway.__main__ import RESULTS, sections
from benchmarks.gateway.chart import chart
from benchmarks.gateway.check import ours, verdict
from benchmarks.gateway.goals import by_size, goal_of, with_ratios
from benchmarks.gateway.report import table

KEPT: dict[str, Any] = json.loads((RESULTS / "summary.json").read_text("utf-8"))

Ratios = dict[tuple[str, str], float]
A, B = ("whole", "a"), ("whole", "b")


@pytest.mark.parametrize(
    ("first", "second", "code", "says"),
    [
        ({A: 0.1, B: 0.2}, {}, 0, ["2 of 2 ratios hold"]),
        ({A: 0.081, B: 9.0}, {}, 0, ["2 of 2 ratios hold"]),
        ({A: 0.079, B: 0.2}, {A: 0.1, B: 0.2}, 0, ["2 of 2 ratios hold"]),  # noise
        ({A: 0.07, B: 0.2}, {A: 0.05, B: 0.2}, 1, ["whole, a: 0.070 of the floor, was 0.100", "1 of 2 ratios hold"]),
        ({A: 0.1}, {}, 0, ["whole, b: not measured", "1 of 1 ratios hold"]),
        ({}, {}, 1, ["whole, a: not measured", "whole, b: not measured", "0 of 0 ratios hold"]),
    ],
)
def test_the_check_compares_ratios(first: Ratios, second: Ratios, code: int, says: list[str]) -> None:
    assert verdict({A: 0.1, B: 0.2}, first, second, 0.8) == (code, says)


def test_a_slower_machine_is_no_regression_and_slower_code_is_one() -> None:
    def rows(floor: int, rate: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [
            {"group": "whole", "name": "floor", "core_rate": floor, "forwards": True},
            {"group": "whole", "name": "a", "core_rate": rate},
            {"group": "whole", "name": "another's", "core_rate": 1, "foreign": True},
        ]
        with_ratios(found)
        return found

    kept = ours(rows(20_000, 2_000))
    assert list(kept) == [A]
    half = ours(rows(10_000, 1_000))
    assert verdict(kept, half, half, 0.8)[0] == 0
    slower = ours(rows(20_000, 1_500))
    assert verdict(kept, slower, slower, 0.8)[0] == 1


def test_cost_by_size() -> None:
    def row(name: str, us: float) -> dict[str, Any]:
        return {"group": "sizes", "name": name, "us": us}

    linear = [row("100 kB", 1000), row("200 kB", 2100), row("800 kB", 8000), row("100 deltas", 9), row("1000 deltas", 2)]
    found = by_size(linear)
    assert [(each["name"], each["times"]) for each in found] == [("800 kB, of 200", 0.95), ("1000 deltas, of 100", 0.22)]
    assert [goal_of(each) for each in found] == ["ok: ≤ 1.5"] * 2
    (quadratic,) = by_size([row("100 kB", 1000), row("400 kB", 16_000)])
    assert goal_of(quadratic) == "missed: ≤ 1.5"
    assert by_size([row("100 kB", 1000)]) == []


def test_the_kept_summary_can_be_shown() -> None:
    assert "÷ floor" in table(KEPT)
    assert goal_of({"group": "whole", "name": "--edge lean chat → chat", "core_rate": 1}).startswith("missed")
    svg = chart(KEPT)
    ElementTree.fromstring(svg)
    assert svg == (RESULTS / "summary.svg").read_text("utf-8")
    assert all(each["times"] <= 1.5 for each in by_size(KEPT["rows"]))


def test_sections() -> None:
    assert sections("whole, budget") == ["whole", "budget"]
    with pytest.raises(argparse.ArgumentTypeError, match="whol'"):
        sections("whol")
