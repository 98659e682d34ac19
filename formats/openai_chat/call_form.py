"""The form in which a Chat client gets a tool call.

Custom tool calls have no official form in Chat streams (wire facts 2.2). A client that declared the tool as custom, or
whose upstream speaks Chat itself, gets them as custom; any other gets a function with the input in a string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Reply
    from hyperinfer.formats.events import ToolCallStart


def is_wrapped(event: ToolCallStart, reply: Reply, *, same: bool) -> bool:
    """Whether a custom call goes out as a function."""
    if event.kind == "function" or same:
        return False
    return all(tool.kind != "custom" or tool.name != event.name for tool in reply.conversation.tools)


def is_legacy_call(event: ToolCallStart, *, same: bool) -> bool:
    """Whether the call came in the deprecated `function_call`, and goes out in it."""
    return same and is_object(event.extra) and event.extra.get("legacy") is True
