"""A reply's events as its blocks: what a conversation that goes on has to say again.

Only choice 0, and nothing of the gateway's own tools: their results are turns of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from hyperinfer.formats import events as ev
from hyperinfer.formats.conversation import ReasoningPart, ReasoningText, ToolCallPart

if TYPE_CHECKING:
    from hyperinfer.formats.events import Event, Extra

Start: TypeAlias = ev.TextStart | ev.ReasoningStart | ev.RefusalStart | ev.ToolCallStart | ev.ServerToolStart
_STARTS = (ev.TextStart, ev.ReasoningStart, ev.RefusalStart, ev.ToolCallStart, ev.ServerToolStart)
End: TypeAlias = ev.TextEnd | ev.ReasoningEnd | ev.RefusalEnd | ev.ToolCallEnd | ev.ServerToolEnd
_ENDS = (ev.TextEnd, ev.ReasoningEnd, ev.RefusalEnd, ev.ToolCallEnd, ev.ServerToolEnd)


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One block. `text`: of a text or refusal, or the arguments of a call. `texts`: the parts of reasoning. `details`: what
    its pieces say of themselves in Chat's `reasoning_details`."""

    start: Start
    end: End
    text: str = ""
    texts: tuple[ReasoningText, ...] = ()
    details: tuple[Any, ...] = ()
    citations: tuple[ev.Citation, ...] = ()
    logprobs: tuple[Any, ...] = ()


class Blocks(msgspec.Struct, frozen=True, kw_only=True):
    """A reply. `unknown` events stand among the blocks where they came."""

    start: ev.MessageStart
    blocks: tuple[Block | ev.Unknown, ...]


def blocks_of(events: Iterable[Event]) -> Blocks:
    """The blocks of a reply whose events are in legal order and complete."""
    start: ev.MessageStart | None = None
    found: list[Block | ev.Unknown] = []
    gathering: _Gathering | None = None
    for event in events:
        if event.choice:
            continue
        if isinstance(event, ev.MessageStart):
            start = event
        elif isinstance(event, _STARTS):
            gathering = _Gathering(event)
        elif isinstance(event, ev.Unknown):
            found.append(event)
        elif gathering is not None:
            if isinstance(event, _ENDS):
                found.append(gathering.block(event))
                gathering = None
            else:
                gathering.add(event)
    if start is None:
        raise ValueError("a reply begins with MessageStart")
    return Blocks(start=start, blocks=tuple(found))


class _Gathering:
    """The block that is open."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._text: list[str] = []
        self._part: tuple[str, int] | None = None  # of reasoning
        self._thoughts: list[tuple[Literal["text", "summary"], list[str]]] = []  # the form and the pieces of each part
        self._details: list[Any] = []
        self._citations: list[ev.Citation] = []
        self._logprobs: list[Any] = []

    def add(self, event: Event) -> None:
        match event:
            case ev.TextDelta():
                self._text.append(event.text)
                self._logprobs += event.logprobs or ()
            case ev.RefusalDelta() | ev.ArgumentsDelta():
                self._text.append(event.text)
            case ev.Citation():
                self._citations.append(event)
            case ev.ReasoningDelta():
                if self._part != (event.form, event.part):
                    self._part = (event.form, event.part)
                    self._thoughts.append((event.form, []))
                self._thoughts[-1][1].append(event.text)
                self._details += (event.extra or {}).get("details") or ()
            case _:
                pass

    def block(self, end: End) -> Block:
        return Block(
            start=self._start,
            end=end,
            text="".join(self._text),
            texts=tuple(ReasoningText("".join(pieces), form) for form, pieces in self._thoughts if any(pieces)),
            details=tuple(self._details),
            citations=tuple(self._citations),
            logprobs=tuple(self._logprobs or (end.logprobs if isinstance(end, ev.TextEnd) else None) or ()),
        )


def reasoning_parts(block: Block, item_id: str | None = None, extra: Extra = None) -> list[ReasoningPart]:
    """A reasoning block as parts of one blob each: other formats have room for one. The first has the text."""
    assert isinstance(block.end, ev.ReasoningEnd)
    blobs = block.end.opaque
    first = ReasoningPart(texts=block.texts, opaque=blobs[:1], item_id=item_id, extra=extra)
    return [first, *(ReasoningPart(opaque=(blob,)) for blob in blobs[1:])]


def call_part(block: Block, item_id: str | None = None, extra: Extra = None) -> ToolCallPart:
    """A call, with the state that its vendor wants back."""
    start = block.start
    assert isinstance(start, ev.ToolCallStart)
    arguments = block.text
    if start.kind == "function" and arguments.strip() in ("", "null"):
        arguments = "{}"
    return ToolCallPart(
        call_id=start.call_id,
        name=start.name,
        arguments=arguments,
        kind=start.kind,
        namespace=start.namespace,
        item_id=item_id,
        opaque=start.opaque,
        extra=extra,
    )
