"""Sans-IO codecs of the three wire formats and the canonical form between them.

`FORMATS` has one `Format` for each dialect; `events` and `conversation` are the canonical form, `codec` the protocols.
"""

from collections.abc import Mapping

from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.anthropic_messages.counting import MESSAGES_COUNTING
from hyperinfer.formats.codec import END, NEED_DATA, Encoded, EncodedReply, Format, Loss, Reply, Target, Upstream, Wait
from hyperinfer.formats.conversation import Conversation, Turn
from hyperinfer.formats.counting import Counting
from hyperinfer.formats.errors import CODES, EncodeError, ErrorReport, FormatError, PeerError, RequestError
from hyperinfer.formats.events import Burst, Dialect, Event
from hyperinfer.formats.openai_chat import OPENAI_CHAT
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from hyperinfer.formats.openai_responses.counting import RESPONSES_COUNTING

__all__ = [
    "ANTHROPIC_MESSAGES",
    "CODES",
    "COUNTING",
    "END",
    "FORMATS",
    "NEED_DATA",
    "OPENAI_CHAT",
    "OPENAI_RESPONSES",
    "Burst",
    "Conversation",
    "Counting",
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

COUNTING: Mapping[Dialect, Counting] = {
    "openai_responses": RESPONSES_COUNTING,
    "anthropic_messages": MESSAGES_COUNTING,
}
"""The routes that count the tokens of a request, by dialect. Chat Completions has none."""
