"""Transition tables as pictures. What leads from a state to itself stands in its box."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from hyperinfer.engine.pictures.drawing import LINE, Picture, arrow, box, num, paragraph, size_of, width_of, words
from hyperinfer.engine.pictures.layered import Arrow, Size, layout
from hyperinfer.engine.render import event_name, state_name

if TYPE_CHECKING:
    from hyperinfer.engine.pictures.layered import Point

S = TypeVar("S")
E = TypeVar("E")

_BEGINNING, _END = object(), object()
ANY: Final = "any state"
_DOT: Final = (14.0, 14.0)
_WIDEST: Final = 26


def state_picture(table: Mapping[tuple[S, E], S], *, initial: S, final: Collection[S] = ()) -> Picture:
    """The table as `state_diagram` takes it. Two states with a way there and back have one arrow with two heads."""
    events: dict[tuple[str, str], list[str]] = {}
    for (source, event), target in table.items():
        events.setdefault((state_name(source), state_name(target)), []).append(event_name(event))
    first, last = state_name(initial), [state_name(state) for state in final]
    events = _from_any(events, last)
    names = dict.fromkeys([first, *(name for pair in events for name in pair), *last])
    inside = {name: _lines(events.get((name, name), [])) for name in names}
    sizes: dict[Hashable, Size] = {_BEGINNING: _DOT}
    for name, lines in inside.items():
        sizes[name] = (max(width_of(name, 1.1), size_of(lines)[0]) + 26, LINE * (1 + len(lines)) + 14)
    if last:
        sizes[_END] = _DOT
    arrows, labels = [Arrow(_BEGINNING, first)], [[""]]
    twofold, drawn = [False], list[Arrow]()
    for (before, after), there in events.items():
        back = events.get((after, before))
        if before == after or (back is not None and Arrow(after, before) in drawn):
            continue
        drawn.append(Arrow(before, after))
        lines = _lines(there) if back is None else [*_lines(there, "↓ "), *_lines(back, "↑ ")]
        arrows.append(Arrow(before, after, size_of(lines)))
        labels.append(lines)
        twofold.append(back is not None)
    for name in last:
        arrows.append(Arrow(name, _END))
        labels.append([""])
        twofold.append(False)
    placed = layout(sizes, arrows)
    body = [line for way, both in zip(placed.ways, twofold, strict=True) for line in arrow(way, both=both)]
    for way, lines in zip(placed.ways, labels, strict=True):
        if any(lines):
            body += [box(way.label, size_of(lines), "back", 2.0), *paragraph(way.label, lines)]
    for name, lines in inside.items():
        middle = placed.middles[name]
        look = "plain" if name == ANY else "node"
        body += [box(middle, sizes[name], look, 12.0), words((middle[0], middle[1] - LINE * len(lines) / 2), name, "name")]
        body += paragraph((middle[0], middle[1] + LINE / 2), lines) if lines else []
    body.append(_circle(placed.middles[_BEGINNING], 7.0, "dot"))
    if last:
        body += [_circle(placed.middles[_END], 7.0, "ring"), _circle(placed.middles[_END], 4.0, "dot")]
    return Picture(tuple(body), placed.size)


def _from_any(events: Mapping[tuple[str, str], list[str]], last: Collection[str]) -> dict[tuple[str, str], list[str]]:
    """The same, with one arrow in the place of those by which every state leads to the same one for the same reasons."""
    left = dict(events)
    sources = {source for source, _ in events} - set(last)
    for aim in {target for _, target in events}:
        there = {source: why for (source, target), why in events.items() if target == aim != source}
        if there.keys() >= sources - {aim} and len(there) > 3 and len({tuple(why) for why in there.values()}) == 1:
            for source in there:
                del left[source, aim]
            left[ANY, aim] = next(iter(there.values()))
    return left


def _lines(events: list[str], sign: str = "") -> list[str]:
    """Events with commas between them, in lines of about the same length."""
    lines = list[str]()
    for event in events:
        if lines and len(lines[-1]) + len(event) + 2 <= _WIDEST:
            lines[-1] += f", {event}"
        else:
            lines += [f"{sign}{event}"]
    return lines


def _circle(middle: Point, radius: float, look: str) -> str:
    return f'<circle class="{look}" cx="{num(middle[0])}" cy="{num(middle[1])}" r="{num(radius)}"/>'
