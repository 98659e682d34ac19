"""What a reply or a turn says, as one string."""

from __future__ import annotations

from collections.abc import Iterable

from hyperinfer.formats.conversation import Part, TextPart
from hyperinfer.formats.events import Event, TextDelta


def text_of(said: Iterable[Event] | Iterable[Part]) -> str:
    """The text in the events of one reply, or in a part of it (a burst), or in the parts of one turn of a conversation:
    without reasoning, refusals and tool calls; of the first answer, where a request asked for several."""
    return "".join(
        [each.text for each in said if isinstance(each, TextPart) or (isinstance(each, TextDelta) and not each.choice)]
    )
