"""Pieces of SVG: sizes of words, boxes, arrows, and the style that follows the reader's, light or dark."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperinfer.engine.pictures.layered import Point, Size, Way

LINE: Final = 17.0
"""From one line of words to the next."""
MARGIN: Final = 14.0
_NARROW, _WIDE = frozenset("iljtfrI|.,:;'()[] "), frozenset("mwMW×—")

STYLE: Final = """\
svg { --ink: #1f2328; --soft: #59636e; --line: #818b98; --box: #ffffff; --fill: #eef4fc; --edge: #4a7fc1; --task: #f6f8fa;
  --rim: #d1d9e0; --strong: #bc4c00; --back: #ffffff; font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
@media (prefers-color-scheme: dark) { svg { --ink: #f0f6fc; --soft: #9198a1; --line: #7d8590; --box: #0d1117;
  --fill: #14233a; --edge: #5a93dc; --task: #151b23; --rim: #3d444d; --strong: #f0883e; --back: #0d1117; } }
.back { fill: var(--back); } text { fill: var(--ink); text-anchor: middle; } .soft { fill: var(--soft); font-size: 11.5px; }
.left { text-anchor: start; } .right { text-anchor: end; } .name { font-weight: 600; }
.title { font-weight: 600; font-size: 14px; }
.node { fill: var(--fill); stroke: var(--edge); stroke-width: 1.4; } .plain { fill: var(--box); stroke: var(--line); }
.inner { fill: none; stroke: var(--edge); } .task { fill: var(--task); stroke: var(--rim); }
.part { fill: none; stroke: var(--line); stroke-dasharray: 4 3; } .dot { fill: var(--ink); }
.ring { fill: none; stroke: var(--ink); } path { fill: none; stroke: var(--line); stroke-width: 1.5; }
.channel { stroke: var(--strong); stroke-width: 3.2; } .head { fill: var(--line); stroke: none; }
.strong { fill: var(--strong); stroke: none; }"""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn, in user units, and how large it is."""

    body: tuple[str, ...]
    size: Size

    def svg(self, title: str) -> str:
        """The whole document. `title`: what it shows, for those who cannot see it."""
        width, height = (number + 2 * MARGIN for number in self.size)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{num(width)}" height="{num(height)}"'
                f' viewBox="0 0 {num(width)} {num(height)}" role="img">',
                f"<title>{escape(title)}</title>",
                f"<style>\n{STYLE}\n</style>",
                f'<rect class="back" width="{num(width)}" height="{num(height)}" rx="8"/>',
                f'<g transform="translate({num(MARGIN)} {num(MARGIN)})">',
                *self.body,
                "</g>",
                "</svg>\n",
            ]
        )


def beside(pictures: Sequence[tuple[str, Picture]], gap: float = 36.0) -> Picture:
    """Several pictures in a row, each under its title where it has one."""
    body, x, tallest = list[str](), 0.0, 0.0
    for title, picture in pictures:
        wide, tall = max(picture.size[0], width_of(title) * 1.15), picture.size[1]
        top = 30.0 if title else 0.0
        if title:
            body.append(words((x + wide / 2, 8.0), title, "title"))
        body += [
            f'<g transform="translate({num(x + (wide - picture.size[0]) / 2)} {num(top)})">',
            *picture.body,
            "</g>",
        ]
        x, tallest = x + wide + gap, max(tallest, tall + top)
    return Picture(tuple(body), (x - gap, tallest))


def num(value: float) -> str:
    """A number as short as a tenth of a unit allows. What lies between two tenths goes up, however it was added."""
    return f"{value + 1e-6:.1f}".removesuffix(".0").replace("-0", "0")


def width_of(text: str, scale: float = 1.0) -> float:
    """About how wide a line of words is: rather too much, as the reader's letters are not known."""
    return scale * sum(
        4.2 if letter in _NARROW else 11.0 if letter in _WIDE else 8.0 if letter.isupper() else 7.2 for letter in text
    )


def size_of(lines: Sequence[str], scale: float = 0.9) -> Size:
    """Of a label of these lines."""
    if not any(lines):
        return 0.0, 0.0
    return max(width_of(line, scale) for line in lines), LINE * len(lines)


def words(middle: Point, text: str, look: str = "") -> str:
    """A line of words, by its middle (with `left` by its beginning, with `right` by its end)."""
    css = f' class="{look}"' if look else ""
    return f'<text x="{num(middle[0])}" y="{num(middle[1] + 4.5)}"{css}>{escape(text)}</text>'


def paragraph(middle: Point, lines: Sequence[str], look: str = "soft") -> list[str]:
    """Lines under each other, by the middle of all."""
    first = middle[1] - LINE * (len(lines) - 1) / 2
    return [words((middle[0], first + LINE * number), line, look) for number, line in enumerate(lines)]


def box(middle: Point, size: Size, look: str, round_by: float = 4.0) -> str:
    """A box by its middle."""
    left, top = middle[0] - size[0] / 2, middle[1] - size[1] / 2
    return (
        f'<rect class="{look}" x="{num(left)}" y="{num(top)}" width="{num(size[0])}" height="{num(size[1])}"'
        f' rx="{num(round_by)}"/>'
    )


def arrow(way: Way, look: str = "", both: bool = False) -> list[str]:
    """The arrow along a way; `both`: with a head at either end."""
    points = way.points
    path = [f"M{num(points[0][0])} {num(points[0][1])}"]
    for (x, y), (next_x, next_y) in pairwise(points):
        if abs(x - next_x) < 0.5:
            path.append(f"L{num(next_x)} {num(next_y)}")
        else:
            half = (y + next_y) / 2
            path.append(f"C{num(x)} {num(half)} {num(next_x)} {num(half)} {num(next_x)} {num(next_y)}")
    css = f' class="{look}"' if look else ""
    drawn = [f'<path{css} d="{"".join(path)}"/>']
    if both or not way.upward:
        drawn.append(_head(points[-1], 1, look))
    if both or way.upward:
        drawn.append(_head(points[0], -1, look))
    return drawn


def _head(tip: Point, down: int, look: str) -> str:
    x, y = tip
    wide, long = (6.0, 10.0) if look == "channel" else (4.5, 8.5)
    css = "strong" if look == "channel" else "head"
    return (
        f'<path class="{css}" d="M{num(x)} {num(y)}L{num(x - wide)} {num(y - down * long)}'
        f'L{num(x + wide)} {num(y - down * long)}Z"/>'
    )
