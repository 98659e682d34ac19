"""The commonest whole reply: one text and nothing else. Each dialect reads and writes it in one step, by its `plain_reply`.

What it must come to is said by the general decoders and encoders alone, and a law holds the two ways together: the short
one takes a reply only if it gives the same, to the byte, and leaves every other one to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from hyperinfer.formats.events import MessageEnd, MessageStart, TextDelta, TextEnd, TextStart, ToolCallEnd, UsageUpdate

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.usage import Usage

TEXT_START = TextStart()
TEXT_END = TextEnd()
CALL_END = ToolCallEnd()
"""Those without anything in them: frozen, so one of each serves."""


PlainReply: TypeAlias = "tuple[MessageStart, TextStart, str, TextEnd, Usage, MessageEnd]"
"""The events of such a reply, of the text and the counts what is in them. The text is never empty. `extra` of the others
may be there, and what names the item of the text."""


def plain_reply(events: Sequence[Event]) -> PlainReply | None:
    """The reply that these events are, where it is a plain one: in legal order by its form."""
    if len(events) != 6:
        return None
    start, opened, said, closed, counted, end = events
    if not (
        type(start) is MessageStart
        and type(opened) is TextStart
        and type(said) is TextDelta
        and type(closed) is TextEnd
        and type(counted) is UsageUpdate
        and type(end) is MessageEnd
    ):
        return None
    if opened.choice or said.choice or closed.choice or not said.text:
        return None
    if said.logprobs is not None or said.extra is not None or closed.logprobs is not None or start.usage is not None:
        return None
    if end.stop == "refusal" or end.stop_sequence is not None or end.explanation is not None:
        return None
    return start, opened, said.text, closed, counted.usage, end
