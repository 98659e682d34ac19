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

_ITEMS = (NativePart, ReasoningPart, ToolCallPart, ToolResultPart)
"""Parts that are whole items in Responses."""
_BESIDE = (ReasoningPart, ToolCallPart)
"""Parts that have fields of their own in an assistant message of Chat."""
_WHOLE = ("instructions", "input")
"""Turns that are one string."""


def part_path(turn: Turn, index: int, dialect: Dialect) -> str:
    """The path of a part, as well as it can be told: blocks of Messages that stood behind results count from there."""
    if turn.path in _WHOLE:
        return turn.path
    if turn.path == "system":
        return turn.path if turn.plain else f"system[{index}]"
    if dialect == "openai_responses":
        if len(turn.parts) == 1 and isinstance(turn.parts[0], _ITEMS):
            return turn.path
    elif dialect == "openai_chat":
        part = turn.parts[index]
        before = turn.parts[:index]
        match part:
            case ToolCallPart():
                return f"{turn.path}.tool_calls[{sum(isinstance(other, ToolCallPart) for other in before)}]"
            case ReasoningPart():
                return f"{turn.path}.reasoning"
            case ToolResultPart():
                return turn.path
            case RefusalPart() if "refusal" in (turn.quiet or {}):
                return f"{turn.path}.refusal"
            case _:
                for other in before:
                    index -= isinstance(other, _BESIDE)
    return f"{turn.path}.content" if turn.plain else f"{turn.path}.content[{index}]"


def result_part_path(result: ToolResultPart, path: str, index: int, dialect: Dialect) -> str:
    """The path of a part in the result at `path`."""
    field = "output" if dialect == "openai_responses" else "content"
    return f"{path}.{field}" if result.plain else f"{path}.{field}[{index}]"
