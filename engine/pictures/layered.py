"""Where boxes and arrows go, from top to bottom: the layered layout of Sugiyama, Tagawa and Toda (1981).

Boxes are ranked so that arrows lead downward, an arrow that crosses a rank has a place in it, each rank is put into an order
with few crossings, and then each box is moved as near to its neighbours as the order allows. A label takes a rank of its
own, between those of its boxes, so that nothing is ever drawn over it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

SWEEPS: Final = 24
APART: Final = 26.0
"""Between neighbours of a rank."""
RANK_GAP: Final = 13.0
"""Between ranks; two boxes with an arrow between them have a rank for its label between them, so twice that at the least."""

STEEPEST: Final = 0.22
"""How far down an arrow goes at the least for what it goes aside: ranks come further apart for it."""
STRAIGHT: Final = 12.0

Size = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another. `label`: the size of what is written beside it."""

    source: Hashable
    target: Hashable
    label: Size = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Way:
    """The way of an arrow, from top to bottom, and the middle of its label. `upward`: it leads from the last point to the
    first."""

    points: tuple[Point, ...]
    label: Point
    upward: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Middles of boxes and ways of arrows, in the order in which they were given."""

    middles: Mapping[Hashable, Point]
    ways: tuple[Way, ...]
    size: Size


@dataclass(slots=True)
class _Spot:
    """A place in a rank: a box, or where an arrow crosses it."""

    size: Size
    rank: int
    left: float
    """From its left edge to the line on which arrows come in and go out, which is where it is said to be."""
    x: float = 0.0
    above: list[_Spot] = field(default_factory=list["_Spot"])
    below: list[_Spot] = field(default_factory=list["_Spot"])
    is_box: bool = False

    @property
    def right(self) -> float:
        return self.size[0] - self.left


def layout(boxes: Mapping[Hashable, Size], arrows: Sequence[Arrow], axes: Mapping[Hashable, float] | None = None) -> Layout:
    """Places all boxes. Arrows from a box to itself are not taken. `axes`: how far from its left edge arrows come into a
    box, where that is not its middle; `Layout.middles` then has these places."""
    axes = axes or {}
    ends = [(arrow.source, arrow.target) for arrow in arrows]
    upward = _upward(boxes, ends)
    downward = [(end, start) if back else (start, end) for (start, end), back in zip(ends, upward, strict=True)]
    ranks = _ranks(boxes, downward)
    spots = {name: _Spot(size, 2 * ranks[name], axes.get(name, size[0] / 2), is_box=True) for name, size in boxes.items()}
    chains = [_chain(spots[start], spots[end], arrow.label) for (start, end), arrow in zip(downward, arrows, strict=True)]
    rows = _rows([*spots.values(), *(spot for chain in chains for spot in chain[1:-1])])
    _order(rows)
    _move(rows)
    tops = _tops(rows)
    left = min((spot.x - spot.left for row in rows for spot in row), default=0.0)
    right = max((spot.x + spot.right for row in rows for spot in row), default=0.0)
    for row in rows:
        for spot in row:
            spot.x -= left
    height = tops[-1] + _height(rows[-1]) if rows else 0.0
    ways = [_way(chain, tops, rows, back) for chain, back in zip(chains, upward, strict=True)]
    middles = {name: (spot.x, tops[spot.rank] + _height(rows[spot.rank]) / 2) for name, spot in spots.items()}
    return Layout(middles, tuple(ways), (right - left, height))


def _upward(boxes: Mapping[Hashable, Size], ends: Sequence[tuple[Hashable, Hashable]]) -> list[bool]:
    """Which arrows lead back into a way that comes from where they lead to."""
    found: dict[int, bool] = {}
    state: dict[Hashable, bool] = {}  # False while it is on the way, True when it is done

    def visit(name: Hashable) -> None:
        state[name] = False
        for number, (source, target) in enumerate(ends):
            if source == name:
                found[number] = state.get(target) is False
                if target not in state:
                    visit(target)
        state[name] = True

    for name in boxes:
        if name not in state:
            visit(name)
    return [found[number] for number in range(len(ends))]


def _ranks(boxes: Mapping[Hashable, Size], ends: Sequence[tuple[Hashable, Hashable]]) -> dict[Hashable, int]:
    """The longest way from any beginning."""
    ranks = dict.fromkeys(boxes, 0)
    for _ in boxes:
        for source, target in ends:
            ranks[target] = max(ranks[target], ranks[source] + 1)
    return ranks


def _chain(start: _Spot, end: _Spot, label: Size) -> list[_Spot]:
    """The spots of an arrow, its label in the middle."""
    chain = [start, *(_Spot((8.0, 0.0), rank, 4.0) for rank in range(start.rank + 1, end.rank)), end]
    # In the middle, but in a rank without boxes.
    middle = chain[(len(chain) // 4) * 2 + 1 if len(chain) > 3 else 1]
    middle.size = (max(label[0], 8.0), label[1])
    middle.left = middle.size[0] / 2
    for upper, lower in pairwise(chain):
        upper.below.append(lower)
        lower.above.append(upper)
    return chain


def _rows(spots: Sequence[_Spot]) -> list[list[_Spot]]:
    rows: list[list[_Spot]] = [[] for _ in range(max((spot.rank for spot in spots), default=-1) + 1)]
    for spot in spots:
        rows[spot.rank].append(spot)
    return rows


def _order(rows: list[list[_Spot]]) -> None:
    """By the mean place of the neighbours, down and up again; the order with the fewest crossings stays."""
    best, least = [list(row) for row in rows], _crossings(rows)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            place = {id(spot): number for other in rows for number, spot in enumerate(other)}
            means = {
                id(spot): sum(place[id(other)] for other in near) / len(near)
                for spot in row
                if (near := spot.above if down else spot.below)
            }
            row.sort(key=lambda spot: means.get(id(spot), place[id(spot)]))
        if (crossings := _crossings(rows)) < least:
            best, least = [list(row) for row in rows], crossings
    rows[:] = best
    _exchange(rows, least)


def _exchange(rows: list[list[_Spot]], least: int) -> None:
    """Neighbours that cross less the other way round. One that crosses as much is exchanged too: it may take a crossing
    to where the next one undoes it."""
    for row in [*rows, *reversed(rows)] * 2:
        for place in range(len(row) - 1):
            row[place], row[place + 1] = row[place + 1], row[place]
            if (crossings := _crossings(rows)) <= least:
                least = crossings
            else:
                row[place], row[place + 1] = row[place + 1], row[place]


def _crossings(rows: Sequence[Sequence[_Spot]]) -> int:
    place = {id(spot): number for row in rows for number, spot in enumerate(row)}
    count = 0
    for row in rows:
        lines = [(place[id(spot)], place[id(lower)]) for spot in row for lower in spot.below]
        count += sum(a[0] < b[0] and a[1] > b[1] for a in lines for b in lines)
    return count


def _move(rows: Sequence[Sequence[_Spot]]) -> None:
    for row in rows:
        _spread(row, [0.0] * len(row), [1.0] * len(row))
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            for_all = [_wanted(spot, down, both_sides=sweep >= SWEEPS) for spot in row]
            _spread(row, for_all, [1.0 if spot.is_box else STRAIGHT for spot in row])


def _wanted(spot: _Spot, down: bool, *, both_sides: bool) -> float:
    """The middle of its neighbours; an arrow would rather be straight than lead straight to its box."""
    near = [*spot.above, *spot.below] if both_sides else (spot.above if down else spot.below)
    pulls = [(other.x, 1.0 if spot.is_box or other.is_box else STRAIGHT) for other in near] or [(spot.x, 1.0)]
    return sum(x * pull for x, pull in pulls) / sum(pull for _, pull in pulls)


def _spread(row: Sequence[_Spot], wanted: Sequence[float], weights: Sequence[float]) -> None:
    """The nearest to what is wanted, by least squares, that keeps the order and what is between them (pool adjacent
    violators)."""
    offsets, offset = list[float](), 0.0
    for number, spot in enumerate(row):
        if number:
            offset += row[number - 1].right + spot.left + APART
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for want, weight, shift in zip(wanted, weights, offsets, strict=True):
        mean, heavy, many = want - shift, weight, 1
        while pools and pools[-1][0] > mean:
            before, their, number = pools.pop()
            mean = (before * their + mean * heavy) / (their + heavy)
            heavy, many = their + heavy, many + number
        pools.append((mean, heavy, many))
    places = [mean for mean, _, many in pools for _ in range(many)]
    for spot, place, shift in zip(row, places, offsets, strict=True):
        spot.x = place + shift


def _height(row: Sequence[_Spot]) -> float:
    return max((spot.size[1] for spot in row), default=0.0)


def _tops(rows: Sequence[Sequence[_Spot]]) -> list[float]:
    tops, top = list[float](), 0.0
    for row in rows:
        tops.append(top)
        aside = max((abs(spot.x - other.x) for spot in row for other in spot.below), default=0.0)
        top += _height(row) + max(RANK_GAP, min(STEEPEST * aside, 3 * RANK_GAP))
    return tops


def _way(chain: Sequence[_Spot], tops: Sequence[float], rows: Sequence[Sequence[_Spot]], upward: bool) -> Way:
    start, end = chain[0], chain[-1]
    middle = tops[start.rank] + _height(rows[start.rank]) / 2
    points = [(_port(start, chain[1], start.below), middle + start.size[1] / 2)]
    for spot in chain[1:-1]:
        points += [(spot.x, tops[spot.rank]), (spot.x, tops[spot.rank] + _height(rows[spot.rank]))]
    middle = tops[end.rank] + _height(rows[end.rank]) / 2
    points.append((_port(end, chain[-2], end.above), middle - end.size[1] / 2))
    label = max(chain[1:-1], key=lambda spot: spot.size[0] * spot.size[1], default=start)
    return Way(tuple(points), (label.x, tops[label.rank] + _height(rows[label.rank]) / 2), upward)


def _port(box: _Spot, towards: _Spot, others: Sequence[_Spot]) -> float:
    """Where an arrow leaves a box: side by side with the others, in the order of where they lead."""
    if len(others) == 1:
        inside = min(box.left, box.right) * 0.6 if box.left == box.right else 0.0
        return min(max(towards.x, box.x - inside), box.x + inside)
    order = sorted(others, key=lambda spot: spot.x)
    number = next(place for place, spot in enumerate(order) if spot is towards)
    return box.x + min(box.left, box.right) * 1.28 * (number / (len(order) - 1) - 0.5)
