"""What an upstream's error means, from its words and codes, whatever shape it has.

Servers agree on little: the error is an object, a string, a list or a `detail`; its code is a word, a number, a number
in a string; it comes under an error status, under 200, or as a frame in a stream. Here the shape is undone once, and the
facts are sorted into the taxonomy of `errors.CODES` (RULES: Errors).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from hyperinfer.formats.events import UpstreamError
from hyperinfer.formats.wire import is_array, is_object

MAX_MESSAGE = 500
"""Characters of an upstream's message that are passed on."""

_MAX_NESTING = 8
"""Wrappings of an error that are looked into."""


class ErrorFacts(NamedTuple):
    """An upstream's error object, flattened. Words are lower case, absent ones empty. `status`: a numeric code within."""

    message: str
    type: str
    code: str
    status: int | None
    param: str | None


_CONTEXT = re.compile(
    r"context.?length|context.?window|maximum context|prompt is too long|too_many_prompt_tokens|input is too long"
    r"|total length of all messages is too long|exceed(s|ed)? the (available )?context|exceed_context_size"
    r"|too many (input |prompt )?tokens|input (token count|length).{0,40}exceed",
    re.I,
)
_FILTER = re.compile(
    r"content.?filter|content.?management policy|responsible.?ai|content_policy|safety (system|filter)|moderation.?block",
    re.I,
)
_NO_MODEL = re.compile(
    r"model.?not.?found|model_not_available|deploymentnotfound|unknown_model|no such model|invalid_model"
    r"|model\b.{0,120}\b(not (found|exist|available|supported)|does not exist|doesn't exist|has been deprecated)"
    r"|(^|not_found_error )model: ",
    re.I,
)
_CREDENTIAL = re.compile(
    r"(incorrect|invalid|expired|missing).{0,20}(api.?key|x-api-key|token|credential)|invalid_api_key|authentication|unauthorized"
    r"|permission.?(denied|error)",
    re.I,
)
_FUNDS = re.compile(r"billing_error|insufficient.{0,10}(credit|balance|fund)", re.I)
_RATE = re.compile(
    r"rate.?limit|too many requests|resource_exhausted|throttl|insufficient_quota|exceeded your current quota", re.I
)
_OVERLOADED = re.compile(r"overloaded|over capacity|no capacity|server is busy|slow_down|unavailable_error", re.I)
_TIMEOUT = re.compile(r"timeout|timed out|deadline", re.I)
_TOO_LARGE = re.compile(r"request_too_large|payload.?too.?large", re.I)
_INVALID = re.compile(r"invalid_request|invalid-argument|invalid_prompt|bad.?request|unprocessable|validation", re.I)

