"""Sans-IO codecs of the three wire formats and the canonical form between them.

`FORMATS` has one `Format` for each dialect; `events` and `conversation` are the canonical form, `codec` the protocols.
"""

from collections.abc import Mapping

from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.codec import END, NEED_DATA, Encoded, EncodedReply, Format, Loss, Reply, Target, Upstream, Wait
from hyperinfer.formats.conversation import Conversation, Turn
from hyperinfer.formats.errors import CODES, EncodeError, ErrorReport, FormatError, PeerError, RequestError
from hyperinfer.formats.events import Burst, Dialect, Event
from hyperinfer.formats.openai_chat import OPENAI_CHAT
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES

__all__ = [
    "ANTHROPIC_MESSAGES",
    "CODES",
    "END",
    "FORMATS",
    "NEED_DATA",
    "OPENAI_CHAT",
    "OPENAI_RESPONSES",
    "Burst",
    "Conversation",
    "Dialect",
    "EncodeError",
    "Encoded",
    "EncodedReply",
    "ErrorReport",
    "Event",
    "Format",
    "FormatError",
    "Loss",
    "PeerError",
    "Reply",
    "RequestError",
    "Target",
    "Turn",
    "Upstream",
    "Wait",
]

FORMATS: Mapping[Dialect, Format] = {
    "openai_chat": OPENAI_CHAT,
    "openai_responses": OPENAI_RESPONSES,
    "anthropic_messages": ANTHROPIC_MESSAGES,
}
"""Each dialect by its name, which is also the `protocol` of a provider."""
