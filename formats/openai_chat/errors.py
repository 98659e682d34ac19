"""The OpenAI error envelope (RULES: Errors; contract, schema OpenAIError)."""

from __future__ import annotations

from typing import Any

import msgspec

from hyperinfer.formats.errors import ErrorReport, openai_error_type


def encode_error(error: ErrorReport) -> bytes:
    """`{"error": {message, type, code, param, request_id}}`."""
    body: dict[str, Any] = {
        "message": error.message,
        "type": openai_error_type(error.http_status),
        "code": error.code,
        "param": error.param,
        "request_id": error.request_id,
    }
    if error.details:
        body["details"] = dict(error.details)
    return msgspec.json.encode({"error": body})
