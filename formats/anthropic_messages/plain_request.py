"""A request of texts alone, in one step (`formats.plain_request`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.anthropic_messages.scope import DIALECT
from hyperinfer.formats.anthropic_messages.thinking_encode import DEFAULT_LIMIT
from hyperinfer.formats.codec import Encoded
from hyperinfer.formats.plain_request import limit_of, plain_texts

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Target
    from hyperinfer.formats.conversation import Conversation


def encode_plain(conversation: Conversation, target: Target) -> Encoded | None:
    """The request; None where it is written the general way."""
    texts = plain_texts(conversation, target)
    if texts is None:
        return None
    same, temperature = conversation.dialect == DIALECT, conversation.sampling.temperature
    if not texts or (temperature is not None and temperature > 1 and not same):
        return None
    limit = limit_of(conversation, target)
    body: dict[str, Any] = {"model": target.model, "max_tokens": limit or target.max_output_tokens or DEFAULT_LIMIT}
    if texts[0][0] in ("system", "developer") and (conversation.turns[0].path == "system" or not same):
        _, text, plain = texts.pop(0)
        body["system"] = text if plain or not same else [{"type": "text", "text": text}]
    before = "assistant"
    for role, _, _ in texts:
        if role not in ("user", "assistant") or (role == before and not same):
            return None  # its place is found by what stands around it
        before = role
    if before == "assistant" and not same:
        return None  # whose end may not be blank
    body["messages"] = [
        {"role": role, "content": text if plain or not same else [{"type": "text", "text": text}]}
        for role, text, plain in texts
    ]
    if temperature is not None:
        body["temperature"] = temperature
    if conversation.sampling.top_p is not None:
        body["top_p"] = conversation.sampling.top_p
    if target.streamed:
        body["stream"] = True
    return Encoded(body=msgspec.json.encode(body))
