"""From what an upstream's error says to the gateway's error taxonomy (RULES: Errors).

The status of the response decides where it says enough; the error's own numbers, words and texts decide the rest, and
everything where there is no status: error frames within a stream, and errors under a 200. Texts are matched only where
the status leaves open what happened, and only against what known servers are known to say.
"""

from collections.abc import Iterable
from typing import Final

from hyperinfer.formats.upstream_errors.fault import MODEL_MISSING, SENTENCES, UpstreamFault
from hyperinfer.formats.upstream_errors.fields import ErrorFields, error_fields
from hyperinfer.formats.upstream_errors.redaction import redact, slug
from hyperinfer.formats.upstream_errors.words import (
    CONTENT_FILTER,
    CONTEXT_LENGTH,
    KEY_REFUSED,
    MODEL_MISSING_TEXT,
    MODEL_MISSING_WORDS,
    OVERLOADED,
    RATE_LIMIT,
    STATUS_OF_WORD,
    TIMEOUT,
    UNAUTHORIZED,
    VAGUE_WORDS,
)

CODE_OF_STATUS: Final = {
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
"""The statuses that say enough by themselves."""

_OPEN: Final = frozenset({400, 404, 409, 415, 422})
"""Statuses that speak of the request, or of the route: the body says which."""

_MEANING_OF_TEXT: Final = (
    (CONTEXT_LENGTH, 400),
    (CONTENT_FILTER, 400),
    (KEY_REFUSED, 401),
    (RATE_LIMIT, 429),
    (OVERLOADED, 529),
    (TIMEOUT, 504),
    (UNAUTHORIZED, 401),
)
"""For where neither a status nor a word says it."""

_OF_REQUEST: Final = ("invalid_request", "context_length_exceeded", "content_filter")
"""The codes with which the name of a field helps the client."""


def fault_of_error(value: object, status: int | None = None, *, private: Iterable[str] = ()) -> UpstreamFault:
    """The fault that a decoded error means: the `error` of a chunk, an `error` event, a failed response, or a body.

    `status` is that of the HTTP response if it was an error's; within a stream and under a 200 the object's own numbers
    and words stand for it. `private` are texts that no message may hold (`redaction.redact`). Never raises.
    """
    return fault_of_fields(error_fields(value), status or 0, private=private)


def fault_of_fields(fields: ErrorFields, status: int, *, private: Iterable[str] = ()) -> UpstreamFault:
    """The same, of an error whose shape is undone. `status` is 0 where there was no response of its own."""
    effective = _effective_status(status, fields)
    code = _code(effective, fields)
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
        param=slug(fields.param) if code in _OF_REQUEST else None,
        upstream_type=slug(fields.type),
        upstream_code=slug(fields.code),
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
    vague = 0
    for word in fields.words:
        if word in MODEL_MISSING_WORDS:
            return 404
        meant = STATUS_OF_WORD.get(word)
        if meant is not None and word not in VAGUE_WORDS:
            return meant
        vague = vague or meant or 0
    if _is_model_missing(fields):
        return 404
    if vague:
        return vague
    said = _said(fields)
    return next((meant for pattern, meant in _MEANING_OF_TEXT if pattern.search(said)), 500)


def _code(status: int, fields: ErrorFields) -> str:
    if status in CODE_OF_STATUS:
        return CODE_OF_STATUS[status]
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
