"""The headers of an upstream that mean something."""

import httpx2
import pytest

from hyperinfer.providers.response_headers import passable_headers, retry_after

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
DATE_AS_UNIX = 1792567680.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "287441"}, 287441.0),
        ({"retry-after": DATE}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2020 07:28:00 GMT"}, 0.0),
        ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "1", "retry-after-ms": "0"}, 0.0),
        ({"retry-after": "7", "retry-after-ms": "soon"}, 7.0),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, DATE_AS_UNIX - 30) == seconds
    assert retry_after(httpx2.Headers(headers), DATE_AS_UNIX - 30) == seconds


def test_a_date_needs_the_time() -> None:
    assert retry_after({"retry-after": DATE}) is None


def test_what_may_pass() -> None:
    headers = httpx2.Headers(
        {
            "Retry-After": "3",
            "retry-after-ms": "3000",
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-organization-id": "org-1",
            "request-id": "req_1",
            "x-ratelimit-remaining-tokens": "3",
            "set-cookie": "a=b",
            "location": "http://10.0.0.1/",
            "server": "vllm",
        }
    )
    waits = [("retry-after", "3"), ("retry-after-ms", "3000")]
    unified = ("anthropic-ratelimit-unified-status", "rejected")
    assert passable_headers(headers, "anthropic_messages", "anthropic_messages") == [*waits, unified]
    assert passable_headers(headers, "anthropic_messages", "chat_completions") == waits
    assert passable_headers(headers, "openai_chat", "anthropic_messages") == waits


def test_a_value_that_is_no_header_value_does_not_pass() -> None:
    headers = {"retry-after": "3\r\nx-evil: 1", "retry-after-ms": "1" * 1000}
    assert passable_headers(headers, "openai_chat", "chat_completions") == []
