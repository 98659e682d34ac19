"""`docs/formats.md`: where each field of each format goes."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from tests.fields.survey import survey
from tests.fields.table import Row, rows, short
from tests.support.bench import DIALECTS

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from tests.fields.survey import Way

NAMES: dict[Dialect, str] = {
    "openai_chat": "Chat",
    "openai_responses": "Responses",
    "anthropic_messages": "Messages",
}
_HEAD = """\
# Where each field goes

A client may speak Chat Completions, Responses or Messages, and so may the provider behind the gateway. These tables say for
each field of each format where it arrives in each of the three, or why it does not. Nothing in them is written by hand: a
field is taken out of an example, and what changes on the other side is where it goes.

- `path`: it arrives there, and `path = value` with that value instead. An element of a list goes by its `type` or `role`
  (`messages[user].content[text].text`), an object by its `type` in parentheses.
- **lost**: it cannot be said there. It is counted in `X-HyperInfer-Loss` and listed with its path in `/api/v1/generation`;
  with `X-HyperInfer-Strict: true` the request is refused instead.
- **400**: the request is refused, always.
- *gateway*: the gateway does what it asks for itself. *no loss*: leaving it out changes nothing. *follows*: another value of
  the reply says it.
- [`quirk`]: a [quirk](quirks.md) of the provider or route changes this; `native_tools` is the list of a route.
- `field.*`: all that is in it. `input[*].id`: that of every type that has no other row.

Fields that are not here are unknown to all three APIs as of today. They go through as they came where client and provider
speak the same format, and are lost elsewhere.

Written by `make fields`; a test compares them.
"""
_WAYS: dict[Way, str] = {"request": "Requests of {} clients", "reply": "Replies of {} providers"}


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *(section for way in _WAYS for dialect in DIALECTS for section in _sections(dialect, way))])


def _sections(dialect: Dialect, way: Way) -> list[str]:
    name = NAMES[dialect]
    parts = [f"## {_WAYS[way].format(name)}\n"]
    arrow = "→ {} provider" if way == "request" else "→ {} client"
    head = " | ".join(["field", *(arrow.format(NAMES[to]) for to in DIALECTS)])
    for area, fields in groupby(survey(dialect, way), key=lambda field: field.area):
        lines = [f"### {name}: {area[:1].lower()}{area[1:]}\n", f"| {head} |", "|---|---|---|---|"]
        lines += [_line(row) for row in rows(dialect, way, list(fields))]
        parts.append("\n".join(lines) + "\n")
    return parts


def _line(row: Row) -> str:
    alike = Counter(_of_any_type(field) for field in row.fields)
    names = [shared if alike[shared := _of_any_type(field)] > 2 else field for field in row.fields]
    fields = ", ".join(f"`{short(name)}`" for name in dict.fromkeys(names))
    return f"| {fields} | {' | '.join(row.cells)} |"


def _of_any_type(kind: str) -> str:
    """The kind with the type of its first element left open."""
    return re.sub(r"\[[\w.]+\]", "[*]", kind, count=1)
