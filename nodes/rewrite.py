"""Between the model and the client: what a reply says, changed while it is said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from hyperinfer.engine import Node, step
from hyperinfer.formats.events import ArgumentsDelta, Citation, Event, TextDelta, TextEnd, ToolCallEnd, UpstreamError
from hyperinfer.nodes.items import Answering, Reply, Ticket

_ENDS = (TextEnd, ToolCallEnd, Citation, UpstreamError)
"""What may follow a piece, and after which no other continues it."""


class Rewrite:
    """Pieces of text and of arguments, changed; what may go on in the next piece is held until it does not."""

    def __init__(self, change: Callable[[str, Ticket], str], unfinished: re.Pattern[str]) -> None:
        self._change, self._unfinished = change, unfinished
        self._ticket: Ticket | None = None
        self._held: dict[int, TextDelta | ArgumentsDelta] = {}  # by choice

    def push(self, item: Reply) -> Iterable[Reply]:
        """One item in, one out; a burst of which nothing is left is dropped."""
        if isinstance(item, Answering):
            self._ticket = item.ticket
            self._held.clear()  # of an attempt that did not come to its end
            return (item,)
        events: list[Event] = []
        for event in item:
            if isinstance(event, TextDelta | ArgumentsDelta):
                self._piece(event, events)
                continue
            if isinstance(event, _ENDS) and (held := self._held.pop(event.choice, None)) is not None:
                events.append(self._changed(held, held.text))
            events.append(event)
        return (tuple(events),) if events else ()

    def end(self) -> Iterable[Reply]:
        """What is held of a reply that stopped short may be half of something, and is not told."""
        return ()

    def _piece(self, event: TextDelta | ArgumentsDelta, events: list[Event]) -> None:
        before = self._held.pop(event.choice, None)
        text = event.text if before is None else before.text + event.text
        found = self._unfinished.search(text)
        end = len(text) if found is None else found.start()
        if end < len(text):
            self._held[event.choice] = msgspec.structs.replace(event, text=text[end:], extra=None)
        if end or event.extra is not None:
            events.append(self._changed(event, text[:end]))

    def _changed(self, event: TextDelta | ArgumentsDelta, text: str) -> Event:
        if self._ticket is None:
            raise RuntimeError("events came before the route that answers")
        text = self._change(text, self._ticket)
        if isinstance(event, ArgumentsDelta) or event.logprobs is None or text == event.text:
            return msgspec.structs.replace(event, text=text)
        return msgspec.structs.replace(event, text=text, logprobs=None)  # they are of other words


def rewrite(change: Callable[[str, Ticket], str], *, unfinished: str = r"\S+") -> Node[Reply, Reply]:
    r"""The node that changes what a reply says, while it is streamed: a `Reply` in, the same out.

    `change(text, ticket)` gives what is said in place of `text`, a part of the answer or of the arguments of a tool call
    (JSON text: what it puts there must be legal within a JSON string). It is called with one part after the other, each as
    long as what has come. `unfinished`: a pattern of what may go on in the part that follows; such an end of a part is held
    until it is known how it goes on. By default no word is taken apart; `r"<[\w-]*"` keeps whole what stands in angle
    brackets. Goes between `call` and `encode`. Reasoning and refusals stay as they are, and offsets of citations count the
    characters of the model's own text.
    """
    pattern = re.compile(rf"(?:{unfinished})\Z")
    return step(partial(Rewrite, change, pattern), name="rewrite", consumes=Reply, produces=Reply)
