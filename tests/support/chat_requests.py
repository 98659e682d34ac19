"""Requests of other formats for a Chat upstream."""

from __future__ import annotations

import json
from typing import Any

from hyperinfer.formats import FORMATS, Dialect, Encoded, Target
from hyperinfer.formats.quirks import Quirks

CHAT = FORMATS["openai_chat"]
PNG = {"type": "base64", "media_type": "image/png", "data": "AA=="}
PNG_URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
WEATHER = {"name": "weather", "input_schema": {"type": "object"}}


def encode(dialect: Dialect, body: dict[str, Any], **options: Any) -> Encoded:
    conversation = FORMATS[dialect].decode_request(json.dumps({"model": "m", **body}).encode())
    target = Target(
        dialect="openai_chat",
        model="up",
        vendor=options.pop("vendor", "openai"),
        streamed=conversation.streamed,
        max_output_tokens=4_096,
        native_tools=options.pop("native_tools", frozenset()),
        quirks=Quirks(**options),
    )
    return CHAT.encode_request(conversation, target)


def sent(result: Encoded) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(result.body)
    return body


def lost(result: Encoded) -> list[str]:
    return [loss.path for loss in result.losses]
