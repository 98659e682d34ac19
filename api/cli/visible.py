"""Control characters, seen."""

from __future__ import annotations

import re

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Those of C0 and C1 but for tabs and ends of lines, and those that turn the direction of writing."""


def visible(text: str) -> str:
    """The text with `\\x1b` in place of an escape character, and so on: what came over a wire does nothing to a terminal."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text) if _UNSEEN.search(text) else text
