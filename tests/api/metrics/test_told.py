"""What Prometheus reads: all of it, each family once, by both of its formats, and while others run."""

from __future__ import annotations

import re
from typing import Any

import pytest
import trio
from prometheus_client import Metric
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from hyperinfer.api.metrics.exposition import AT_ONCE, encoder_for, families, written
from hyperinfer.api.metrics.families import FAMILIES
from hyperinfer.api.metrics.numbers import Numbers, Told
from hyperinfer.api.metrics.siblings import Gathered, Siblings
from hyperinfer.nodes.measures import Histogram

MANY = ("hyperinfer_losses_total", "hyperinfer_upstream_connect_seconds")
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"


def everything(values: int = 2, many: int = 0) -> Numbers:
    """Some of each family, and `many` of two."""
    told = Told()
    for number, family in enumerate(FAMILIES.values()):
        for value in range(many if family.name in MANY and many else values):
            labels = [f'{label} "{value}"\n\\' for label in family.labels]
            if family.kind == "histogram":
                histogram = Histogram(family.bounds)
                for each in (0.0, family.bounds[0], family.bounds[-1] * 2):
                    histogram.add(each)
                told.histogram(family.name, histogram, *labels)
            elif not family.machine and family.name not in ("hyperinfer_worker_up", "hyperinfer_worker_restarts_total"):
                told.value(family.name, number + value, *labels)
            if not labels:
                break
    return told.numbers


def read_by_prometheus(text: str, accept: str) -> list[Metric]:
    """By its own parsers."""
    parser: Any = openmetrics_parser if "openmetrics" in accept else text_parser
    return list(parser.text_string_to_metric_families(text))


async def text_of(gathered: Gathered, accept: str) -> str:
    encode, kind = encoder_for(accept)
    assert ("openmetrics" in kind) == ("openmetrics" in accept)
    return b"".join([piece async for piece in written(families(gathered), encode)]).decode()


ALL = Gathered(workers={"0": everything(), "1": everything(), "2": None}, restarts={"0": 0, "1": 2, "2": 7}, refused=3)


@pytest.mark.parametrize("accept", ["", OPENMETRICS, "text/html"])
async def test_every_family_stands_there_once(accept: str) -> None:
    text = await text_of(ALL, accept)
    read = read_by_prometheus(text, accept)
    names = [family.name + ("_total" if family.type == "counter" else "") for family in read]
    assert sorted(names) == sorted(FAMILIES)
    for family in read:
        wanted = FAMILIES[family.name + ("_total" if family.type == "counter" else "")]
        assert (family.type, family.documentation) == (wanted.kind, wanted.help)
        for sample in family.samples:
            labels = set(sample.labels) - {"le"}
            assert labels == {*wanted.labels, *(() if wanted.machine else ("worker",))}
    up = {
        sample.labels["worker"]: sample.value for family in read for sample in family.samples if "worker_up" in sample.name
    }
    assert up == {"0": 1, "1": 1, "2": 0}
    assert 'hyperinfer_worker_restarts_total{worker="2"} 7.0' in text
    assert "hyperinfer_catalogue_refused_total 3.0" in text


async def test_a_histogram_counts_up() -> None:
    text = await text_of(Gathered(workers={"0": everything(1)}), "")
    found = re.findall(r'hyperinfer_settle_seconds_bucket{le="([^"]+)",worker="0"} (\S+)', text)
    assert (found[0], found[-2], found[-1]) == (("0.0005", "2.0"), ("10.0", "2.0"), ("+Inf", "3.0"))
    assert 'hyperinfer_settle_seconds_count{worker="0"} 3.0' in text


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
async def test_a_large_one_is_written_in_parts(accept: str) -> None:
    gathered = Gathered(workers={"0": everything(1, AT_ONCE + 60)})
    encode, _ = encoder_for(accept)
    pieces, turns = list[bytes](), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        pieces = [piece async for piece in written(families(gathered), encode)]
        nursery.cancel_scope.cancel()
    assert turns + 2 >= len(pieces) > 50
    assert all(piece.count(b"\n") <= AT_ONCE + 3 for piece in pieces)
    text = b"".join(pieces).decode()
    sizes = {family.name: len(family.samples) for family in read_by_prometheus(text, accept)}
    assert sizes["hyperinfer_losses"] == AT_ONCE + 60
    assert text.count("# HELP hyperinfer_losses") == 1


async def test_without_a_supervisor_there_is_one_worker() -> None:
    gathered = await Siblings(lambda: everything(1)).gather()
    assert list(gathered.workers) == ["0"]


async def test_the_others_stand_beside_ones_own() -> None:
    siblings = Siblings(lambda: everything(1))

    async def ask() -> dict[str, object]:
        return {"place": 1, "workers": {"0": {}, "2": None}, "restarts": {"0": 1}, "refused": 2}

    siblings.place, siblings.ask = 1, ask
    gathered = await siblings.gather()
    assert list(gathered.workers) == ["0", "1", "2"]
    assert gathered.workers["1"]
    assert (gathered.workers["2"], gathered.refused) == (None, 2)
