"""The event of an upstream's error within a stream or under a 200: every shape, and nothing that raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.errors import CODES
from hyperinfer.formats.upstream_errors import (
    CREDENTIALS_REFUSED,
    MODEL_MISSING,
    SENTENCES,
    UpstreamFault,
    fault_of_event,
    redact,
    upstream_error,
)
from hyperinfer.formats.upstream_errors.redaction import MESSAGE_LIMIT

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
        ({"error": {"type": "invalid_request_error"}}, SENTENCES["invalid_request"], None),
        ({"detail": [{"loc": ["body", "x", 0], "msg": "field required"}]}, "x.0: field required", "x.0"),
        ({"error": {"message": {"a": 1}, "type": "server_error"}}, SENTENCES["provider_unavailable"], None),
        ({"error": {"message": "no sk-abcdef123", "type": "authentication_error"}}, CREDENTIALS_REFUSED, None),
    ],
)
def test_message_and_param(body: Any, message: str, param: str | None) -> None:
    event = upstream_error(body)
    assert (event.message, event.param) == (message, param)


def test_retry_after_is_carried() -> None:
    assert upstream_error({}, 429, 1.5).retry_after == 1.5


@pytest.mark.parametrize(
    ("body", "failover"),
    [
        ({"error": {"type": "overloaded_error"}}, True),
        ({"error": {"type": "authentication_error"}}, True),
        ({"error": {"type": "not_found_error", "message": "model: claude-x"}}, True),
        ({"error": {"type": "invalid_request_error"}}, False),
        ({"error": {"code": "content_filter"}}, False),
    ],
)
def test_whether_another_route_may_help(body: Any, failover: bool) -> None:
    assert upstream_error(body).failover is failover


def test_the_fault_of_an_attempt_whose_reply_ended_so() -> None:
    event = upstream_error(
        {"error": {"type": "authentication_error", "message": "no access for hunter22, key k"}}, None, 2.0
    )
    assert fault_of_event(event, private=["hunter22"]) == UpstreamFault(
        code="provider_auth",
        message=CREDENTIALS_REFUSED,
        detail="no access for [redacted], key k",
        retry_after=2.0,
        failover=True,
    )
    event = upstream_error({"error": {"code": 400, "param": "x", "message": "vllm7b says no to x"}})
    shown = fault_of_event(event, private=["vllm7b"])
    assert (shown.message, shown.param, shown.failover) == ("[redacted] says no to x", "x", False)
    assert fault_of_event(upstream_error(None)).detail == SENTENCES["provider_unavailable"]


@pytest.mark.parametrize("sentence", [*SENTENCES.values(), MODEL_MISSING])
def test_our_own_sentences_pass(sentence: str) -> None:
    assert redact(sentence) == sentence


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
    assert len(event.message) <= MESSAGE_LIMIT
