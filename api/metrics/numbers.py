"""The numbers of one worker, as they are told from process to process: plain lists, which JSON can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from hyperinfer.api.metrics.families import FAMILIES

if TYPE_CHECKING:
    from hyperinfer.nodes.measures import Histogram

Value: TypeAlias = "float | tuple[Sequence[int], float]"
"""Of a counter or a gauge; or the counts of a histogram (each value in one) and the sum of its values."""

Series: TypeAlias = tuple[Sequence[str], Value]
"""Values of the labels, and what there is of them."""

Numbers: TypeAlias = dict[str, list[Series]]
"""By the name of a family."""


class Told:
    """Numbers that are being put together."""

    def __init__(self) -> None:
        self.numbers: Numbers = {}

    def value(self, name: str, value: float, *labels: str) -> None:
        """One value. Raises KeyError for a family that there is not."""
        assert len(labels) == len(FAMILIES[name].labels), name
        self.numbers.setdefault(name, []).append((labels, value))

    def values(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        """One for each choice of labels."""
        for labels, value in values.items():
            self.value(name, value, *labels)

    def histogram(self, name: str, histogram: Histogram, *labels: str) -> None:
        """A histogram, as it is now."""
        assert histogram.bounds == FAMILIES[name].bounds, name
        self.numbers.setdefault(name, []).append((labels, (list(histogram.counts), histogram.sum)))

    def states(self, name: str, labels: tuple[str, ...], states: Iterable[str], state: str) -> None:
        """1 for the state that it is in, 0 for the others."""
        for each in states:
            self.value(name, int(each == state), *labels, each)
