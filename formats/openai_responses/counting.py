"""The route that counts the input tokens of a Responses request (OpenAI's reference: Get input token counts)."""

from __future__ import annotations

from hyperinfer.formats.counting import Counting
from hyperinfer.formats.openai_responses.request_decode import decode_count_request

_NOT_TAKEN = """
    max_output_tokens max_tool_calls stream stream_options temperature top_p top_logprobs include store background
    metadata user safety_identifier service_tier moderation
    prompt_cache_key prompt_cache_options prompt_cache_retention
"""

RESPONSES_COUNTING = Counting(
    path="/input_tokens",
    not_taken=frozenset(_NOT_TAKEN.split()),
    reply={"object": "response.input_tokens"},
    decode=decode_count_request,
)
"""`POST /responses/input_tokens`."""
