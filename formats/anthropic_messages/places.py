"""Calls and results in messages of the wrong side: a call of the user's, a result of the assistant's.

The contract does not rule them out, and Messages has no meaning for them. They go on as they came to an upstream that speaks
Messages, which may refuse them; to others as what they say.
"""

from __future__ import annotations

from typing import Any

from hyperinfer.formats.anthropic_messages.content import decode_block, unsaid_fields
from hyperinfer.formats.anthropic_messages.run_decode import decode_run
from hyperinfer.formats.conversation import NativePart, Part, TextPart, ToolCallPart, ToolResultPart


def decode_placed(role: str, block: dict[str, Any], path: str) -> Part:
    """A block in a message of this role. Raises `RequestError` as `decode_block` does."""
    if role == "assistant" and (run := decode_run(block)) is not None:
        return run
    part = decode_block(block, path)
    if role != "user" and type(part) is ToolResultPart:
        words = [inner.text for inner in part.content if isinstance(inner, TextPart)]
        text = "\n".join(words)
        said = () if len(words) < len(part.content) else ("content",)
        return NativePart(type="tool_result", raw=block, text=text or None, unsaid=unsaid_fields(block, *said))
    if role != "assistant" and type(part) is ToolCallPart:
        text = f"{part.name} {part.arguments}"
        return NativePart(type="tool_use", raw=block, text=text, unsaid=unsaid_fields(block, "name", "input"))
    return part
