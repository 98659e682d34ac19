"""The three client formats as an outsider knows them: where they live, a small request, what their errors look like."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.served import KEY

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from tests.support.rawclient import Answer

AUTHORIZED = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}

STATUS = {
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
"""The contract's status of each code."""

_OPENAI_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    409: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    502: "server_error",
    504: "server_error",
    529: "server_error",
}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    409: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@dataclass(frozen=True)
class Told:
    """An error as the client was told it."""

    code: str
    message: str
    param: str | None
    details: Any


@dataclass(frozen=True)
class Route:
    """A client format and its path."""

    name: str
    dialect: Dialect
    path: str

    def body(self, model: str, text: str = "Hello!", *, stream: bool = False, **more: Any) -> dict[str, Any]:
        """A small request, as JSON data."""
        asked: dict[str, Any] = {"model": model, **more}
        if stream:
            asked["stream"] = True
        if self.name == "responses":
            return {"input": text, **asked}
        if self.name == "messages":
            asked = {"max_tokens": 64, **asked}
        return {"messages": [{"role": "user", "content": text}], **asked}

    def told(self, answer: Answer, status: int | None = None) -> Told:
        """The error in an answer. Checks the whole envelope: status by code (or `status`), type by status, request id."""
        assert answer.headers["content-type"] == "application/json", answer
        document = answer.document
        error = document["error"]
        told = self.told_in(document, answer.headers["x-request-id"])
        assert answer.status == (status or STATUS[told.code]), answer
        kinds = _ANTHROPIC_TYPES if self.name == "messages" else _OPENAI_TYPES
        assert error["type"] == kinds[answer.status], answer
        if self.name == "messages":
            assert answer.headers["request-id"] == answer.headers["x-request-id"]
        return told

    def told_in(self, document: Any, request_id: str) -> Told:
        """The error in this format's envelope, which may also stand in a stream."""
        error = document["error"]
        assert re.fullmatch(r"[a-z0-9_-]{1,40}", request_id)
        if self.name == "messages":
            assert document["type"] == "error"
            assert document["request_id"] == request_id
            assert {"type", "code", "message"} <= error.keys()
        else:
            assert {"message", "type", "code", "param", "request_id"} <= error.keys()
            assert error["request_id"] == request_id
        assert isinstance(error["message"], str)
        assert error["message"]
        for leak in ("Traceback", "hyperinfer/", '.py"', "sk-upstream"):
            assert leak not in json.dumps(document)
        return Told(error["code"], error["message"], error.get("param"), error.get("details"))


CHAT = Route("chat", "openai_chat", "/api/v1/chat/completions")
RESPONSES = Route("responses", "openai_responses", "/api/v1/responses")
MESSAGES = Route("messages", "anthropic_messages", "/api/v1/messages")
ROUTES = (CHAT, RESPONSES, MESSAGES)
