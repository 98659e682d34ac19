"""Every error that real providers were recorded with, by each way in which it may come."""

import json
from pathlib import Path
from typing import Any

import pytest

from hyperinfer.formats import FORMATS, Dialect, Upstream, Wait
from hyperinfer.formats.events import UpstreamError
from hyperinfer.formats.upstream_errors import fault_of_error, upstream_error
from hyperinfer.providers.status import classify

EXPECTED = {
    "anthropic_messages/anthropic-error-handling-with-raises-appropriate-auth-error": "provider_auth",
    "anthropic_messages/anthropic-model-name-suggestion-anthropic": "provider_unavailable",
    "anthropic_messages/anthropic-real-error-scenarios-handles-context-length-exceeded-errors": "context_length_exceeded",
    "openai_chat/azure-prompt-content-filtering": "content_filter",
    # Recorded for a long context, but the provider's rate limit was what answered.
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
    # A 400 that says «Incorrect API key provided»: the key is the gateway's, so the client is not at fault.
    "openai_responses/xai-error-handling-with-raises-appropriate-auth-error": "provider_auth",
}
STREAMS = {
    "openai_chat/groq-tool-use-failed-error-stream": ["invalid_request"],
    "openai_responses/openai-error-1": ["provider_rate_limit", "provider_rate_limit"],
}


@pytest.fixture
def recordings(shared: Path) -> Path:
    return shared / "recordings"


def meta(case: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((case / "meta.json").read_text())
    return loaded


def test_every_recorded_error_is_expected(recordings: Path) -> None:
    found = set[str]()
    for file in recordings.glob("*/*/meta.json"):
        about = meta(file.parent)
        if about["http_status"] != 200 or "error_body" in about["features"]:
            found.add(f"{file.parent.parent.name}/{file.parent.name}")
    assert found == set(EXPECTED)


@pytest.mark.parametrize("case", EXPECTED)
def test_recorded_error(recordings: Path, case: str) -> None:
    about = meta(recordings / case)
    body = (recordings / case / "response.json").read_bytes()
    fault = classify(about["http_status"], about["response_headers"], body)
    decoded = upstream_error(json.loads(body), about["http_status"])
    under_200 = upstream_error(json.loads(body))
    for found in (fault, decoded, under_200):
        assert found.code == EXPECTED[case]
        assert (found.message, found.param) == (fault.message, fault.param)
        assert (found.retryable, found.failover) == (fault.retryable, fault.failover)
    for leak in ("http", "key", "user_id"):
        assert leak not in fault.message


@pytest.mark.parametrize("case", STREAMS)
def test_recorded_error_within_a_stream(recordings: Path, case: str) -> None:
    lines = (recordings / case / "response.sse").read_text().splitlines()
    frames = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    errors = [f for f in frames if f.get("error") or f.get("type") == "response.failed"]
    assert [fault_of_error(error).code for error in errors] == STREAMS[case]


@pytest.mark.parametrize("case", [*EXPECTED, *STREAMS])
def test_recorded_error_by_the_codec_of_its_protocol(recordings: Path, case: str) -> None:
    """As if each had come under a 200."""
    codec = FORMATS[dialect_of(case)]
    upstream = Upstream(vendor="any", id_seed="seed")
    if case in STREAMS:
        decoder = codec.stream_decoder(upstream)
        decoder.receive_data((recordings / case / "response.sse").read_bytes())
        decoder.receive_eof()
        event = last = decoder.next_event()
        while not isinstance(event, Wait):
            last, event = event, decoder.next_event()
        expected = STREAMS[case][-1]
    else:
        last = codec.decode_response((recordings / case / "response.json").read_bytes(), upstream)[-1]
        expected = EXPECTED[case]
    assert isinstance(last, UpstreamError)
    assert last.code == expected


def dialect_of(case: str) -> Dialect:
    return next(dialect for dialect in FORMATS if case.startswith(f"{dialect}/"))


def test_a_recorded_wait_in_milliseconds_beats_the_seconds(recordings: Path) -> None:
    case = recordings / "openai_chat/azure-real-error-scenarios-handles-context-length-exceeded-errors"
    headers = meta(case)["response_headers"]
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("1", "0")
    assert classify(429, headers, (case / "response.json").read_bytes()).retry_after == 0.0
