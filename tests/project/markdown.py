"""Markdown as code hosts show it: the names of headings."""

from __future__ import annotations

import re

FENCED = re.compile(r"^( *)(`{3,}|~{3,}).*?^ *\2 *$", re.DOTALL | re.MULTILINE)


def without_code(text: str) -> str:
    """A page without its blocks of code."""
    return FENCED.sub("", text)


def heading_name(shown: str) -> str:
    """What a heading is linked by, of the words that are shown."""
    return re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")


def is_elsewhere(target: str) -> bool:
    """Whether a link leads out of the repository."""
    return bool(re.match(r"[a-z][a-z+.-]*:", target))
