"""What can go wrong in a codec, and the stable error taxonomy with its HTTP statuses and native types.

Three exceptions, by who is at fault: `RequestError` (the caller's request; becomes a 4xx), `PeerError` (bytes that an
upstream sent), `EncodeError` (events in an illegal order: a bug of the pipeline). Any other exception out of `formats`
is a bug. An error that an upstream reports in its protocol is none of these: it is the event `UpstreamError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

CODES: dict[str, int] = {
    "provider_auth": 502,
    "provider_rate_limit": 429,
    "provider_overloaded": 529,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "provider_timeout": 504,
    "provider_unavailable": 502,
    "insufficient_credits": 402,
    "key_limit_exceeded": 402,
    "model_not_allowed": 403,
    "invalid_api_key": 401,
    "workspace_locked": 403,
    "rate_limit_exceeded": 429,
    "invalid_request": 400,
    "payload_too_large": 413,
    "internal_error": 500,
}
"""Error code to HTTP status (contract, schema ErrorCode)."""

_OPENAI_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    409: "invalid_request_error",
    431: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def openai_error_type(status: int) -> str:
    """`error.type` of the OpenAI envelope for an HTTP status (RULES: Errors)."""
    return _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")


def anthropic_error_type(status: int) -> str:
    """`error.type` of the Anthropic envelope for an HTTP status (RULES: Errors)."""
    return _ANTHROPIC_TYPES.get(status, "api_error")


class ErrorReport(msgspec.Struct, frozen=True):
    """An error as a client is told it, in any envelope.

    `code`: one of `CODES`, or of a node of the user's own. `message`: a sentence, without secrets. `request_id`: bare.
    `param`: the path of the field that is at fault. `status` overrides the code's own (404, 405, 408 and 409, and what the
    edge refuses). `details`: further facts, JSON-representable.
    """

    code: str
    message: str
    request_id: str
    param: str | None = None
    status: int | None = None
    details: Mapping[str, Any] | None = None

    @property
    def http_status(self) -> int:
        """The HTTP status to send. A code that is none of ours, of a node of the user's own, is a 500."""
        return self.status if self.status is not None else CODES.get(self.code, 500)


class FormatError(Exception):
    """Base of the exceptions of this package; never raised itself."""


class RequestError(FormatError):
    """The caller's request cannot be served. `param` is the path of the offending field: `messages[0].content`."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str = "invalid_request",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.param, self.code, self.details = message, param, code, details


class PeerError(FormatError):
    """An upstream sent bytes that are no legal reply: garbage, an illegal order, an end before the end."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EncodeError(FormatError):
    """An encoder was given an event that is not legal at this point: a fault of the pipeline that feeds it."""
