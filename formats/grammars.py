"""The grammar of a custom tool's text, between the forms that OpenAI's two dialects have for it (wire facts 2.1, 4.4).

Chat: `{type: grammar, grammar: {syntax, definition}}`. Responses: `{type: grammar, syntax, definition}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import Tool


def flat(grammar: dict[str, Any]) -> dict[str, Any]:
    """The form of Responses."""
    inner = grammar.get("grammar")
    if not is_object(inner):
        return grammar
    return {**{name: value for name, value in grammar.items() if name != "grammar"}, **inner}


def nested(grammar: dict[str, Any]) -> dict[str, Any]:
    """The form of Chat."""
    if grammar.get("type") != "grammar" or "grammar" in grammar:
        return grammar
    return {"type": "grammar", "grammar": {name: value for name, value in grammar.items() if name != "type"}}


def restricts(tool: Tool) -> bool:
    """Whether a custom tool takes less than any text."""
    return bool(tool.grammar) and (tool.grammar or {}).get("type") != "text"


def told(tool: Tool) -> str | None:
    """The description of a custom tool for a model whose provider enforces no grammar: it is told of it instead."""
    if not restricts(tool):
        return tool.description
    grammar = flat(tool.grammar or {})
    definition, syntax = grammar.get("definition"), grammar.get("syntax")
    text = definition if isinstance(definition, str) else msgspec.json.encode(grammar).decode()
    kind = f" ({syntax})" if isinstance(syntax, str) else ""
    return f"{tool.description or ''}\n\nThe input must follow this grammar{kind}:\n{text}".strip()
