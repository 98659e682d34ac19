"""A request of texts alone, in one step (`formats.plain_request`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.codec import Encoded
from hyperinfer.formats.openai_responses.request_decode import INSTRUCTIONS
from hyperinfer.formats.plain_request import limit_of, plain_texts

if TYPE_CHECKING:
    from hyperinfer.formats.codec import Target
    from hyperinfer.formats.conversation import Conversation, Role


def encode_plain(conversation: Conversation, target: Target) -> Encoded | None:
    """The request; None where it is written the general way."""
    texts = plain_texts(conversation, target)
    if texts is None:
        return None
    turns, same = conversation.turns, conversation.dialect == "openai_responses"
    body: dict[str, Any] = {"model": target.model}
    if texts and texts[0][0] == "system" and (turns[0].path == INSTRUCTIONS or not same):
        body["instructions"] = texts[0][1]
        turns, texts = turns[1:], texts[1:]
    if same and len(texts) == 1 and turns[0].path == "input":
        body["input"] = texts[0][1]
    else:
        own = {} if same else {"type": "message"}
        body["input"] = [{**own, "role": role, "content": _content(role, text, plain)} for role, text, plain in texts]
    if (limit := limit_of(conversation, target)) is not None:
        body["max_output_tokens"] = limit
    if conversation.sampling.temperature is not None:
        body["temperature"] = conversation.sampling.temperature
    if conversation.sampling.top_p is not None:
        body["top_p"] = conversation.sampling.top_p
    if target.quirks.openai_only_fields == "send":
        body["store"] = False
    if target.streamed:
        body["stream"] = True
        if same and conversation.stream_options:
            body["stream_options"] = conversation.stream_options
    return Encoded(body=msgspec.json.encode(body))


def _content(role: Role, text: str, plain: bool) -> Any:
    return text if plain else [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
