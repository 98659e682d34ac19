"""A request of texts alone, in one step (`formats.plain_request`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

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
    sampling, quirks, same = conversation.sampling, target.quirks, conversation.dialect == "openai_chat"
    messages: list[dict[str, Any]] = []
    before = ""
    for role, text, plain in texts:
        if role == before == "assistant" and not same:
            return None  # they make one message
        messages.append({"role": role, "content": text if plain or not same else [{"type": "text", "text": text}]})
        before = role
    body: dict[str, Any] = {"model": target.model, "messages": messages}
    if (limit := limit_of(conversation, target)) is not None:
        field = quirks.max_tokens_field
        body[(sampling.max_tokens_field or "max_tokens") if field == "as_sent" else field] = limit
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if target.streamed:
        body["stream"] = True
        if quirks.stream_usage == "send":
            options = conversation.stream_options if same else None
            body["stream_options"] = {**(options or {}), "include_usage": True}
    return Encoded(body=msgspec.json.encode(body))