_SECRETS = re.compile(
    r"(?:\bBearer\s+\S+)"
    r"|\b(?:sk|pk|rk|hi|gsk|xai|csk|fw|tgp|pplx|nvapi)[-_][A-Za-z0-9*._…-]{6,}"
    r"|\b(?:or|key|sess|proj|org|user|req|acct)[-_](?=[\w*.…-]*\d)[A-Za-z0-9*._…-]{6,}"  # words like user_location stay
    r"|\bAIza[\w-]{10,}|\bya29\.[\w.-]+|\beyJ[\w-]{10,}\.[\w.-]+"
    r"|\S*\*{3,}\S*",
)
_ADDRESSES = re.compile(
    r"\b(?:https?|wss?)://\S+|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|\b[\w.-]+\.(?:internal|local|svc|cluster)\b\S*",
    re.I,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

CREDENTIAL_MESSAGE = "The provider refused the gateway's credentials."
"""Said instead of the upstream's own words, which may quote the key (fault F157)."""


def redact(message: str) -> str:
    """A message that may be shown: no keys, no ids of the gateway's account, no addresses, one line, bounded."""
    text = _CONTROL.sub(" ", message)
    text = _ADDRESSES.sub("[address]", _SECRETS.sub("[redacted]", text)).strip()
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def error_facts(body: object) -> ErrorFacts:
    """Flattens an error in any of the shapes seen in the wild. Never raises."""
    outer_type = ""
    for _ in range(_MAX_NESTING):
        if is_array(body) and body:
            body = body[0]
            continue
        if not is_object(body):
            return ErrorFacts(body if isinstance(body, str) else "", outer_type, "", None, None)
        inner, detail = body.get("error"), body.get("detail")
        if is_object(inner) or (is_array(inner) and inner):
            outer_type = _word(body.get("type"))
            body = inner
        elif isinstance(inner, str):
            body = {**body, "error": None, "message": inner}
        elif "message" not in body and detail:
            body = _detail(detail)
        else:
            facts = _flat(body)
            return facts._replace(type=facts.type or outer_type)
    return ErrorFacts("", outer_type, "", None, None)


def _detail(detail: object) -> object:
    """FastAPI's validation errors are a list of {loc, msg, type}."""
    if not (is_array(detail) and detail and is_object(first := detail[0])):
        return detail
    loc = first.get("loc")
    where = ".".join(str(step) for step in loc) if is_array(loc) else ""
    message = str(first.get("msg", ""))
    return {"message": f"{where}: {message}" if where else message, "type": "invalid_request"}


def _flat(error: dict[str, Any]) -> ErrorFacts:
    code = error.get("code")
    status = _status_of(code) or _status_of(error.get("status")) or _status_of(error.get("status_code"))
    message = error.get("message") or error.get("msg") or ""
    kinds = [_word(error.get("type")), _word(error.get("status"))]
    code_word = _word(code)
    if is_object(inner := error.get("innererror")):  # Azure
        code_word = f"{code_word} {_word(inner.get('code'))}".strip()
    param = error.get("param")
    return ErrorFacts(
        message if isinstance(message, str) else str(message),
        " ".join(kind for kind in kinds if kind and not kind.isdigit()),
        "" if code_word.isdigit() else code_word,
        status,
        param if isinstance(param, str) else None,
    )


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _status_of(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599 else None


def error_code(facts: ErrorFacts, status: int | None) -> str:
    """The taxonomy code. `status`: of the HTTP response; None inside a stream, where the words decide."""
    inner = facts.status
    if status is None or 200 <= status < 300:
        status = inner
    elif status >= 500 and inner == 429:
        status = 429
    words = f"{facts.code} {facts.type} {facts.message}"
    kinds = f"{facts.code} {facts.type}"
    if status is None:
        return _code_by_words(words, kinds)
    if status in (401, 402, 403):
        return "provider_auth"
    if status == 413:
        return "payload_too_large"
    if status in (408, 504):
        return "provider_timeout"
    if status == 429:
        return "provider_rate_limit"
    if status in (503, 529):
        return "provider_overloaded"
    if 400 <= status < 500:
        return _code_of_refused(words)
    return "provider_unavailable"


def _code_of_refused(words: str) -> str:
    if _CONTEXT.search(words):
        return "context_length_exceeded"
    if _FILTER.search(words):
        return "content_filter"
    if _NO_MODEL.search(words):
        return "provider_unavailable"
    if re.search(r"(incorrect|invalid) api key|invalid_api_key", words, re.I):
        return "provider_auth"  # some servers answer 400 to a bad key
    return "invalid_request"


def _code_by_words(words: str, kinds: str) -> str:
    for code, pattern, text in (
        ("context_length_exceeded", _CONTEXT, words),
        ("content_filter", _FILTER, words),
        ("payload_too_large", _TOO_LARGE, kinds),
        ("provider_auth", _FUNDS, words),
        ("provider_rate_limit", _RATE, kinds),
        ("provider_overloaded", _OVERLOADED, words),
        ("provider_auth", _CREDENTIAL, kinds),
        ("provider_timeout", _TIMEOUT, kinds),
        ("provider_unavailable", _NO_MODEL, words),
        ("invalid_request", _INVALID, kinds),
        ("provider_rate_limit", _RATE, words),
        ("provider_auth", _CREDENTIAL, words),
    ):
        if pattern.search(text):
            return code
    return "provider_unavailable"


_RETRYABLE = {"provider_timeout", "provider_rate_limit", "provider_overloaded", "provider_unavailable"}


def upstream_error(body: Any, status: int | None = None, retry_after: float | None = None) -> UpstreamError:
    """The event for an upstream's error object. `status`: of the HTTP response, None inside a stream or under a 200."""
    facts = error_facts(body)
    code = error_code(facts, status)
    message = CREDENTIAL_MESSAGE if code == "provider_auth" else redact(facts.message)
    return UpstreamError(
        code,
        message or "The provider reported an error without a message.",
        retry_after=retry_after,
        retryable=code in _RETRYABLE and not _NO_MODEL.search(facts.message),
        param=facts.param if code == "invalid_request" else None,
        raw=body,
    )
