"""The most cache marks that Messages takes in one request (wire facts 1.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hyperinfer.formats.wire import is_array

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages.scope import Scope

MOST_MARKS = 4


def keep_four_marks(scope: Scope, body: dict[str, Any]) -> None:
    """Takes cache marks off a translated body until four are left. The last ones cover the longest prefixes and stay."""
    marked = list(_marked(body))
    for block in marked[: max(0, len(marked) - MOST_MARKS)]:
        del block["cache_control"]
        scope.lose("cache_control", f"Messages takes at most {MOST_MARKS} cache marks")


def _marked(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything that carries a mark, in the order in which prompts are cached."""
    for holder in (body.get("tools"), body.get("system"), *(message["content"] for message in body["messages"])):
        if not is_array(holder):
            continue
        for block in holder:
            if "cache_control" in block:
                yield block
            if block.get("type") == "tool_result" and is_array(content := block.get("content")):
                yield from (inner for inner in content if "cache_control" in inner)
