"""The vendors' own words for what went wrong, by status: what they really answer, so that code which reads it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hyperinfer.testing.wire.frames import mint

if TYPE_CHECKING:
    from hyperinfer.testing.parts import HttpError


class Words(NamedTuple):
    """What a vendor says. `code`: in Messages `error.details.error_code`."""

    type: str
    message: str
    code: str | None = None
    param: str | None = None


OPENAI: Final[dict[int, Words]] = {
    400: Words("invalid_request_error", "Invalid value in the request body.", "invalid_value"),
    401: Words(
        "invalid_request_error",
        "Incorrect API key provided: sk-test********key. You can find your API key at"
        " https://platform.openai.com/account/api-keys.",
        "invalid_api_key",
    ),
    403: Words("invalid_request_error", "You do not have access to this model.", "model_not_found"),
    404: Words("invalid_request_error", "The model does not exist or you do not have access to it.", "model_not_found"),
    408: Words("timeout", "Request timed out.", "timeout"),
    409: Words("invalid_request_error", "The resource was changed by another request. Please retry.", "conflict"),
    413: Words("invalid_request_error", "Request body too large.", "request_too_large"),
    422: Words("invalid_request_error", "The request could not be processed.", None),
    429: Words(
        "tokens",
        "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2s."
        " Visit https://platform.openai.com/account/rate-limits to learn more.",
        "rate_limit_exceeded",
    ),
    500: Words(
        "server_error",
        "The server had an error while processing your request. Sorry about that! You can retry your request, or contact us"
        " through our help center at help.openai.com if the error persists.",
        "server_error",
    ),
    503: Words("server_error", "The server is currently overloaded with other requests. Please try again later.", None),
    504: Words("server_error", "The request took too long to process.", None),
}
ANTHROPIC: Final[dict[int, Words]] = {
    400: Words("invalid_request_error", "messages: at least one message is required"),
    401: Words("authentication_error", "invalid x-api-key"),
    402: Words("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: Words("permission_error", "Your API key does not have permission to use the specified resource."),
    404: Words("not_found_error", "model: not found"),
    409: Words("conflict_error", "The resource was changed by another request."),
    413: Words("request_too_large", "Request exceeds the maximum size"),
    429: Words("rate_limit_error", "This request would exceed your organization's rate limit. Please try again later."),
    500: Words("api_error", "Internal server error"),
    504: Words("timeout_error", "Request timed out"),
    529: Words("overloaded_error", "Overloaded"),
}


def openai_words(status: int) -> Words:
    """What OpenAI says with a status; what it says with its neighbours, for one that it does not use."""
    return OPENAI.get(status) or OPENAI[400 if status < 500 else 503]


def anthropic_words(status: int) -> Words:
    """The same for Anthropic, which has no 503."""
    return ANTHROPIC.get(status) or ANTHROPIC[400 if status < 500 else 529]


def openai(status: int, message: str | None = None, *, given: HttpError | None = None) -> dict[str, Any]:
    """The body of an error of OpenAI's, for both of its protocols, and the data of its error event in Chat Completions."""
    words = openai_words(status)
    error: dict[str, Any] = {
        "message": message or words.message,
        "type": words.type,
        "param": words.param,
        "code": words.code,
    }
    if given is not None:
        said = {"type": given.type, "param": given.param, "code": given.code}
        error |= {key: value for key, value in said.items() if value is not None}
    return {"error": error}


def anthropic(status: int, message: str | None = None, *, given: HttpError | None = None, number: int = 0) -> dict[str, Any]:
    """The body of an error of Anthropic's, and the data of its error event."""
    words = anthropic_words(status)
    error: dict[str, Any] = {"type": words.type, "message": message or words.message}
    if given is not None:
        if given.type is not None:
            error["type"] = given.type
        if given.code is not None:
            error["details"] = {"error_code": given.code}
    return {"type": "error", "error": error, "request_id": mint("request", number)}
