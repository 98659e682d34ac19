"""Every row of the error table, and every shape that servers give their errors."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.errors import CODES
from hyperinfer.providers.fault import CREDENTIALS_REFUSED, MODEL_MISSING, UpstreamFault
from hyperinfer.providers.status import classify, classify_error_object

JSON = {"content-type": "application/json"}


def openai(message: str, kind: str | None = None, code: object = None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def fault(status: int, body: object, **headers: str) -> UpstreamFault:
    return classify(status, JSON | {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps(body).encode())


NO = openai("no", "invalid_request_error")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        # 400, 404, 409, 415, 422: the body decides.
        *[(status, NO, "invalid_request") for status in (400, 404, 409, 415, 422)],
        *[(status, openai("x", code="context_length_exceeded"), "context_length_exceeded") for status in (400, 422)],
        (400, openai("x", code="content_filter"), "content_filter"),
        (400, openai("x", code="content_policy_violation"), "content_filter"),
        (404, openai("x", code="model_not_found"), "provider_unavailable"),
        (400, openai("x", code="model_not_found"), "provider_unavailable"),
        # The rest says enough by itself.
        (413, NO, "payload_too_large"),
        *[(status, NO, "provider_auth") for status in (401, 402, 403)],
        *[(status, NO, "provider_timeout") for status in (408, 504)],
        (429, NO, "provider_rate_limit"),
        *[(status, openai("x", code=429), "provider_rate_limit") for status in (500, 502, 503, 529)],
        (500, openai("x", code="429"), "provider_rate_limit"),
        *[(status, NO, "provider_overloaded") for status in (503, 529)],
        *[(status, NO, "provider_unavailable") for status in (500, 501, 502, 505, 520, 524)],
        *[(status, openai("no such route"), "provider_unavailable") for status in (405, 410)],
    ],
)
def test_the_table(status: int, body: object, code: str) -> None:
    assert fault(status, body).code == code


@pytest.mark.parametrize("status", range(400, 600))
def test_every_status_without_a_body(status: int) -> None:
    expected = {401: "provider_auth", 402: "provider_auth", 403: "provider_auth", 408: "provider_timeout"}
    expected |= {413: "payload_too_large", 429: "provider_rate_limit", 503: "provider_overloaded"}
    expected |= {504: "provider_timeout", 529: "provider_overloaded"}
    expected |= dict.fromkeys((400, 404, 409, 415, 422), "invalid_request")
    result = classify(status, {}, b"")
    assert result.code == expected.get(status, "provider_unavailable")
    assert result.message
    assert result.retryable == (status in (408, 429) or status >= 500)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (502, b"<html><body>Bad Gateway</body></html>", "provider_unavailable"),
        (404, b"<!DOCTYPE html><title>Not found</title>", "provider_unavailable"),
        (400, b"\n <HTML>", "provider_unavailable"),
        (200, b"<html>Login</html>", "provider_unavailable"),
        (429, b"<html>slow down</html>", "provider_rate_limit"),
        (503, b"<html>maintenance</html>", "provider_overloaded"),
        (504, b"<html>timeout</html>", "provider_timeout"),
        (403, b"<html>blocked</html>", "provider_auth"),
        (200, b"\x00\x01\x02", "provider_unavailable"),
        (200, b"", "provider_unavailable"),
        (200, b"{}", "provider_unavailable"),
        (302, b"", "provider_unavailable"),
        (500, b"\xff\xfe", "provider_unavailable"),
    ],
)
def test_pages_and_garbage(status: int, body: bytes, code: str) -> None:
    result = classify(status, {"location": "http://10.0.0.7/internal"}, body)
    assert result.code == code
    assert "<" not in result.message
    assert "10.0.0.7" not in result.message
    assert result.failover


def test_a_redirect_and_a_page_are_not_asked_again_in_vain() -> None:
    assert not classify(302, {}, b"").retryable
    assert not classify(200, {"content-type": "text/html"}, b"hello").retryable
    assert classify(502, {"content-type": "text/html"}, b"hello").retryable


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "boom", "type": "server_error"}},
        {"error": "boom"},
        {"error": ["boom"]},
        {"error": [{"message": "boom"}]},
        [{"error": {"code": 500, "message": "boom", "status": "INTERNAL"}}],
        {"detail": "boom"},
        {"detail": {"message": "boom"}},
        {"message": "boom"},
        {"msg": "boom"},
        {"object": "error", "message": "boom", "type": "InternalServerError", "param": None, "code": 500},
        {"code": "internal", "error": "boom"},
        {"type": "error", "error": {"type": "api_error", "message": "boom"}},
        {"type": "error", "code": "server_error", "message": "boom", "param": None, "sequence_number": 3},
        {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "boom"}}},
        {"success": False, "errors": [{"code": 7003, "message": "boom"}]},
        "boom",
    ],
)
def test_every_shape_gives_its_message(body: object) -> None:
    assert classify(500, JSON, json.dumps(body).encode()).message == "boom"
    in_stream = classify_error_object(body)
    assert (in_stream.message, in_stream.code, in_stream.retryable) == ("boom", "provider_unavailable", True)


def test_plain_text_and_event_streams_as_error_bodies() -> None:
    assert classify(422, {"content-type": "text/plain"}, b"missing field `model`").message == "missing field `model`"
    frame = b'event: error\ndata: {"error":{"message":"too hot","param":"temperature"}}\n\n'
    result = classify(400, {"content-type": "text/event-stream"}, frame)
    assert (result.code, result.message, result.param) == ("invalid_request", "too hot", "temperature")


def test_validation_errors_name_the_field() -> None:
    body = {"detail": [{"type": "missing", "loc": ["body", "messages", 0, "content"], "msg": "Field required"}]}
    result = fault(422, body)
    assert (result.code, result.message, result.param) == ("invalid_request", "Field required", "messages.0.content")


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        "Your input exceeds the context window of this model.",
        "prompt is too long: 3333404 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
        "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "the request exceeds the available context size, try increasing it",
        "Please reduce the length of the messages or completion.",
        "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        "Input is too long for requested model.",
        "the input length exceeds the context length",
        "Your request exceeded model token limit: 131072",
    ],
)
def test_texts_that_mean_a_long_context(message: str) -> None:
    assert fault(400, openai(message, "invalid_request_error")).code == "context_length_exceeded"
    assert classify_error_object(openai(message)).code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, openai("The model `gpt-9` does not exist or you do not have access to it.", code="model_not_found")),
        (404, anthropic("not_found_error", "model: claude-9")),
        (400, openai("foo/bar is not a valid model ID", code=400)),
        (400, openai("Model Not Exist", "invalid_request_error", "invalid_request_error")),
        (404, {"error": 'model "llama9" not found, try pulling it first'}),
        (400, openai("The model `mixtral-8x7b-32768` has been decommissioned", code="model_decommissioned")),
        (404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}}),
        (404, [{"error": {"code": 404, "message": "models/gemini-9 is not found for API version v1main"}}]),
        (400, {"object": "error", "message": "Invalid model: mistral-9", "type": "invalid_model", "code": "1500"}),
        (404, {"object": "error", "message": "The model `x/y-1.5` does not exist.", "type": "NotFoundError", "code": 404}),
    ],
)
def test_a_missing_model_is_the_routes_fault(status: int, body: object) -> None:
    result = fault(status, body)
    assert (result.code, result.message) == ("provider_unavailable", MODEL_MISSING)
    assert (result.retryable, result.failover) == (False, True)


@pytest.mark.parametrize(
    "message",
    [
        "This model does not support image input.",
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
        "Unsupported value: 'temperature' does not support 0.7 with this model.",
        "Invalid parameter: messages with role 'tool' must follow a message with 'tool_calls'.",
        "tool_choice is not supported by this model. Tool 'x' not found.",
    ],
)
def test_texts_that_are_about_the_request(message: str) -> None:
    assert fault(400, openai(message, "invalid_request_error")).code == "invalid_request"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, openai("Incorrect API key provided: sk-proj-abc…xyz. You can find yours at https://x.y/keys.")),
        (403, openai("Project `proj_abc123DEF` does not have access to model `gpt-9`")),
        (402, anthropic("billing_error", "Organization org-abc123DEF has no credit")),
        (400, {"code": "invalid-argument", "error": "Incorrect API key provided. You can obtain one from https://x.y."}),
        (400, [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "X"}}]),
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API.")),
    ],
)
def test_what_an_upstream_says_about_our_credentials_is_not_passed_on(status: int, body: object) -> None:
    result = fault(status, body)
    assert (result.code, result.message) == ("provider_auth", CREDENTIALS_REFUSED)
    assert (result.retryable, result.failover) == (False, True)
    for leak in ("sk-proj", "proj_abc", "org-abc"):
        assert leak not in result.detail


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (anthropic("overloaded_error", "Overloaded"), "provider_overloaded", True),
        (anthropic("rate_limit_error", "slow"), "provider_rate_limit", True),
        (anthropic("api_error", "Internal server error"), "provider_unavailable", True),
        (anthropic("timeout_error", "late"), "provider_timeout", True),
        (anthropic("authentication_error", "no"), "provider_auth", False),
        (anthropic("permission_error", "no"), "provider_auth", False),
        (anthropic("billing_error", "no"), "provider_auth", False),
        (anthropic("invalid_request_error", "no"), "invalid_request", False),
        (anthropic("request_too_large", "no"), "payload_too_large", False),
        (openai("x", "server_error"), "provider_unavailable", True),
        (openai("x", "insufficient_quota", "insufficient_quota"), "provider_rate_limit", True),
        (openai("x", "tokens", "rate_limit_exceeded"), "provider_rate_limit", True),
        (openai("x", "invalid_request_error", "context_length_exceeded"), "context_length_exceeded", False),
        (openai("Provider returned error", None, 502), "provider_unavailable", True),
        (openai("Provider returned error", None, 429), "provider_rate_limit", True),
        ({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, "provider_overloaded", True),
        ({"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}}, "context_length_exceeded", False),
        ({"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED"}}, "provider_rate_limit", True),
        ({"error": {"message": "x", "status": "UNAVAILABLE"}}, "provider_overloaded", True),
        ({"message": "x", "type": "invalid_request_error", "status_code": 400}, "invalid_request", False),
        ({"error": "Rate limit reached"}, "provider_rate_limit", True),
        (
            {"error": {"message": "The response was filtered", "code": "content_filter", "status": 400}},
            "content_filter",
            False,
        ),
        ({"error": {"message": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, "content_filter", False),
        ({}, "provider_unavailable", True),
        (None, "provider_unavailable", True),
        (7, "provider_unavailable", True),
    ],
)
def test_errors_without_a_status(error: object, code: str, retryable: bool) -> None:
    """In a stream, and under a 200."""
    result = classify_error_object(error)
    assert (result.code, result.retryable) == (code, retryable)
    if error:
        under_200 = fault(200, error)
        assert under_200.code == code


def test_a_status_beats_the_words_of_an_error_object() -> None:
    assert classify_error_object(openai("x", "server_error"), 429).code == "provider_rate_limit"


def test_retry_after_and_the_wish_not_to_be_asked_again() -> None:
    result = fault(503, NO, retry_after="7", x_should_retry="false")
    assert (result.retry_after, result.retryable, result.failover) == (7.0, False, True)


def test_the_request_parameter_is_kept_only_for_faults_of_the_request() -> None:
    assert fault(400, openai("x", param="messages[0].content")).param == "messages[0].content"
    assert fault(400, openai("x", param="sk-proj-abcdef")).param is None
    assert fault(400, openai("x", param="a\nb")).param is None
    assert fault(500, openai("x", param="messages")).param is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "detail", "response", "message", "code", "type", "status", "param", "loc"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.none() | st.integers(200, 599))
def test_any_object_gives_a_fault(value: object, status: int | None) -> None:
    result = classify_error_object(value, status)
    assert result.code in CODES
    assert 0 < len(result.message) <= 500
    assert result.message.isprintable()


@given(
    st.integers(200, 599),
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(["retry-after", "content-type"]), st.text()),
)
def test_any_bytes_give_a_fault(status: int, body: bytes, headers: dict[str, str]) -> None:
    result = classify(status, headers, body, now=0)
    assert result.code in CODES
    assert result.message.isprintable()


def test_deep_nesting_is_survived() -> None:
    for body in (b"[" * 100_000, b'{"error":' * 5_000 + b"1" + b"}" * 5_000, b"[" * 500 + b"]" * 500):
        assert classify(400, JSON, body).code == "invalid_request"
