"""What must not reach a client, in the forms in which upstreams say it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.upstream_errors.redaction import MESSAGE_LIMIT, redact, slug


@pytest.mark.parametrize(
    ("message", "leak"),
    [
        ("Incorrect API key provided: sk-proj-abc…xyz.", "proj-abc"),
        ("Incorrect API key provided: sk-proj-abcdefghij.", "abcdefghij"),
        ("bad key hi-live_0123456789", "live_"),
        ("key gsk_abcdefABCDEF is revoked", "abcdef"),
        ("xai-AbCdEfGh12345678 unknown", "AbCdEf"),
        ("AIzaSyA-1234567890abcdef is not valid", "SyA"),
        ("Authorization: Bearer abc.def-ghi", "abc.def"),
        ("header 'Bearer tok_123'", "tok_123"),
        ("Incorrect API key provided: test-con****-key.", "test-con"),
        ("Your api key: ****-key is invalid", "-key is"),
        ("api_key=0123456789", "0123456789"),
        ("x-api-key: verysecretvalue", "verysecret"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc expired", "eyJ"),
        ("key 0123456789abcdef0123456789abcdef denied", "0123456789abcdef"),
        ("sk-ant-api03-AAAA_BBBB-CCCC", "AAAA"),
        ("AKIAIOSFODNN7EXAMPLE is unknown", "AKIA"),
        ("limit for organization org-AbC123dEf456 reached", "AbC123"),
        ("in organization org-abcdefghijklmnopqrstuvwx on tokens", "org-abc"),
        ("project proj_x1y2z3a4 has no access", "x1y2"),
        ("project 123456789012 disabled", "123456789012"),
        ("projects/my-company/locations/eu", "my-company"),
        ("team 8a2c1d34-0f00-4e1b-9e0a-5d6f7a8b9c0d", "8a2c"),
        ("ask ops@example.org", "ops@"),
        ("see http://vllm-7b.models.svc.cluster.local:8000/v1", "vllm"),
        ("upstream http://10.2.3.4:8000/v1?key=abc refused", "10.2.3.4"),
        ("connect to 192.168.0.12:8080 failed", "192.168"),
        ("connect to [fe80::1]:8080 failed", "fe80"),
        ("connect to 2001:db8:0:1:2:3:4:5 failed", "2001:db8"),
        ("dial tcp localhost:11434", "11434"),
        ("host inference.internal is down", "inference"),
        ("host gpu-1.ml.corp.example.com: timeout", "gpu-1"),
        ("dial ollama:11434 refused", "ollama"),
        ("no file /home/ai/models/x.gguf", "/home/ai"),
        ("boom Traceback (most recent call last): File x", "File"),
        ("https://user:pw@host/path", "pw@"),
        ("connect to 2001:db8::1 failed", "db8"),
        ("connect to ::1 failed", "::1"),
        ("mention req_011CZrU1BZQzQzQzQzQz", "011CZ"),
        ("unknown key-1a2b3c4d", "1a2b"),
    ],
)
def test_what_is_cut_out(message: str, leak: str) -> None:
    assert leak not in redact(message)


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
def test_no_more_than_what_must_go_is_cut_out(secret: str) -> None:
    shown = redact(f"Error with {secret} happened")
    assert shown in ("Error with [redacted] happened", "Error with [address] happened")


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages).",
        "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -1 instead.",
        "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000. Please try again in 3.2s.",
        "messages.0.content: Field required",
        "tool_call_id call_AbCdEf0123456789AbCdEf01 has no result",
        "toolu_01A09q90qw90lq917835lq9 was not answered",
        "llama3.1:8b and qwen2.5:32b cannot see images",
        "Missing required parameter: 'tools[0].function.name'.",
        "Unknown field user_message; account_disabled; risk-free",
        "The key 'user_location' of tool get-weather must be at most 3.5 (type: key_limit_exceeded)",
        "std::vector and Foo::bar are no addresses, nor is 12:30:45",
        "Größe «ü» 漢字 🙂",
    ],
)
def test_what_stays(message: str) -> None:
    assert redact(message) == message


def test_values_that_are_known_to_be_private() -> None:
    assert redact("the key hunter2hunter2 of vllm7b", ["hunter2hunter2", "vllm7b"]) == "the key [redacted] of [redacted]"


def test_one_bounded_line() -> None:
    assert redact("a\r\n\tb\x00c\x1b[31md\u202ee\u2028f") == "a b c [31md e f"
    assert redact("a\r\n\x00b\tc ") == "a b c"
    assert len(redact("word " * 1000)) <= MESSAGE_LIMIT
    assert redact("x" * 600) == "x" * (MESSAGE_LIMIT - 1) + "…"
    assert redact("\ud800") == "?"


@given(st.text(max_size=300))
def test_any_text_gives_one_bounded_printable_line(text: str) -> None:
    shown = redact(text)
    assert len(shown) <= MESSAGE_LIMIT
    assert shown.isprintable()


@pytest.mark.parametrize(
    "unit", ["a", "a.", "1.", "sk-", "a:", "http://", "1a", "*", "/", "x@", "f:", "::", "f::", "[", "a.a-"]
)
def test_no_text_takes_long(unit: str) -> None:
    start = time.process_time()
    redact(unit * 100_000)
    assert time.process_time() - start < 0.5


def test_slug() -> None:
    assert slug("rate_limit_error") == "rate_limit_error"
    assert slug("messages[0].content") == "messages[0].content"
    assert [slug(value) for value in (None, "", "a\nb", "x" * 200, "sk-proj-abcdef")] == [None] * 5
