"""Deterministic tests of what talks to language models: scripted and recorded upstreams, and a conformance kit.

Each name is loaded when it is first asked for: the pytest plugin is in every test run, and most need none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hyperinfer.testing.parts import (
        Answer,
        Citation,
        CustomToolCall,
        Cut,
        EndEarly,
        ErrorEvent,
        HttpError,
        Pause,
        RawBytes,
        RawReply,
        Reasoning,
        RedactedReasoning,
        Refusal,
        Reply,
        Reset,
        Stall,
        Stop,
        Text,
        ToolCall,
        Usage,
    )
    from hyperinfer.testing.received import Received
    from hyperinfer.testing.recorded import RecordedUpstream
    from hyperinfer.testing.scripted import ScriptedUpstream
    from hyperinfer.testing.sdks import on_virtual_time
    from hyperinfer.testing.upstream import Upstream
    from hyperinfer.testing.virtual_loop import VirtualEventLoop
    from hyperinfer.testing.wire.frames import Asked, Chunk, Ending, Wire
    from hyperinfer.testing.wire.render import render

__all__ = [
    "Answer",
    "Asked",
    "Chunk",
    "Citation",
    "CustomToolCall",
    "Cut",
    "EndEarly",
    "Ending",
    "ErrorEvent",
    "HttpError",
    "Pause",
    "RawBytes",
    "RawReply",
    "Reasoning",
    "Received",
    "RecordedUpstream",
    "RedactedReasoning",
    "Refusal",
    "Reply",
    "Reset",
    "ScriptedUpstream",
    "Stall",
    "Stop",
    "Text",
    "ToolCall",
    "Upstream",
    "Usage",
    "VirtualEventLoop",
    "Wire",
    "on_virtual_time",
    "render",
]

_FROM: Final = {
    "parts": (
        "Answer", "Citation", "CustomToolCall", "Cut", "EndEarly", "ErrorEvent", "HttpError", "Pause", "RawBytes",
        "RawReply", "Reasoning", "RedactedReasoning", "Refusal", "Reply", "Reset", "Stall", "Stop", "Text", "ToolCall",
        "Usage",
    ),
    "received": ("Received",),
    "recorded": ("RecordedUpstream",),
    "scripted": ("ScriptedUpstream",),
    "sdks": ("on_virtual_time",),
    "upstream": ("Upstream",),
    "virtual_loop": ("VirtualEventLoop",),
    "wire.frames": ("Asked", "Chunk", "Ending", "Wire"),
    "wire.render": ("render",),
}  # fmt: skip
_MODULE_OF: Final = {name: module for module, names in _FROM.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    return value
