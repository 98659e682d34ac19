"""Putting turns into the shape of a dialect that is stricter about messages than the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hyperinfer.formats.conversation import NativePart, ToolCallPart, ToolResultPart, Turn


def results_first(turns: Iterable[Turn]) -> list[Turn]:
    """Moves tool results up to directly behind the calls that they answer, past system and user turns in between.

    Chat and Messages demand it; a Responses history may have items of other kinds there. Assistant turns in a row count as
    one. A result that answers none of its calls stays where it is.
    """
    out: list[Turn] = []
    others: list[Turn] = []  # turns behind the last assistant turn that are not its results
    open_calls: set[str] = set()
    in_run = False
    for turn in turns:
        if turn.role == "assistant":
            out.extend(others)
            out.append(turn)
            others = []
            calls = {part.call_id for part in turn.parts if type(part) is ToolCallPart}
            open_calls = open_calls | calls if in_run else calls
            in_run = True
            continue
        in_run = False
        answered = {part.call_id for part in turn.parts if type(part) is ToolResultPart} & open_calls
        open_calls -= answered
        (out if answered else others).append(turn)
    return out + others


def is_silent(turn: Turn) -> bool:
    """Whether the turn says nothing to a model of another format: an item such as `configuration_update`, which stands
    between messages without being one. System turns behind it are still those at the head of the conversation."""
    if not turn.parts or type(turn.parts[0]) is not NativePart:
        return False
    return all(type(part) is NativePart and not (part.text and part.text.strip()) for part in turn.parts)


def joined_content(contents: Sequence[Any], text_part: Callable[[str], dict[str, Any]]) -> Any:
    """The contents of neighbouring messages as that of one, in linear time: a string while all are strings, else a list.

    `text_part`: a string as a part of such a list. Empty ones say nothing; of empty ones alone the last is the content.
    """
    said = [content for content in contents if content]
    if len(said) < 2:
        return said[0] if said else contents[-1]
    if all(isinstance(content, str) for content in said):
        return "\n\n".join(said)
    return [part for content in said for part in ([text_part(content)] if isinstance(content, str) else content)]
