"""The Anthropic error envelope, both ways (wire facts 1.6; RULES: Errors; contract, schema AnthropicError)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hyperinfer.formats.errors import ErrorReport, anthropic_error_type
from hyperinfer.formats.upstream_errors import upstream_error
from hyperinfer.formats.wire import is_object

if TYPE_CHECKING:
    from hyperinfer.formats.events import UpstreamError

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def encode_error(error: ErrorReport) -> bytes:
    """`{"type": "error", "error": {type, code, message}, "request_id"}`, the field at fault and details where known."""
    body: dict[str, Any] = {"type": anthropic_error_type(error.http_status), "code": error.code, "message": error.message}
    if error.param is not None:
        body["param"] = error.param
    if error.details:
        body["details"] = dict(error.details)
    return msgspec.json.encode({"type": "error", "error": body, "request_id": error.request_id})


def decode_error(body: Any) -> UpstreamError:
    """An error frame of a stream, or an error under a 200: Anthropic's types stand for the statuses they come with."""
    inner = body.get("error") if is_object(body) else None
    kind = inner.get("type") if is_object(inner) else None
    return upstream_error(body, _STATUS.get(kind) if isinstance(kind, str) else None)
