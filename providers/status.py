"""From what an upstream answered to the gateway's error taxonomy. Pure.

The status of the response decides where it says enough; the body decides the rest, and everything where there is no
status: error frames within a stream, and errors under a 200. Texts are matched only where the status leaves open what
happened, and only against what known servers are known to say.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from hyperinfer.providers.error_body import ErrorFields, error_fields, is_html, read_error
from hyperinfer.providers.error_words import (
    CONTENT_FILTER,
    CONTEXT_LENGTH,
    KEY_REFUSED,
    MODEL_MISSING_WORDS,
    OVERLOADED,
    RATE_LIMIT,
    STATUS_OF_WORD,
)
from hyperinfer.providers.error_words import MODEL_MISSING as MODEL_MISSING_TEXT
from hyperinfer.providers.fault import MODEL_MISSING, SENTENCES, UpstreamFault
from hyperinfer.providers.redaction import redact, slug
from hyperinfer.providers.response_headers import header, retry_after

_BY_STATUS: Final = {
    401: "provider_auth",
    402: "provider_auth",
    403: "provider_auth",
    408: "provider_timeout",
    413: "payload_too_large",
    429: "provider_rate_limit",
    503: "provider_overloaded",
    504: "provider_timeout",
    529: "provider_overloaded",
}
_OPEN: Final = frozenset({400, 404, 409, 415, 422})
"""Statuses that speak of the request, or of the route: the body says which."""

_MEANING_OF_TEXT: Final = (
    (CONTEXT_LENGTH, 400),
    (CONTENT_FILTER, 400),
    (KEY_REFUSED, 401),
    (RATE_LIMIT, 429),
    (OVERLOADED, 529),
)


def classify(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float | None = None, private: Iterable[str] = ()
) -> UpstreamFault:
    """The fault behind a response that is no success: an error status, a redirect, or an error under a 200.

    `body` may be cut: it is read as far as it goes. `now` (Unix seconds) is for a `Retry-After` that is a date;
    `private` are texts that no message may hold (`redaction.redact`). Never raises.
    """
    html = is_html(body, header(headers, "content-type"))
    fields = ErrorFields() if html else read_error(body)
    if html or (status < 400 and not fields.found):
        fault = _fault_without_error(status, "an HTML page" if html else "something that is no response of its protocol")
    else:
        effective = _effective_status(status, fields)
        fault = _fault(_code(effective, fields), fields, effective, status, private)
    asked_not_to = header(headers, "x-should-retry").strip().lower() == "false"
    return msgspec.structs.replace(
        fault, retry_after=retry_after(headers, now), retryable=fault.retryable and not asked_not_to
    )


def classify_error_object(value: object, status: int | None = None, *, private: Iterable[str] = ()) -> UpstreamFault:
    """The fault that a decoded error means: the `error` of a chunk, an `error` event, a failed response, or a body.

    `status` is that of the HTTP response if it was an error's; within a stream and under a 200 the object's own numbers
    and words stand for it. Never raises.
    """
    fields = error_fields(value)
    effective = _effective_status(status or 0, fields)
    return _fault(_code(effective, fields), fields, effective, status or 0, private)


def _fault_without_error(status: int, what: str) -> UpstreamFault:
    """A page of a proxy, a redirect (which could point anywhere), or a success that is none."""
    code = _BY_STATUS.get(status, "provider_unavailable")
    detail = f"The provider answered with {'a redirect' if 300 <= status < 400 else what} (status {status})."
    retryable = status in (408, 429) or status >= 500
    return UpstreamFault(
        code=code,
        message=SENTENCES[code] if code == "provider_auth" else detail,
        detail=detail,
        retryable=retryable,
        failover=retryable or code in ("provider_unavailable", "provider_auth"),
        status=status,
    )


def _effective_status(status: int, fields: ErrorFields) -> int:
    """The status to judge by. Without an error status, the one the body means; a 500 may hold a 429."""
    if status >= 500 and fields.status == 429:
        return 429
    if status >= 400:
        return status
    if not fields.found:
        return 502
    if fields.status is not None:
        return fields.status
    for word in fields.words:
        if word in STATUS_OF_WORD:
            return STATUS_OF_WORD[word]
    said = _said(fields)
    return next((meant for pattern, meant in _MEANING_OF_TEXT if pattern.search(said)), 500)


def _code(status: int, fields: ErrorFields) -> str:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return "provider_unavailable"
    said = _said(fields)
    if KEY_REFUSED.search(said) or "invalid_api_key" in fields.words:
        return "provider_auth"
    if CONTEXT_LENGTH.search(said):
        return "context_length_exceeded"
    if CONTENT_FILTER.search(said):
        return "content_filter"
    if _is_model_missing(fields):
        return "provider_unavailable"
    # 405, 410 and their like speak of the address that we called, not of what the client sent.
    return "invalid_request" if status in _OPEN or "invalid_request_error" in fields.words else "provider_unavailable"


def _said(fields: ErrorFields) -> str:
    return f"{' '.join(fields.words)} {fields.text}"


def _is_model_missing(fields: ErrorFields) -> bool:
    return not MODEL_MISSING_WORDS.isdisjoint(fields.words) or MODEL_MISSING_TEXT.search(fields.message) is not None


def _fault(code: str, fields: ErrorFields, effective: int, status: int, private: Iterable[str]) -> UpstreamFault:
    private = tuple(private)
    detail = redact(fields.message, private)
    of_route = effective < 500 and code == "provider_unavailable"
    message = detail or SENTENCES[code]
    if code == "provider_auth":
        message = SENTENCES[code]
    elif of_route:
        message = MODEL_MISSING if _is_model_missing(fields) else SENTENCES[code]
    retryable = effective in (408, 429) or effective >= 500
    return UpstreamFault(
        code=code,
        message=message,
        detail=detail,
        retryable=retryable,
        failover=retryable or of_route or code == "provider_auth",
        status=status,
        param=slug(fields.param) if code in ("invalid_request", "context_length_exceeded", "content_filter") else None,
        upstream_type=slug(fields.type),
        upstream_code=slug(fields.code),
    )
