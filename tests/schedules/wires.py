"""What upstreams say: the frames of a reply in each protocol, streamed or whole."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tests.support.replies import ERROR_FRAMES, STREAMS, WHOLES
from tests.support.tool_rounds import call, text, upstream

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from hyperinfer.formats.events import Event

LONG = "".join(f"word {number} of many, " for number in range(90))
"""Some 1,600 characters."""

_COMMENT = b": still thinking\n\n"
_REFUSED = json.dumps({"error": {"message": "Not now.", "type": "server_error", "code": "busy"}}).encode()


class Said(NamedTuple):
    """`frames` of a body. `first_output`: bytes to the end of the first output of the model; None where there is none."""

    frames: tuple[bytes, ...]
    first_output: int | None


@cache
def said(word: str, protocol: Dialect, *, streamed: bool) -> Said:
    """The body that the word stands for: `hello`, `long`, `thinking` (comments before the output), `search` (a call of a
    server tool), `error` (before any output), `late error` (behind some), `cut` (no end), `nothing`, `html`, `garbage`,
    `refused` (an error's body)."""
    if word == "refused":
        return Said((_REFUSED,), None)
    if word == "html":
        return Said((b"<html><body>Bad gateway</body></html>",), None)
    if word == "nothing":
        return Said((), None)
    frames = _frames(word, protocol, streamed=streamed)
    return Said(frames, _first_output(frames, word, streamed=streamed))


def _frames(word: str, protocol: Dialect, *, streamed: bool) -> tuple[bytes, ...]:
    if word in ("long", "search"):
        blocks: list[list[Event]] = [text("Let me see.") if word == "search" else text(LONG)]
        blocks += [call("web_search", query="q")] if word == "search" else [text(LONG)] * 7
        pieces = upstream(protocol, *blocks, stream=streamed).pieces
        return tuple(piece for _, piece in pieces if isinstance(piece, bytes))
    if not streamed:
        whole = WHOLES[protocol]
        return {"garbage": (whole[: len(whole) // 2],), "error": (_REFUSED,), "late error": (_REFUSED,)}.get(word, (whole,))
    frames = tuple(STREAMS[protocol])
    match word:
        case "hello":
            return frames
        case "thinking":
            return (frames[0], *[_COMMENT] * 12, *frames[1:])
        case "error":
            return (frames[0], ERROR_FRAMES[protocol])
        case "late error":
            return (*frames[:3], ERROR_FRAMES[protocol])
        case "cut":
            return frames[:3]
        case "garbage":
            return (*frames[:2], b"data: {nonsense\n\n", *frames[2:])
        case _:
            raise ValueError(word)


def _first_output(frames: tuple[bytes, ...], word: str, *, streamed: bool) -> int | None:
    if not streamed:
        return sum(map(len, frames))
    marks = {"long": b"word 0 of", "search": b"Let me"}
    size = 0
    for frame in frames:
        place = frame.find(marks.get(word, b"Hel"))
        if place >= 0:
            return size + frame.index(b"\n\n", place) + 2  # a frame may hold several events
        size += len(frame)
    return None
