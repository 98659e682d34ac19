"""Anthropic's typed tools that the caller runs itself, as plain functions.

Their schemas are built into Anthropic's models. A model elsewhere is told the same with a schema of ours: the fields are
those that callers of these tools implement.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class ClientTool(NamedTuple):
    """What a typed tool does, and the JSON schema of its input."""

    description: str
    parameters: dict[str, Any]


def client_tool(kind: str) -> ClientTool | None:
    """The meaning of a wire type such as `bash_20250124`, whatever its version; None for tools that Anthropic runs."""
    family = kind.rstrip("0123456789").rstrip("_")
    return _CLIENT_TOOLS.get(family)


def _object(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


_STRING = {"type": "string"}
_INTEGER = {"type": "integer"}
_RANGE = {"type": "array", "items": _INTEGER, "description": "First and last line; -1 for the end."}
_POINT = {"type": "array", "items": _INTEGER, "description": "x and y in pixels."}

_EDITOR = ClientTool(
    "Views, creates and edits text files.",
    _object(
        ["command", "path"],
        {
            "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert"]},
            "path": _STRING,
            "file_text": {"type": "string", "description": "Content of the file to create."},
            "old_str": {"type": "string", "description": "Text to replace; it must occur once."},
            "new_str": {"type": "string", "description": "Text to put in its place."},
            "insert_line": {"type": "integer", "description": "Line to insert after; 0 for the beginning."},
            "insert_text": {"type": "string", "description": "Text to insert."},
            "view_range": _RANGE,
        },
    ),
)

_CLIENT_TOOLS: dict[str, ClientTool] = {
    "bash": ClientTool(
        "Runs a command in a bash session that lasts over calls.",
        _object(
            [],
            {
                "command": {"type": "string", "description": "The command to run."},
                "restart": {"type": "boolean", "description": "Start the session anew instead."},
            },
        ),
    ),
    "text_editor": _EDITOR,
    "memory": ClientTool(
        "Keeps notes in files under /memories that last over conversations.",
        _object(
            ["command"],
            {
                "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert", "delete", "rename"]},
                "path": _STRING,
                "file_text": _STRING,
                "old_str": _STRING,
                "new_str": _STRING,
                "insert_line": _INTEGER,
                "insert_text": _STRING,
                "view_range": _RANGE,
                "old_path": _STRING,
                "new_path": _STRING,
            },
        ),
    ),
    "computer": ClientTool(
        "Uses a computer: takes screenshots, moves and clicks the mouse, types.",
        _object(
            ["action"],
            {
                "action": {"type": "string", "description": "screenshot, left_click, type, key, scroll, wait, …"},
                "coordinate": _POINT,
                "start_coordinate": _POINT,
                "text": _STRING,
                "duration": {"type": "number", "description": "Seconds."},
                "scroll_direction": {"type": "string", "enum": ["up", "down", "left", "right"]},
                "scroll_amount": _INTEGER,
            },
        ),
    ),
}
