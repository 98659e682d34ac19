"""Every row of the error table, and every shape that servers give their errors."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.errors import CODES
from hyperinfer.formats.upstream_errors import (
    CREDENTIALS_REFUSED,
    MODEL_MISSING,
    SENTENCES,
    ErrorFields,
    UpstreamFault,
    fault_of_error,
    fault_of_fields,
)


def openai(message: str, kind: str | None = None, code: object = None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def fault(status: int, body: object) -> UpstreamFault:
    return fault_of_error(body, status)


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
    result = fault_of_error(None, status)
    assert result.code == expected.get(status, "provider_unavailable")
    assert result.message
    assert result.retryable == (status in (408, 429) or status >= 500)


@pytest.mark.parametrize("status", [400, 404, 409, 415, 422])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (openai("no", code="context_length_exceeded"), "context_length_exceeded"),
        (openai("prompt is too long: 3 tokens > 2 maximum"), "context_length_exceeded"),
        (openai("no", code="content_filter"), "content_filter"),
        (openai("blocked by Azure's content management policy"), "content_filter"),
        (openai("no", code="model_not_found"), "provider_unavailable"),
        (openai("The model `x` does not exist"), "provider_unavailable"),
        (openai("Incorrect API key provided"), "provider_auth"),
        (openai("no", code=429), "invalid_request"),
    ],
)
def test_the_body_decides_under_the_statuses_that_leave_it_open(status: int, body: object, code: str) -> None:
    assert fault(status, body).code == code


@pytest.mark.parametrize("status", [401, 413, 429, 503, 500])
def test_the_body_does_not_decide_under_the_others(status: int) -> None:
    said = openai("maximum context length", code="content_filter")
    assert fault(status, said).code == fault(status, openai("no luck")).code


def test_an_error_under_a_status_that_is_none_of_an_error() -> None:
    for status in (200, 301):
        result = fault(status, openai("no luck"))
        assert (result.code, result.retryable) == ("provider_unavailable", True)


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
        {"object": "error", "message": {"detail": [{"msg": "boom"}]}, "type": "server_error"},
        {"error": {"param": None}, "message": "boom"},
        "boom",
    ],
)
def test_every_shape_gives_its_message(body: object) -> None:
    assert fault_of_error(body, 500).message == "boom"
    in_stream = fault_of_error(body)
    assert (in_stream.message, in_stream.code, in_stream.retryable) == ("boom", "provider_unavailable", True)


def test_validation_errors_name_the_field() -> None:
    body = {"detail": [{"type": "missing", "loc": ["body", "messages", 0, "content"], "msg": "Field required"}]}
    result = fault(422, body)
    assert (result.code, result.message, result.param) == (
        "invalid_request",
        "messages.0.content: Field required",
        "messages.0.content",
    )


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
        "too many tokens: total number of tokens (prompt and prediction) cannot exceed 4096",
    ],
)
def test_texts_that_mean_a_long_context(message: str) -> None:
    assert fault(400, openai(message, "invalid_request_error")).code == "context_length_exceeded"
    assert fault_of_error(openai(message)).code == "context_length_exceeded"


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
    in_stream = fault_of_error(body)
    assert (in_stream.code, in_stream.message) == (result.code, result.message)
    assert (in_stream.retryable, in_stream.failover) == (False, True)


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
    assert fault_of_error(body).message == CREDENTIALS_REFUSED
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
        (openai("Authentication Fails", "authentication_error", "invalid_request_error"), "provider_auth", False),
        (openai("Insufficient Balance", "unknown_error", "invalid_request_error"), "provider_auth", False),
        (openai("The model x is not available at the moment", "rate_limit_error"), "provider_rate_limit", True),
        (openai("Unauthorized", "api_error"), "provider_auth", False),
        (openai("upstream request timeout"), "provider_timeout", True),
        (openai("x", "rate_limit_error", "internal_error"), "provider_rate_limit", True),
        (openai("x", "server_error", "context_length_exceeded"), "context_length_exceeded", False),
        ({"error": "Missing dependency: the model `x` was moved"}, "provider_unavailable", True),
        ({}, "provider_unavailable", True),
        (None, "provider_unavailable", True),
        (7, "provider_unavailable", True),
    ],
)
def test_errors_without_a_status(error: object, code: str, retryable: bool) -> None:
    """In a stream, and under a 200."""
    result = fault_of_error(error)
    assert (result.code, result.retryable) == (code, retryable)
    if error:
        under_200 = fault(200, error)
        assert under_200.code == code


def test_a_status_beats_the_words_of_an_error_object() -> None:
    assert fault_of_error(openai("x", "server_error"), 429).code == "provider_rate_limit"


def test_a_wait_for_tokens_is_no_long_context() -> None:
    throttled = {"error": {"code": "ThrottlingException", "message": "Too many tokens, please wait before trying again."}}
    assert fault_of_error(throttled).code == "provider_rate_limit"
    assert fault_of_error(throttled["error"]["message"]).code == "provider_unavailable"


def test_a_fault_of_nothing_has_the_sentence_of_its_code() -> None:
    for status, code in ((400, "invalid_request"), (413, "payload_too_large"), (504, "provider_timeout")):
        assert fault_of_fields(ErrorFields(), status).message == SENTENCES[code]


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
    result = fault_of_error(value, status)
    assert result.code in CODES
    assert 0 < len(result.message) <= 500
    assert result.message.isprintable()


def test_deep_nesting_is_not_followed_for_ever() -> None:
    body: Any = "x"
    for _ in range(5_000):
        body = [{"error": body}]
    assert fault_of_error(body).code == "provider_unavailable"
    assert fault_of_error(body, 400).code == "invalid_request"


@pytest.mark.parametrize("unit", ["model ", "models/a", "input length ", "exceeded your ", "api key ", "a.", "invalid "])
def test_no_text_takes_long(unit: str) -> None:
    start = time.process_time()
    fault_of_error({"error": {"message": unit * 200_000, "metadata": {"raw": unit * 200_000}}})
    assert time.process_time() - start < 0.5
