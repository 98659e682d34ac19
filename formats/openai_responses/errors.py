"""Errors in the words of Responses: the JSON envelope, and `error` of a failed response."""

from __future__ import annotations

from typing import Any

import msgspec

from hyperinfer.formats.errors import ErrorReport, openai_error_type

_FAILED_CODES = {
    "provider_rate_limit": "rate_limit_exceeded",
    "insufficient_credits": "insufficient_quota",
    "key_limit_exceeded": "insufficient_quota",
}
"""OpenAI's word where clients act on it (wire facts 3.3: Codex reads the wait out of a rate limit's message, and does not
try again without quota). The other codes of the taxonomy stand as they are: clients take a code that they do not know for
a failure that may be retried, and `context_length_exceeded` is OpenAI's word already."""


def encode_error(error: ErrorReport) -> bytes:
    """The JSON body of an error response."""
    inner: dict[str, Any] = {
        "message": error.message,
        "type": openai_error_type(error.http_status),
        "code": error.code,
        "param": error.param,
        "request_id": error.request_id,
    }
    if error.details:
        inner["details"] = dict(error.details)
    return msgspec.json.encode({"error": inner})


def failed_error(error: ErrorReport) -> dict[str, Any]:
    """`response.error` of `response.failed`. `hi_code` is always the code of the taxonomy."""
    found: dict[str, Any] = {
        "code": _FAILED_CODES.get(error.code, error.code),
        "message": error.message,
        "hi_code": error.code,
        "request_id": error.request_id,
    }
    if error.param is not None:
        found["param"] = error.param
    return found
