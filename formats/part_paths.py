"""Where the parts of a turn stood in the caller's request, as losses and errors name it.

Turns keep their own path only. The place of a part follows from the dialect: Messages has everything in `content`, Chat has
calls and reasoning in fields of their own, Responses in items of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.conversation import NativePart, ReasoningPart, RefusalPart, ToolCallPart, ToolResultPart

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Turn
    from hyperinfer.formats.events import Dialect

_ITEMS = frozenset((NativePart, ReasoningPart, ToolCallPart, ToolResultPart))
"""Parts that are whole items in Responses."""
_WHOLE = ("instructions", "input")
"""Turns that are one string."""


def part_paths(turn: Turn, dialect: Dialect) -> list[str]:
    """The paths of its parts, as well as they can be told: blocks of Messages that stood behind results count from there."""
    if turn.path in _WHOLE:
        return [turn.path] * len(turn.parts)
    if turn.path == "system":
        return [turn.path if turn.plain else f"system[{index}]" for index in range(len(turn.parts))]
    if dialect == "openai_chat":
        return _in_chat(turn)
    if dialect == "openai_responses" and len(turn.parts) == 1 and type(turn.parts[0]) in _ITEMS:
        return [turn.path]
    if turn.plain:
        return [f"{turn.path}.content"] * len(turn.parts)
    return [f"{turn.path}.content[{index}]" for index in range(len(turn.parts))]


def _in_chat(turn: Turn) -> list[str]:
    calls = beside = 0
    found: list[str] = []
    for index, kind in enumerate(map(type, turn.parts)):
        if kind is ToolCallPart:
            found.append(f"{turn.path}.tool_calls[{calls}]")
            calls += 1
            beside += 1
        elif kind is ReasoningPart:
            found.append(f"{turn.path}.reasoning")
            beside += 1
        elif kind is ToolResultPart:
            found.append(turn.path)
        elif kind is RefusalPart and "refusal" in (turn.quiet or {}):
            found.append(f"{turn.path}.refusal")
        elif turn.plain:
            found.append(f"{turn.path}.content")
        else:
            found.append(f"{turn.path}.content[{index - beside}]")
    return found


def result_part_path(result: ToolResultPart, path: str, index: int, dialect: Dialect) -> str:
    """The path of a part in the result at `path`."""
    field = "output" if dialect == "openai_responses" else "content"
    return f"{path}.{field}" if result.plain else f"{path}.{field}[{index}]"
