"""The route that counts the tokens of a Messages request (wire facts 1.7)."""

from __future__ import annotations

from hyperinfer.formats.anthropic_messages.request_decode import decode_count_request
from hyperinfer.formats.counting import Counting

_NOT_TAKEN = """
    max_tokens stream temperature top_p top_k stop_sequences metadata service_tier container inference_geo
"""

MESSAGES_COUNTING = Counting(
    path="/count_tokens", not_taken=frozenset(_NOT_TAKEN.split()), reply={}, decode=decode_count_request
)
"""`POST /messages/count_tokens`."""
