"""Faults of area errors: what an upstream refused, and how a client is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.faults.kit import ALL, CHAT, MESSAGES, RESPONSES, Case, Seen, fault, refused, through
from tests.faults.reading import read
from tests.faults.test_stream_blocks import calls_from
from tests.faults.test_stream_ends import SAID, cut_short
from tests.faults.wire import (
    DONE,
    bare_chunk,
    chat_ending,
    chat_usage,
    chat_whole,
    chunk,
    completed,
    event,
    message_ending,
    message_start,
    message_whole,
    response_stream,
    response_whole,
    text_events,
)
from tests.support.bench import catalogue
from tests.support.upstreams import NEVER, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperinfer.formats import Dialect

ONCE = catalogue(limits="{retries: 0}")
BOTH = (True, False)

# Failures within a stream.

_FILTERED = "The response was filtered due to the prompt triggering the content management policy."
_FAILED = completed(status="failed", error={"code": "server_error", "message": "The response failed."})
_REASON = event(
    "error", sequence_number=9, error={"type": "invalid_request_error", "code": "content_filter", "message": _FILTERED}
)


def _tells_the_filter(seen: Seen) -> None:
    found = read(seen, failed=True)
    assert found.error
    assert "filter" in json.dumps(found.error), found.error


def _failed_as(client: Dialect, code: str, message: str) -> bytes:
    if client == CHAT:
        return chunk({"role": "assistant", "content": SAID}) + _chat_error(code, message)
    if client == MESSAGES:
        return message_start() + event("error", error={"type": "api_error", "code": code, "message": message})
    return response_stream(completed(status="failed", error={"code": code, "message": message}))


def _chat_error(code: str, message: str) -> bytes:
    return b"data: " + json.dumps({"error": {"code": code, "message": message}}).encode() + b"\n\n" + DONE


def _soon(seen: Seen) -> None:
    read(seen, failed=True)
    assert max(seen.times) < 5.0, "a failure that was not told before the idle deadline"


_OPENED = response_stream(*text_events(0, SAID)[:3])
_FAILS = response_stream(_FAILED).split(b"\n\n", 1)[1]

_EXPLAINED: dict[str, list[bytes | Script]] = {
    "one read": [_OPENED + _FAILS + _REASON],
    "two reads": [_OPENED + _FAILS, _REASON],
    "two reads, left open": [Script([(0.0, _OPENED + _FAILS), (0.5, _REASON), NEVER])],
    "no text on the last": [_OPENED + _FAILS.replace(b"The response failed.", b""), _REASON],
}

test_F012_the_reason_that_follows_response_failed_is_told = fault(
    *[
        # Nobody says more, and the stream stays open.
        through(
            client,
            RESPONSES,
            Script([(0.0, _OPENED + _FAILS), NEVER]),
            _soon,
            [Seen(client, True, _failed_as(client, "server_error", "The response failed."), times=[0.0, 120.0])],
            label="left open",
        )
        for client in ALL
    ],
    *[
        through(
            client,
            RESPONSES,
            said,
            _tells_the_filter,
            [_failed_as(client, "server_error", "The response failed.")],
            label=label,
        )
        for client in ALL
        for label, said in _EXPLAINED.items()
    ],
)


def _a_failure_to_retry(seen: Seen) -> None:
    if seen.status != 200:
        assert seen.status >= 500
        return
    found = read(seen, failed=True)
    assert found.error
    if seen.client == RESPONSES:
        # What Codex takes for final: everything else it retries.
        assert found.error["code"] not in ("insufficient_quota", "context_length_exceeded", "invalid_prompt")
    assert found.error["message"]


_MALFORMED = b'data: {"error": "unexpected EOF"}\n\n'

test_F019_an_end_of_file_is_a_well_formed_failure = fault(
    *[
        through(client, upstream, says, _a_failure_to_retry, [cut_short(client) + _MALFORMED], label=label)
        for client in ALL
        for upstream in ALL
        for label, says in (("in the middle", cut_short(upstream)), ("at once", [Script()] * 3))
    ]
)

_OVERLOADED = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def _an_error_chunk(seen: Seen) -> None:
    found = read(seen, failed=True)
    assert found.error
    assert found.error["message"]
    assert b'"finish_reason":"' not in seen.body


test_F027_an_error_event_becomes_an_error_chunk = fault(
    through(
        CHAT,
        MESSAGES,
        cut_short(MESSAGES) + _OVERLOADED,
        _an_error_chunk,
        [chunk({"role": "assistant", "content": SAID}) + chunk({}, "error") + DONE, calls_from(CHAT, text=SAID)],
    ),
    through(
        CHAT,
        RESPONSES,
        cut_short(RESPONSES) + _FAILS,
        _an_error_chunk,
        [chunk({"role": "assistant", "content": SAID}) + chunk({}, "error") + DONE],
    ),
)

# Failures with a status of their own.


def _refusing(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Script:
    sent = {"content-type": "application/json", **(headers or {})}
    return Script([(0.0, json.dumps(body).encode())], status=status, headers=sent)


def _said(message: str, **fields: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "some_error", "message": message, **fields}}


def _error(client: Dialect, status: int, code: str, message: str = "no", headers: Mapping[str, str] | None = None) -> Seen:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return Seen(client, True, body, status, headers or {})


def _each(
    says: Script, check: Callable[[Seen], object], wrong: Callable[[Dialect], list[Seen]], *upstreams: Dialect
) -> list[Case[Seen]]:
    return [
        through(client, upstream, says, check, wrong(client), stream=stream, catalogue=ONCE)
        for client in ALL
        for upstream in upstreams or ALL
        for stream in BOTH
    ]


_LIMITS = {"retry-after": "287441", "anthropic-ratelimit-unified-status": "rejected"}


def _keeps_the_limits(seen: Seen) -> None:
    refused(seen, 429, "provider_rate_limit")
    assert _LIMITS.items() <= dict(seen.headers).items()


test_F101_the_limits_of_a_messages_upstream_reach_the_client = fault(
    *[
        through(
            MESSAGES,
            MESSAGES,
            _refusing(429, _said("slow down"), _LIMITS),
            _keeps_the_limits,
            [
                _error(MESSAGES, 429, "provider_rate_limit"),
                _error(MESSAGES, 429, "provider_rate_limit", headers={"retry-after": "287441"}),
            ],
            stream=stream,
        )
        for stream in BOTH
    ]
)

test_F103_an_overloaded_provider_is_not_the_callers_rate_limit = fault(
    *_each(
        _refusing(529, _said("Overloaded")),
        lambda seen: refused(seen, 529, "provider_overloaded"),
        lambda client: [_error(client, 429, "provider_rate_limit"), _error(client, 429, "provider_overloaded")],
    )
)


def _says_when(seen: Seen) -> None:
    assert seen.status in (502, 503, 504, 529), seen.status
    assert seen.headers.get("retry-after") == "7"


test_F104_retry_after_is_kept = fault(
    *[
        case
        for status in (502, 503, 504)
        for case in _each(
            _refusing(status, _said("busy"), {"retry-after": "7"}),
            _says_when,
            lambda client: [_error(client, 503, "provider_overloaded"), _error(client, 502, "provider_unavailable")],
            CHAT,
        )
    ]
)


def _served(seen: Seen) -> None:
    assert read(seen).text == SAID


test_F105_a_code_in_the_body_of_a_500_counts = fault(
    *_each(
        _refusing(500, _said("Too many requests", code=429)),
        lambda seen: refused(seen, 429, "provider_rate_limit"),
        lambda client: [_error(client, 500, "internal_error"), _error(client, 502, "provider_unavailable")],
    ),
    *[
        # And it is tried again, elsewhere.
        through(
            client,
            CHAT,
            [_refusing(500, _said("Too many requests", code="429")), Script([(0.0, calls_from(CHAT, text=SAID))])],
            _served,
            [_error(client, 500, "internal_error")],
            model="twice",
        )
        for client in ALL
    ],
)

_QUOTA = "Rate limit reached for up in organization org-abc123def456 on tokens per min (TPM): Limit 30000, used 30000."


def _names_the_quota(seen: Seen) -> None:
    message = refused(seen, 429, "provider_rate_limit")
    assert "tokens per min" in message
    assert "30000" in message
    assert "org-abc123def456" not in message
    assert seen.headers.get("retry-after") == "7"


test_F106_the_providers_own_words_are_told_redacted = fault(
    *_each(
        _refusing(429, _said(_QUOTA), {"retry-after": "7"}),
        _names_the_quota,
        lambda client: [
            _error(client, 429, "provider_rate_limit", "The upstream is rate limited."),
            _error(client, 429, "provider_rate_limit", _QUOTA, {"retry-after": "7"}),
        ],
    )
)

# F107: nothing but reasoning, and cut.

_WHY: dict[str, Any] = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
_WORD: Mapping[Dialect, str] = {CHAT: "length", MESSAGES: "max_tokens", RESPONSES: "incomplete"}


def _empty_and_cut(seen: Seen) -> None:
    found = read(seen)
    assert (found.text, found.calls, found.stop) == ("", [], _WORD[seen.client])
    usage = found.usage.get("closing", found.usage)
    assert usage.get("completion_tokens" if seen.client == CHAT else "output_tokens") == 5


def _empty_and_good(client: Dialect, *, stream: bool) -> bytes:
    """As a complete reply, without usage."""
    if client == CHAT:
        ended = chunk({"role": "assistant"}) + chunk({}, "stop") + bare_chunk(choices=[], usage=chat_usage(0, 0)) + DONE
        return ended if stream else chat_whole({"content": ""}, usage={})
    if client == MESSAGES:
        return message_start() + message_ending() if stream else message_whole()
    return response_stream(completed()) if stream else response_whole()


_CUT: dict[Dialect, tuple[bytes, bytes]] = {
    RESPONSES: (response_stream(completed(**_WHY)), response_whole(**_WHY)),
    CHAT: (chunk({"role": "assistant"}) + chat_ending("length"), chat_whole({"content": None}, "length")),
    MESSAGES: (message_start() + message_ending("max_tokens"), message_whole(stop="max_tokens")),
}

test_F107_a_reply_cut_before_its_first_word_is_an_empty_one = fault(
    *[
        through(
            client,
            upstream,
            says[not stream],
            _empty_and_cut,
            [
                _error(client, 500, "internal_error", "unable to complete request: max_output_tokens"),
                _empty_and_good(client, stream=stream),
            ],
            stream=stream,
        )
        for client in ALL
        for upstream, says in _CUT.items()
        for stream in BOTH
    ]
)
