"""Tools that a Responses conversation declares in an item of its input, for upstreams that know only a list of tools.

Codex gives newer models all their tools in an `additional_tools` item, and what a search for tools has found in a
`tool_search_output`. In any other format they are tools like all others; the place in the conversation is lost, which no
model minds.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hyperinfer.formats.conversation import Conversation, NativePart, Tool
from hyperinfer.formats.search_calls import with_search_as_function

_DECLARATION = "additional_tools"


def with_late_tools(conversation: Conversation) -> Conversation:
    """The conversation with all tools in its list, and a search for tools as one of them. Of those with one name the first
    is kept."""
    late = list(_declared_in_turns(conversation))
    conversation = with_search_as_function(conversation)
    if not late:
        return conversation
    tools = {(tool.namespace, tool.name, tool.type): tool for tool in conversation.tools}
    for tool in late:
        tools.setdefault((tool.namespace, tool.name, tool.type), tool)
    turns = tuple(
        turn
        for turn in conversation.turns
        if not (turn.parts and all(isinstance(part, NativePart) and part.type == _DECLARATION for part in turn.parts))
    )
    return msgspec.structs.replace(conversation, tools=tuple(tools.values()), turns=turns)


def _declared_in_turns(conversation: Conversation) -> Iterable[Tool]:
    for turn in conversation.turns:
        for part in turn.parts:
            if type(part) is NativePart:
                yield from part.tools
