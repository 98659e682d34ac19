"""What an error response must look like in each client format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hyperinfer.formats.errors import CODES
from tests.support.judge import breaches

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect
    from tests.support.exchanges import ScriptedExchange

_OPENAI = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
_ANTHROPIC = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def check_error(client: Dialect, exchange: ScriptedExchange, code: str, status: int | None = None) -> str:
    """Checks a whole error response in every respect; gives its message."""
    status = status or CODES[code]
    assert exchange.status == status, exchange.sent
    assert exchange.sent_headers["content-type"] == "application/json"
    assert exchange.sent_headers["content-length"] == str(len(exchange.sent))
    assert "x-hyperinfer-loss" not in exchange.sent_headers
    request_id = exchange.sent_headers["x-request-id"]
    body = json.loads(exchange.sent)
    error = body["error"]
    assert error["code"] == code
    assert error["message"]
    if client == "anthropic_messages":
        assert exchange.sent_headers["request-id"] == request_id
        assert set(body) == {"type", "error", "request_id"}
        assert (body["type"], body["request_id"]) == ("error", request_id)
        assert error["type"] == _ANTHROPIC.get(status, "api_error")
        assert {"type", "code", "message"} <= set(error)
    else:
        assert set(body) == {"error"}
        assert error["type"] == _OPENAI.get(status, "server_error")
        assert error["request_id"] == request_id
        assert {"message", "type", "code", "param", "request_id"} <= set(error)
    return str(error["message"])


def check_failed_stream(client: Dialect, exchange: ScriptedExchange, code: str) -> str:
    """Checks a stream that ends in an error; gives what comes last."""
    assert exchange.status == 200
    assert breaches(client, exchange.sent, failed=True) == []
    frames = exchange.sent.decode().strip().split("\n\n")
    if client == "openai_chat":
        assert frames.pop() == "data: [DONE]"
        assert "error" in json.loads(frames[-1].removeprefix("data: "))
        assert '"usage":{' not in frames[-1]
    else:
        event = "error" if client == "anthropic_messages" else "response.failed"
        assert frames[-1].startswith(f"event: {event}\n")
    assert (code in frames[-1]) or client == "openai_responses"
    return frames[-1]
