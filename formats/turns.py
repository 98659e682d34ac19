"""Merging turns for dialects that want one message where another has several items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from hyperinfer.formats.conversation import Turn


def merge_assistant(turns: Iterable[Turn]) -> Iterator[Turn]:
    """Joins runs of assistant turns into one turn each, keeping the order of their parts.

    A Responses history has reasoning, text and calls as items of their own; Chat and Messages have them in one message.
    The first turn of a run gives path, name and extra.
    """
    run: list[Turn] = []
    for turn in turns:
        if turn.role == "assistant":
            run.append(turn)
            continue
        if run:
            yield _joined(run)
            run = []
        yield turn
    if run:
        yield _joined(run)


def _joined(run: list[Turn]) -> Turn:
    if len(run) == 1:
        return run[0]
    return msgspec.structs.replace(run[0], parts=tuple(part for turn in run for part in turn.parts))
