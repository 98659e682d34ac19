"""What an HTTP response tells beside its error: its status, its headers, and that it is no response of an API at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.errors import CODES
from hyperinfer.formats.upstream_errors import fault_of_error
from hyperinfer.providers.status import classify

JSON = {"content-type": "application/json"}


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


def test_plain_text_and_event_streams_as_error_bodies() -> None:
    assert classify(422, {"content-type": "text/plain"}, b"missing field `model`").message == "missing field `model`"
    frame = b'event: error\ndata: {"error":{"message":"too hot","param":"temperature"}}\n\n'
    result = classify(400, {"content-type": "text/event-stream"}, frame)
    assert (result.code, result.message, result.param) == ("invalid_request", "too hot", "temperature")


def test_retry_after_and_the_wish_not_to_be_asked_again() -> None:
    result = classify(503, {"Retry-After": "7", "x-should-retry": "False"}, b'{"error": "no"}')
    assert (result.retry_after, result.retryable, result.failover) == (7.0, False, True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
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


@given(json_values, st.integers(400, 599))
def test_an_error_in_json_means_what_it_means_within_a_stream(value: object, status: int) -> None:
    assert classify(status, JSON, json.dumps(value).encode()) == fault_of_error(value, status)


@given(json_values)
def test_an_error_under_a_200_means_what_it_means_within_a_stream(value: object) -> None:
    result = classify(200, JSON, json.dumps(value).encode())
    assert (result.code, result.failover) == ((expected := fault_of_error(value)).code, expected.failover)


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
