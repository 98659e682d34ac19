"""The dialect of OpenAI's Responses API, as client format and as upstream format."""

from hyperinfer.formats.openai_responses.dialect import OPENAI_RESPONSES

__all__ = ["OPENAI_RESPONSES"]
