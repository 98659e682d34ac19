"""Numbers in the text formats that Prometheus reads, through its own client library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final, cast

import trio
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from hyperinfer.api.metrics.families import FAMILIES, WORKER, Family

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

    from hyperinfer.api.metrics.numbers import Value
    from hyperinfer.api.metrics.siblings import Gathered

AT_ONCE: Final = 200
"""Samples that are written out before other tasks have their turn: two milliseconds."""

_END: Final = b"# EOF\n"


def families(gathered: Gathered) -> Iterator[Metric]:
    """All families that have a value."""
    for family in FAMILIES.values():
        metric = _metric(family)
        for worker, told in gathered.workers.items():
            for labels, value in (told or {}).get(family.name, ()):
                _add(metric, family, (worker, *labels), value)
        match family.name:
            case "hyperinfer_worker_up":
                for worker, told in gathered.workers.items():
                    _add(metric, family, (worker,), int(told is not None))
            case "hyperinfer_worker_restarts_total":
                for worker, count in gathered.restarts.items():
                    _add(metric, family, (worker,), count)
            case "hyperinfer_catalogue_refused_total":
                if gathered.refused is not None:
                    _add(metric, family, (), gathered.refused)
            case _:
                pass
        if metric.samples:
            yield metric


def _metric(family: Family) -> Metric:
    labels = family.labels if family.machine else (WORKER, *family.labels)
    match family.kind:
        case "counter":
            return CounterMetricFamily(family.name, family.help, labels=labels)
        case "gauge":
            return GaugeMetricFamily(family.name, family.help, labels=labels)
        case "histogram":
            return HistogramMetricFamily(family.name, family.help, labels=labels)


def _add(metric: Metric, family: Family, labels: Sequence[str], value: Value) -> None:
    if isinstance(metric, HistogramMetricFamily):
        counts, total = cast("tuple[Sequence[int], float]", value)
        bounds = [*map(repr, family.bounds), "+Inf"]
        metric.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
    elif isinstance(metric, CounterMetricFamily | GaugeMetricFamily):
        metric.add_metric(labels, cast("float", value))


class _Part(Collector):
    """Some samples of one family, as the encoders want it."""

    def __init__(self, metric: Metric, samples: Iterable[Sample]) -> None:
        self._metric = Metric(metric.name, metric.documentation, metric.type)
        self._metric.samples = list(samples)

    def collect(self) -> Iterable[Metric]:
        return (self._metric,)


def encoder_for(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """The encoder for an `Accept` header, and the content type of what it writes: OpenMetrics where that is asked for."""
    return choose_encoder(accept)


async def written(metrics: Iterable[Metric], encode: Callable[[Collector], bytes]) -> AsyncIterator[bytes]:
    """The text, piece by piece; other tasks run between them."""
    ends = False
    for metric in metrics:
        for start in range(0, len(metric.samples), AT_ONCE):
            text = encode(_Part(metric, metric.samples[start : start + AT_ONCE]))
            ends = ends or text.endswith(_END)
            text = text.removesuffix(_END)
            if start:  # the head of a family stands there once
                text = b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(b"# "))
            yield text
            await trio.lowlevel.checkpoint()
    if ends:
        yield _END
