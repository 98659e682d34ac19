"""Each format by its name. Loads all of them."""

from collections.abc import Mapping

from hyperinfer.formats.anthropic_messages import ANTHROPIC_MESSAGES
from hyperinfer.formats.anthropic_messages.counting import MESSAGES_COUNTING
from hyperinfer.formats.codec import Format
from hyperinfer.formats.counting import Counting
from hyperinfer.formats.events import Dialect
from hyperinfer.formats.openai_chat import OPENAI_CHAT
from hyperinfer.formats.openai_responses import OPENAI_RESPONSES
from hyperinfer.formats.openai_responses.counting import RESPONSES_COUNTING

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
