"""The headers of an upstream that mean something."""

import random
from typing import TYPE_CHECKING

import httpx2
import pytest

from hyperinfer.providers.response_headers import header, meaningful, passable_headers, retry_after

if TYPE_CHECKING:
    from hyperinfer.providers.quirks import Protocol

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


def test_what_is_meaningful_says_what_all_headers_do() -> None:
    """Whatever the names' case, however often they come: to all that looks at a response's headers."""
    names = ["Content-Type", "content-encoding", "Retry-After", "retry-after-ms", "x-should-retry", "Server", "x-request-id"]
    names += ["anthropic-ratelimit-requests-limit", "Anthropic-RateLimit-Unified-Status", "anthropic-ratelimits", "retry"]
    values = [b"1", b"false", b"gzip", b"text/html", b"caf\xc3\xa9", b"", b"0.5"]
    protocols: tuple[Protocol, ...] = ("openai_chat", "anthropic_messages")
    chance = random.Random(7)
    for _ in range(300):
        spelled = (
            chance.choice([name, name.upper(), name.lower()]) for name in chance.choices(names, k=chance.randint(0, 8))
        )
        raw = [(name.encode(), chance.choice(values)) for name in spelled]
        few, every = meaningful(raw), httpx2.Headers(raw)
        for protocol in protocols:
            assert passable_headers(few, protocol, protocol) == passable_headers(every, protocol, protocol)
        assert retry_after(few, 0) == retry_after(every, 0)
        for name in ("content-type", "content-encoding", "x-should-retry"):
            assert header(few, name).isascii() == header(every, name).isascii()
            assert not header(every, name).isascii() or header(few, name) == header(every, name)
    assert meaningful([(f"x-{number}".encode(), b"1") for number in range(5000)]) == {}
