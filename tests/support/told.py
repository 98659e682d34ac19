"""What a reply tells, without how it was cut and framed: the form in which replies of different formats are compared."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from hyperinfer.formats import Event
from hyperinfer.formats import events as ev
from hyperinfer.formats.opaque import TAG


class Piece(NamedTuple):
    """One thing that was told. `kind`: text | refusal | reasoning | blob | call | native | citation | end | usage.

    `text`: its words; of a call its arguments, of a blob its data, of a citation its address. `what`: of a call its id,
    name and kind, of a native block its type, of the end and the usage everything.
    """

    kind: str
    text: str = ""
    what: tuple[Any, ...] = ()


def told(events: Iterable[Event | str]) -> list[Piece]:
    """The pieces of choice 0, in order; citations, usage and the end last. What has no words is no piece."""
    out: list[Piece] = []
    cited: list[Piece] = []
    usage: Piece | None = None
    part: tuple[str, int] | None = None
    for event in events:
        assert not isinstance(event, str), event
        if event.choice:
            continue
        match event:
            case ev.TextDelta():
                out.append(Piece("text", event.text))
            case ev.Citation():
                cited.append(Piece("citation", event.url or "", (event.title,)))
            case ev.RefusalDelta():
                out.append(Piece("refusal", event.text))
            case ev.ReasoningStart():
                part = None
            case ev.ReasoningDelta():
                apart = bool(event.text) and part not in (None, (event.form, event.part))
                part = (event.form, event.part) if event.text else part
                out.append(Piece("reasoning", ("\n\n" if apart else "") + event.text))
            case ev.ReasoningEnd():
                out.extend(Piece("blob", opened(blob.data)) for blob in event.opaque)
            case ev.ToolCallStart():
                out.extend(Piece("blob", opened(blob.data)) for blob in event.opaque)
                out.append(Piece("call", "", (event.call_id, event.name, event.kind)))
            case ev.ArgumentsDelta():
                out[-1] = out[-1]._replace(text=out[-1].text + event.text)
            case ev.ToolCallEnd():
                out[-1] = out[-1]._replace(text=arguments(out[-1].text, out[-1].what[2]))
            case ev.ServerToolStart():
                out.append(Piece("native", "", (event.type,)))
            case ev.MessageStart() | ev.UsageUpdate() if (u := event.usage) is not None:
                counts = (u.input_tokens, u.output_tokens, u.cache_read, u.cache_write, u.reasoning)
                usage = Piece("usage", "", counts)
            case ev.MessageEnd():
                out.extend(cited)
                out.append(usage or Piece("usage", "", (0, 0, 0, 0, 0)))
                out.append(Piece("end", event.explanation or "", (event.stop, event.stop_sequence)))
            case _:
                pass
    return joined(out)


_WORDS = ("text", "refusal", "reasoning")


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Neighbours of one kind of words as one piece, without those that say nothing."""
    out: list[Piece] = []
    for piece in pieces:
        if piece.kind in _WORDS and out and out[-1].kind == piece.kind:
            out[-1] = piece._replace(text=out[-1].text + piece.text)
        elif piece.text or piece.kind not in _WORDS:
            out.append(piece)
    return out


def opened(data: str) -> str:
    """A blob without the tags that gateways put before it, and without what they packed beside it."""
    while data.startswith(TAG):
        data = data[len(TAG) :].partition(".")[2]
        for mark in ("call:", "packed:", "redacted:"):
            if data.startswith(mark):
                data = data[len(mark) :] if mark != "packed:" else data[len(mark) :].partition(":")[2]
    return data


def arguments(text: str, kind: str) -> str:
    """Arguments in one spelling; those of a custom tool as they are."""
    if kind == "custom":
        return text
    try:
        return json.dumps(json.loads(text or "{}"), sort_keys=True)
    except ValueError:
        return text


def about_something(events: Iterable[Event]) -> list[Event]:
    """The events without the sources that stand before all words of their text: Chat tells them with the next text."""
    out: list[Event] = []
    waiting: dict[int, list[Event]] = {}
    for event in reversed(list(events)):
        if isinstance(event, ev.TextEnd):
            waiting[event.choice] = []
        if isinstance(event, ev.Citation):
            waiting[event.choice].append(event)
            continue
        if isinstance(event, ev.TextDelta) and event.text:
            out.extend(waiting[event.choice])
            waiting[event.choice] = []
        out.append(event)
    return out[::-1]
