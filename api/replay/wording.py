"""Events of a reply in a few words each, for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hyperinfer.formats import events as ev
from hyperinfer.formats.errors import ErrorReport

if TYPE_CHECKING:
    from hyperinfer.api.replay.telling import KeepAlive, Told

LONGEST: Final = 60
"""Characters of a text that are shown."""


def name_of(what: ev.Event | KeepAlive | ErrorReport) -> str:
    """`TextDelta` as `text delta`."""
    if isinstance(what, ErrorReport):
        return "error"
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(what).__name__).lower()


def describe(what: ev.Event | KeepAlive | ErrorReport) -> str:
    """The name, and what matters most of it."""
    return f"{name_of(what)} {detail}" if (detail := detail_of(what)) else name_of(what)


def detail_of(what: ev.Event | KeepAlive | ErrorReport) -> str:
    """What matters most of it; empty where nothing does."""
    match what:
        case ev.TextDelta() | ev.ReasoningDelta() | ev.RefusalDelta() | ev.ArgumentsDelta():
            return shortened(what.text)
        case ev.MessageStart():
            return what.model
        case ev.ToolCallStart():
            return f"{what.name} {what.call_id}"
        case ev.ServerToolStart():
            return what.type
        case ev.ToolRunStart():
            return f"{what.run.name} {what.run.call_id}"
        case ev.ToolRunEnd():
            return f"{what.run.name}: {what.outcome.error or what.outcome.summary}"
        case ev.ImageOutput():
            return what.image.media_type
        case ev.Citation():
            return what.url or what.title or ""
        case ev.UsageUpdate():
            told = f"{what.usage.input_tokens} read, {what.usage.output_tokens} written"
            return f"{told}, the end of a round" if what.round_over else told
        case ev.MessageEnd() | ev.ChoiceEnd():
            return what.stop
        case ev.Unknown():
            return what.name
        case ErrorReport() | ev.UpstreamError():
            return f"{what.code}: {what.message}"
        case _:
            return ""


def shortened(text: str) -> str:
    """As a literal, at most `LONGEST` characters of it."""
    return repr(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def texts_of(told: tuple[Told, ...], kind: type[ev.TextDelta | ev.ReasoningDelta]) -> str:
    """The text of all deltas of a kind, of the first choice."""
    return "".join([each.what.text for each in told if isinstance(each.what, kind) and each.what.choice == 0])
