"""Boxes with a name and words, and arrows between them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from hyperinfer.engine.pictures.drawing import LINE, Picture, arrow, box, paragraph, width_of, words
from hyperinfer.engine.pictures.layered import Arrow, Size, layout


def box_picture(boxes: Mapping[str, Sequence[str]], arrows: Sequence[tuple[str, str]]) -> Picture:
    """`boxes`: what stands in each, by its name; an arrow leads from one name to another."""
    sizes: dict[Hashable, Size] = {
        name: (max(width_of(name, 1.1), *(width_of(line, 0.9) for line in lines), 0.0) + 28, LINE * (1 + len(lines)) + 16)
        for name, lines in boxes.items()
    }
    placed = layout(sizes, [Arrow(*ends) for ends in arrows])
    body = [line for way in placed.ways for line in arrow(way)]
    for name, lines in boxes.items():
        middle = placed.middles[name]
        body.append(box(middle, sizes[name], "node"))
        body.append(words((middle[0], middle[1] - LINE * len(lines) / 2), name, "name"))
        if lines:
            body += paragraph((middle[0], middle[1] + LINE / 2), lines)
    return Picture(tuple(body), placed.size)
