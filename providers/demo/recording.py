"""A recording: the frames of one protocol's reply with the pauses between them, as templates.

The file (`recordings/<protocol>.sse`) is an SSE stream whose comments say when each frame comes. Frames are set apart
by empty lines. The first one is the head: `: protocol NAME`, `: origin TEXT`, and remarks. In front of every other one
stands its cue:

    : MS PART [each] [if TRAIT]

`MS` milliseconds after the frame before it, provided the reply has that part (`start`, `reasoning`, `text`, `tool`,
`end`); with `each` once for every piece of the part's text; with `if` only where the part has that trait. The part
`whole` is not a frame: it is the body of a reply that is not streamed. `$name` is a place that the reply fills.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from string import Template
from typing import Final

import msgspec

from hyperinfer.providers.quirks import Protocol

PARTS: Final = ("start", "reasoning", "text", "tool", "end", "whole")
"""What a cue may name."""


def json_text(value: object) -> str:
    """`value` as compact JSON: what goes into a place."""
    return msgspec.json.encode(value).decode()


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a recording, or the body of a whole reply. `delay`: milliseconds after the frame before it."""

    delay: int
    part: str
    each: bool
    trait: str | None
    template: Template


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the reply has: what fills its places, its text in `pieces` (never empty ones), its traits."""

    places: Mapping[str, str] = field(default_factory=dict[str, str])
    pieces: tuple[str, ...] = ()
    traits: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reply:
    """Everything a recording is filled with: places known everywhere, and the parts by name."""

    places: Mapping[str, str]
    parts: Mapping[str, Part]


@dataclass(frozen=True, slots=True)
class Recording:
    """One protocol's recording. `head` is its first block, by key."""

    head: Mapping[str, str]
    frames: tuple[Frame, ...]
    whole: Frame

    def play(self, reply: Reply) -> Iterator[tuple[int, bytes]]:
        """The streamed reply: chunks as a socket would give them, each after so many milliseconds.

        Frames without a pause between them are one chunk. The place `sequence` counts the frames from 0.
        """
        pause, chunk = 0, b""
        for delay, frame in self._frames(reply):
            if delay and chunk:
                yield pause, chunk
                pause, chunk = delay, frame
            else:
                pause, chunk = pause + delay, chunk + frame
        yield pause, chunk

    def body(self, reply: Reply) -> tuple[int, bytes]:
        """The reply that is not streamed, and after how many milliseconds it comes."""
        return self.whole.delay, self.whole.template.substitute(reply.places).encode()

    def _frames(self, reply: Reply) -> Iterator[tuple[int, bytes]]:
        sequence = 0
        for frame in self.frames:
            part = reply.parts.get(frame.part)
            if part is None or (frame.trait is not None and frame.trait not in part.traits):
                continue
            for piece in part.pieces if frame.each else ("",):
                places = {**reply.places, **part.places, "piece": json_text(piece), "sequence": str(sequence)}
                yield frame.delay, frame.template.substitute(places).encode() + b"\n\n"
                sequence += 1


def parse(text: str) -> Recording:
    """Reads a recording. Raises `ValueError` that quotes the cue which is none."""
    head, *blocks = text.strip("\n").split("\n\n")
    keys = dict(line.removeprefix(": ").split(" ", 1) for line in head.split("\n"))
    frames = [_frame(block) for block in blocks]
    (whole,) = (frame for frame in frames if frame.part == "whole")
    return Recording(keys, tuple(frame for frame in frames if frame is not whole), whole)


@cache
def load(protocol: Protocol) -> Recording:
    """The recording of `protocol`, read once."""
    text = files("hyperinfer.providers.demo").joinpath("recordings", f"{protocol}.sse").read_text(encoding="utf-8")
    return parse(text)


def _frame(block: str) -> Frame:
    cue, _, template = block.partition("\n")
    match cue.split():
        case [":", delay, part, *rest] if delay.isdecimal() and part in PARTS and template:
            pass
        case _:
            raise ValueError(f"not a cue with a frame: {cue!r}")
    match rest:
        case []:
            each, trait = False, None
        case ["each"]:
            each, trait = True, None
        case ["if", trait]:
            each = False
        case _:
            raise ValueError(f"not a cue: {cue!r}")
    return Frame(int(delay), part, each, trait, Template(template))
