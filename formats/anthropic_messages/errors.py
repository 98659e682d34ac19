"""The Anthropic error envelope (wire facts 1.6; RULES: Errors; contract, schema AnthropicError)."""

from __future__ import annotations

from typing import Any

import msgspec

from hyperinfer.formats.errors import ErrorReport, anthropic_error_type


def encode_error(error: ErrorReport) -> bytes:
    """`{"type": "error", "error": {type, code, message}, "request_id"}`, the field at fault and details where known."""
    body: dict[str, Any] = {"type": anthropic_error_type(error.http_status), "code": error.code, "message": error.message}
    if error.param is not None:
        body["param"] = error.param
    if error.details:
        body["details"] = dict(error.details)
    return msgspec.json.encode({"type": "error", "error": body, "request_id": error.request_id})
