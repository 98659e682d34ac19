"""What upstreams' errors mean (RULES: Errors): every shape, every recorded body, and nothing that raises or leaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.error_text import (
    CREDENTIAL_MESSAGE,
    MAX_MESSAGE,
    ErrorFacts,
    error_code,
    error_facts,
    redact,
    upstream_error,
)
from hyperinfer.formats.errors import CODES

PLAIN = ErrorFacts("no luck", "", "", None, None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *[(status, "invalid_request") for status in (400, 404, 409, 415, 422)],
        (413, "payload_too_large"),
        *[(status, "provider_auth") for status in (401, 402, 403)],
        *[(status, "provider_timeout") for status in (408, 504)],
        (429, "provider_rate_limit"),
        *[(status, "provider_overloaded") for status in (503, 529)],
        *[(status, "provider_unavailable") for status in (500, 502, 520, 599, 301)],
    ],
)
def test_the_table_of_statuses(status: int, code: str) -> None:
    assert error_code(PLAIN, status) == code


@pytest.mark.parametrize("status", [400, 404, 409, 415, 422])
@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (PLAIN._replace(code="context_length_exceeded"), "context_length_exceeded"),
        (PLAIN._replace(message="prompt is too long: 3 tokens > 2 maximum"), "context_length_exceeded"),
        (PLAIN._replace(code="content_filter"), "content_filter"),
        (PLAIN._replace(message="blocked by Azure's content management policy"), "content_filter"),
        (PLAIN._replace(code="model_not_found"), "provider_unavailable"),
        (PLAIN._replace(message="The model `x` does not exist"), "provider_unavailable"),
        (PLAIN._replace(message="Incorrect API key provided"), "provider_auth"),
    ],
)
def test_words_decide_under_the_statuses_that_leave_it_open(status: int, facts: ErrorFacts, code: str) -> None:
    assert error_code(facts, status) == code


@pytest.mark.parametrize("status", [401, 413, 429, 503, 500])
def test_words_do_not_decide_under_the_others(status: int) -> None:
    said = PLAIN._replace(message="maximum context length", code="content_filter")
    assert error_code(said, status) == error_code(PLAIN, status)


@pytest.mark.parametrize(
    ("status", "code"), [(500, "provider_rate_limit"), (503, "provider_rate_limit"), (400, "invalid_request")]
)
def test_a_body_code_429_counts_under_5xx(status: int, code: str) -> None:
    assert error_code(error_facts({"error": {"code": 429, "message": "slow"}}), status) == code


IN_STREAM: list[tuple[Any, str, bool]] = [
    ({"error": {"type": "overloaded_error", "message": "Overloaded"}}, "provider_overloaded", True),
    ({"type": "error", "error": {"type": "api_error", "message": "x"}}, "provider_unavailable", True),
    ({"error": {"type": "rate_limit_error", "message": "x"}}, "provider_rate_limit", True),
    ({"error": {"type": "timeout_error", "message": "x"}}, "provider_timeout", True),
    ({"error": {"type": "invalid_request_error", "message": "x"}}, "invalid_request", False),
    ({"error": {"type": "billing_error", "message": "x"}}, "provider_auth", False),
    ({"error": {"type": "authentication_error", "message": "x"}}, "provider_auth", False),
    ({"error": {"type": "permission_error", "message": "x"}}, "provider_auth", False),
    ({"error": {"type": "request_too_large", "message": "x"}}, "payload_too_large", False),
    ({"error": {"type": "not_found_error", "message": "model: claude-x"}}, "provider_unavailable", False),
    ({"error": {"code": "server_error", "message": "x"}}, "provider_unavailable", True),
    ({"error": {"code": "rate_limit_exceeded", "message": "x"}}, "provider_rate_limit", True),
    ({"error": {"code": "insufficient_quota", "message": "x"}}, "provider_rate_limit", True),
    ({"error": {"code": "invalid_prompt", "message": "x"}}, "invalid_request", False),
    ({"error": {"code": 429, "message": "x"}}, "provider_rate_limit", True),
    ({"error": {"code": "429", "message": "x"}}, "provider_rate_limit", True),
    ({"error": {"code": 502, "message": "x"}}, "provider_unavailable", True),
    ({"error": {"code": 400, "message": "maximum context length is 3"}}, "context_length_exceeded", False),
    ({"error": {"code": 8, "status": "RESOURCE_EXHAUSTED", "message": "x"}}, "provider_rate_limit", True),
    ({"error": "upstream connect error"}, "provider_unavailable", True),
    ({"error": [{"message": "The service is overloaded"}]}, "provider_overloaded", True),
    ([{"error": {"code": 503, "message": "x"}}], "provider_overloaded", True),
    ({"code": "invalid-argument", "error": "no such field"}, "invalid_request", False),
    ({"detail": "Not Found"}, "provider_unavailable", True),
    ({"detail": [{"loc": ["body", "x"], "msg": "field required"}]}, "invalid_request", False),
    ({"error": {"error": {"message": "too many tokens in the prompt: too many tokens"}}}, "context_length_exceeded", False),
    ("an opaque string", "provider_unavailable", True),
    (None, "provider_unavailable", True),
    ({}, "provider_unavailable", True),
]


@pytest.mark.parametrize(("body", "code", "retryable"), IN_STREAM)
@pytest.mark.parametrize("status", [None, 200])
def test_errors_in_a_stream_and_under_a_200(body: Any, code: str, retryable: bool, status: int | None) -> None:
    event = upstream_error(body, status)
    assert (event.code, event.retryable) == (code, retryable)
    assert event.message
    assert event.raw == body


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ({"error": {"message": "No such 'x'", "param": "x", "type": "invalid_request_error"}}, "No such 'x'", "x"),
        ({"error": {"type": "invalid_request_error"}}, "The provider reported an error without a message.", None),
        ({"detail": [{"loc": ["body", "x", 0], "msg": "field required"}]}, "body.x.0: field required", None),
        ({"error": {"message": {"a": 1}, "type": "server_error"}}, "{'a': 1}", None),
        ({"error": {"message": "no sk-abcdef123", "type": "authentication_error"}}, CREDENTIAL_MESSAGE, None),
    ],
)
def test_message_and_param(body: Any, message: str, param: str | None) -> None:
    event = upstream_error(body)
    assert (event.message, event.param) == (message, param)


def test_retry_after_is_carried() -> None:
    assert upstream_error({}, 429, 1.5).retry_after == 1.5


RECORDED = {
    "anthropic_messages/anthropic-error-handling-with-raises-appropriate-auth-error": "provider_auth",
    "anthropic_messages/anthropic-model-name-suggestion-anthropic": "provider_unavailable",
    "anthropic_messages/anthropic-real-error-scenarios-handles-context-length-exceeded-errors": "context_length_exceeded",
    "openai_chat/azure-prompt-content-filtering": "content_filter",
    "openai_chat/azure-real-error-scenarios-handles-context-length-exceeded-errors": "provider_rate_limit",
    "openai_chat/deepseek-error-handling-with-raises-appropriate-auth-error": "provider_auth",
    "openai_chat/deepseek-real-error-scenarios-handles-context-length-exceeded-errors": "context_length_exceeded",
    "openai_chat/groq-tool-use-failed-error": "invalid_request",
    "openai_chat/ollama-cloud-error-handling-with-raises-appropriate-auth-error": "provider_auth",
    "openai_chat/openai-agents-and-tools-2": "provider_unavailable",
    "openai_chat/openrouter-real-error-scenarios-handles-context-length-exceeded-errors": "context_length_exceeded",
    "openai_chat/perplexity-error-handling-with-raises-appropriate-auth-error": "provider_auth",
    "openai_chat/perplexity-real-error-scenarios-handles-context-length-exceeded-errors": "context_length_exceeded",
    "openai_responses/openai-context-context-chat-operations-uses-context-specific-api-ke": "provider_auth",
    "openai_responses/openai-real-error-scenarios-handles-context-length-exceeded-errors": "context_length_exceeded",
    "openai_responses/openai-responses-model-http-error": "invalid_request",
    "openai_responses/xai-error-handling-with-raises-appropriate-auth-error": "provider_auth",
}


def test_every_recorded_error_means_what_it_says(shared: Path) -> None:
    found: dict[str, str] = {}
    for file in sorted((shared / "recordings").glob("*/*/meta.json")):
        about = json.loads(file.read_text())
        if about["http_status"] == 200 and "error_body" not in about["features"]:
            continue
        body = json.loads((file.parent / "response.json").read_text())
        event = upstream_error(body, about["http_status"])
        found[f"{file.parent.parent.name}/{file.parent.name}"] = event.code
        assert len(event.message) <= MAX_MESSAGE
        assert "http" not in event.message
        assert "key" not in event.message
    assert found == RECORDED


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abc123def456",
        "sk-ant-api03-AbC_dEf-123",
        "Bearer abc.def",
        "hi-0123456789abcdef",
        "gsk_abcdefgh",
        "xai-abcdefgh",
        "AIzaSyA1234567890",
        "test-con****-key",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        "org-Ab12Cd34Ef",
        "https://internal.example/path?key=1",
        "10.1.2.3:8080",
        "db.prod.internal:5432",
    ],
)
def test_secrets_ids_and_addresses_are_taken_out(secret: str) -> None:
    shown = redact(f"Error with {secret} happened")
    assert secret not in shown
    assert shown.startswith("Error with [")
    assert shown.endswith("] happened")


def test_a_message_is_one_bounded_line_and_ordinary_words_stay() -> None:
    assert redact("a\r\n\x00b\tc ") == "a b c"
    assert redact("x" * 600) == "x" * (MAX_MESSAGE - 1) + "…"
    ordinary = "The key 'user_location' of tool get-weather must be at most 3.5 (type: key_limit_exceeded)"
    assert redact(ordinary) == ordinary


KEYS = ["error", "message", "type", "code", "detail", "status", "param", "loc", "msg", "innererror", "x"]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.sampled_from(["429", "²²²"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(JSON, st.one_of(st.none(), st.integers(200, 599)))
def test_nothing_raises_and_the_code_is_of_the_taxonomy(body: Any, status: int | None) -> None:
    event = upstream_error(body, status)
    assert event.code in CODES
    assert event.message
    assert len(event.message) <= MAX_MESSAGE


def test_deep_wrappings_are_not_followed_for_ever() -> None:
    body: Any = "x"
    for _ in range(5_000):
        body = [{"error": body}]
    assert upstream_error(body).code == "provider_unavailable"
