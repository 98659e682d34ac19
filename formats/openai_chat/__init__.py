"""OpenAI Chat Completions, as the client's format and as an upstream's."""

from hyperinfer.formats.openai_chat.format import OPENAI_CHAT

__all__ = ["OPENAI_CHAT"]
