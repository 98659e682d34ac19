"""What took how long in a request, as far as its row says when it began: nothing is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperinfer.nodes.ports import Attempt, Generation

Kind = Literal["admit", "attempt", "tool", "stream"]


class Bar(msgspec.Struct, frozen=True):
    """One of them. start_ms: since the request came."""

    name: str
    start_ms: int
    ms: int
    kind: Kind
    detail: str | None = None


def waterfall(g: Generation) -> tuple[Bar, ...]:
    """All of them, in the order in which they began. Rows of older versions do not say when their attempts began, and have
    none of these."""
    return tuple(sorted(_bars(g), key=lambda bar: bar.start_ms))


def _bars(g: Generation) -> Iterator[Bar]:
    if g.admitted_ms is not None:
        yield Bar("until it was admitted", 0, g.admitted_ms, "admit")
    for attempt in g.attempts:
        if attempt.at is not None:
            yield Bar(f"{attempt.provider} / {attempt.model}", attempt.at, attempt.ms, "attempt", _words(attempt, g))
    for tool in g.tools:
        yield Bar(tool.name, tool.at, tool.ms, "tool", "failed" if tool.failed else None)
    if g.streamed and g.first_token_ms is not None:
        yield Bar("from the first token to the end", g.first_token_ms, max(0, g.latency_ms - g.first_token_ms), "stream")


def _words(attempt: Attempt, g: Generation) -> str:
    words = ["no answer" if attempt.status is None else f"HTTP {attempt.status}"]
    words.append(attempt.code or ("to its first output" if g.streamed else "the whole reply"))
    if attempt.deadline is not None:
        words.append(f"deadline {attempt.deadline}")
    if attempt.chosen_by is not None:
        words.append(f"chosen by {attempt.chosen_by}")
    return ", ".join(words)
