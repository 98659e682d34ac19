"""Sans-IO codecs of the three wire formats and the canonical form between them.

`FORMATS` has one `Format` for each dialect; `events` and `conversation` are the canonical form, `codec` the protocols.
Each name is loaded when it is first asked for: who reads the catalogue needs none of the codecs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
    from hyperinfer.formats.codec import END, NEED_DATA, Encoded, EncodedReply, Format, Loss, Reply, Target, Upstream, Wait
    from hyperinfer.formats.conversation import (
        AudioPart,
        Base64Source,
        Conversation,
        FileIdSource,
        FilePart,
        ImagePart,
        NativePart,
        Part,
        PlainTextSource,
        ReasoningConfig,
        ReasoningPart,
        ReasoningText,
        RefusalPart,
        ResponseFormat,
        Role,
        Sampling,
        TextPart,
        Tool,
        ToolCallPart,
        ToolChoice,
        ToolResultPart,
        Turn,
        UrlSource,
    )
    from hyperinfer.formats.counting import Counting
    from hyperinfer.formats.errors import CODES, EncodeError, ErrorReport, FormatError, PeerError, RequestError
    from hyperinfer.formats.events import (
        ArgumentsDelta,
        Burst,
        ChoiceEnd,
        Citation,
        Dialect,
        Event,
        ImageOutput,
        MessageEnd,
        MessageStart,
        ReasoningDelta,
        ReasoningEnd,
        ReasoningStart,
        RefusalDelta,
        RefusalEnd,
        RefusalStart,
        ServerToolDelta,
        ServerToolEnd,
        ServerToolStart,
        StopReason,
        TextDelta,
        TextEnd,
        TextStart,
        ToolCallEnd,
        ToolCallStart,
        ToolRunEnd,
        ToolRunStart,
        Unknown,
        UpstreamError,
        UsageUpdate,
    )
    from hyperinfer.formats.openai_chat import OPENAI_CHAT
    from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
    from hyperinfer.formats.registry import COUNTING, FORMATS
    from hyperinfer.formats.said import text_of
    from hyperinfer.formats.usage import Usage

__all__ = [
    "ANTHROPIC_MESSAGES",
    "CODES",
    "COUNTING",
    "END",
    "FORMATS",
    "NEED_DATA",
    "OPENAI_CHAT",
    "OPENAI_RESPONSES",
    "ArgumentsDelta",
    "AudioPart",
    "Base64Source",
    "Burst",
    "ChoiceEnd",
    "Citation",
    "Conversation",
    "Counting",
    "Dialect",
    "EncodeError",
    "Encoded",
    "EncodedReply",
    "ErrorReport",
    "Event",
    "FileIdSource",
    "FilePart",
    "Format",
    "FormatError",
    "ImageOutput",
    "ImagePart",
    "Loss",
    "MessageEnd",
    "MessageStart",
    "NativePart",
    "Part",
    "PeerError",
    "PlainTextSource",
    "ReasoningConfig",
    "ReasoningDelta",
    "ReasoningEnd",
    "ReasoningPart",
    "ReasoningStart",
    "ReasoningText",
    "RefusalDelta",
    "RefusalEnd",
    "RefusalPart",
    "RefusalStart",
    "Reply",
    "RequestError",
    "ResponseFormat",
    "Role",
    "Sampling",
    "ServerToolDelta",
    "ServerToolEnd",
    "ServerToolStart",
    "StopReason",
    "Target",
    "TextDelta",
    "TextEnd",
    "TextPart",
    "TextStart",
    "Tool",
    "ToolCallEnd",
    "ToolCallPart",
    "ToolCallStart",
    "ToolChoice",
    "ToolResultPart",
    "ToolRunEnd",
    "ToolRunStart",
    "Turn",
    "Unknown",
    "Upstream",
    "UpstreamError",
    "UrlSource",
    "Usage",
    "UsageUpdate",
    "Wait",
    "text_of",
]

_FROM: Final = {
    "anthropic_messages": ("ANTHROPIC_MESSAGES",),
    "codec": (
        "END", "NEED_DATA", "Encoded", "EncodedReply", "Format", "Loss", "Reply", "Target", "Upstream", "Wait",
    ),
    "conversation": (
        "AudioPart", "Base64Source", "Conversation", "FileIdSource", "FilePart", "ImagePart", "NativePart", "Part",
        "PlainTextSource", "ReasoningConfig", "ReasoningPart", "ReasoningText", "RefusalPart", "ResponseFormat", "Role",
        "Sampling", "TextPart", "Tool", "ToolCallPart", "ToolChoice", "ToolResultPart", "Turn", "UrlSource",
    ),
    "counting": ("Counting",),
    "errors": ("CODES", "EncodeError", "ErrorReport", "FormatError", "PeerError", "RequestError"),
    "events": (
        "ArgumentsDelta", "Burst", "ChoiceEnd", "Citation", "Dialect", "Event", "ImageOutput", "MessageEnd",
        "MessageStart", "ReasoningDelta", "ReasoningEnd", "ReasoningStart", "RefusalDelta", "RefusalEnd",
        "RefusalStart", "ServerToolDelta", "ServerToolEnd", "ServerToolStart", "StopReason", "TextDelta", "TextEnd",
        "TextStart", "ToolCallEnd", "ToolCallStart", "ToolRunEnd", "ToolRunStart", "Unknown", "UpstreamError",
        "UsageUpdate",
    ),
    "openai_chat": ("OPENAI_CHAT",),
    "openai_responses": ("OPENAI_RESPONSES",),
    "registry": ("COUNTING", "FORMATS"),
    "said": ("text_of",),
    "usage": ("Usage",),
}  # fmt: skip
_MODULE_OF: Final = {name: module for module, names in _FROM.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    return value
