"""Images that the gateway's tool made, as Markdown in a text: how they are written, and found when they come back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hyperinfer.formats.tool_records import OurRun, our_id, run_of_id

if TYPE_CHECKING:
    from hyperinfer.formats.server_tools import ToolImage

_IMAGE = re.compile(r'\]\(data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/=]*+ "(?P<id>[\w-]{1,300})"\)')
"""All but the beginning, which is looked for backwards: a text of beginnings alone would take the square of its time."""
_BEGINS = "!["
_MOST = 1000
"""Characters of a prompt."""


class FoundImage(NamedTuple):
    """An image of ours in a text: which run made it, and what it was to show."""

    run: OurRun
    prompt: str


def image_markdown(call_id: str, image: ToolImage) -> str:
    """The image with its own bytes, and a title that says whose it is."""
    prompt = " ".join((image.prompt or "image").split()).replace("[", "(").replace("]", ")")[:_MOST]
    return f'{_BEGINS}{prompt}](data:{image.media_type};base64,{image.data} "{our_id("img", "image", call_id)}")'


def find_images(text: str) -> list[str | FoundImage]:
    """The pieces of a text: words, and images of ours. A text without any is one piece."""
    if "](data:image/" not in text:
        return [text]
    pieces: list[str | FoundImage] = []
    at = 0
    for match in _IMAGE.finditer(text):
        run = run_of_id(match["id"])
        begins = text.rfind(_BEGINS, max(at, match.start() - _MOST - len(_BEGINS)), match.start())
        if run is None or begins < 0:
            continue
        pieces += [text[at:begins], FoundImage(run, text[begins + len(_BEGINS) : match.start()])]
        at = match.end()
    pieces.append(text[at:])
    return [piece for piece in pieces if piece] if at else [text]
