"""The sixteen codes in each envelope, with the statuses of the contract (RULES: Errors)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.formats.errors import (
    CODES,
    EncodeError,
    ErrorReport,
    FormatError,
    PeerError,
    RequestError,
    anthropic_error_type,
    openai_error_type,
)
from hyperinfer.formats.openai_chat.errors import encode_error

TABLE: dict[str, tuple[int, str, str]] = {
    "provider_auth": (502, "server_error", "api_error"),
    "provider_rate_limit": (429, "rate_limit_error", "rate_limit_error"),
    "provider_overloaded": (529, "server_error", "overloaded_error"),
    "context_length_exceeded": (400, "invalid_request_error", "invalid_request_error"),
    "content_filter": (400, "invalid_request_error", "invalid_request_error"),
    "provider_timeout": (504, "server_error", "timeout_error"),
    "provider_unavailable": (502, "server_error", "api_error"),
    "insufficient_credits": (402, "insufficient_quota", "billing_error"),
    "key_limit_exceeded": (402, "insufficient_quota", "billing_error"),
    "model_not_allowed": (403, "permission_error", "permission_error"),
    "invalid_api_key": (401, "authentication_error", "authentication_error"),
    "workspace_locked": (403, "permission_error", "permission_error"),
    "rate_limit_exceeded": (429, "rate_limit_error", "rate_limit_error"),
    "invalid_request": (400, "invalid_request_error", "invalid_request_error"),
    "payload_too_large": (413, "invalid_request_error", "request_too_large"),
    "internal_error": (500, "server_error", "api_error"),
}


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(CODES)
    assert len(CODES) == 16


def test_the_codes_and_statuses_are_those_of_the_contract(shared: Path) -> None:
    contract = json.loads((shared / "contract" / "openapi.json").read_text())["components"]["schemas"]["ErrorCode"]
    assert set(contract["enum"]) == set(CODES)
    assert all(f"{code}={status}" in contract["description"] for code, status in CODES.items())


@pytest.mark.parametrize("code", TABLE)
def test_status_and_types_of_a_code(code: str) -> None:
    status = ErrorReport(code, "m", "r").http_status
    assert (status, openai_error_type(status), anthropic_error_type(status)) == TABLE[code]


def test_a_code_of_a_users_node_is_told_as_it_is_and_is_a_500() -> None:
    assert ErrorReport("my_code", "m", "r").http_status == 500


@pytest.mark.parametrize("status", [404, 405])
def test_the_two_statuses_beside_the_table(status: int) -> None:
    report = ErrorReport("invalid_request", "m", "r", status=status)
    assert report.http_status == status
    assert openai_error_type(status) == anthropic_error_type(status) == "invalid_request_error"


@pytest.mark.parametrize("code", TABLE)
def test_the_openai_envelope(code: str) -> None:
    body: dict[str, Any] = json.loads(encode_error(ErrorReport(code, 'Ä "x"\n', "req-1", param="messages[0].content")))
    assert body == {
        "error": {
            "message": 'Ä "x"\n',
            "type": TABLE[code][1],
            "code": code,
            "param": "messages[0].content",
            "request_id": "req-1",
        }
    }


def test_the_openai_envelope_without_a_param_and_with_details() -> None:
    error = json.loads(encode_error(ErrorReport("internal_error", "m", "r", details={"losses": [1]})))["error"]
    assert error["param"] is None
    assert error["details"] == {"losses": [1]}


def test_the_exceptions_say_who_is_at_fault() -> None:
    request = RequestError("bad", param="a.b", code="payload_too_large", details={"x": 1})
    assert (request.message, request.param, request.code, request.details) == ("bad", "a.b", "payload_too_large", {"x": 1})
    assert str(PeerError("gone")) == PeerError("gone").reason == "gone"
    for kind in (RequestError, PeerError, EncodeError):
        assert issubclass(kind, FormatError)
        assert not issubclass(kind, ValueError)
