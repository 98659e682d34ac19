"""Faults of area security: whose secrets go where."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.faults.kit import ALL, Case, Seen, fault, refused, through
from tests.support.replies import STREAMS, WHOLES
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperinfer.formats import Dialect

JSON = {"content-type": "application/json"}
SECRET = "hi-virtual-key-of-the-client-0123456789"
CREDENTIALS = {
    name: SECRET
    for name in (
        "xi-api-key",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "ocp-apim-subscription-key",
        "x-portkey-api-key",
        "helicone-auth",
        "cf-aig-authorization",
        "x-auth-token",
        "anthropic-api-key",
    )
} | {"proxy-authorization": f"Bearer {SECRET}", "cookie": f"session={SECRET}", "x-amz-security-token": SECRET}
PRIVATE = {
    "x-forwarded-for": "10.9.8.7",
    "x-forwarded-host": "inside.example",
    "x-real-ip": "10.9.8.7",
    "forwarded": "for=10.9.8.7",
    "referer": "https://inside.example/x",
    "openai-organization": "org-client",
    "user-agent": "inside.example/1",
}
ALLOWED = {
    "host", "user-agent", "accept", "accept-encoding", "content-type", "content-length",
    "authorization", "x-api-key", "anthropic-version", "anthropic-beta",
}  # fmt: skip


def _cases(
    says: Callable[[Dialect, bool], Script],
    check: Callable[[Seen], object],
    wrong: Callable[[Seen], list[Seen]],
    headers: Mapping[str, str] | None = None,
) -> list[Case[Seen]]:
    return [
        through(
            client,
            upstream,
            says(upstream, stream),
            check,
            wrong(Seen(client, stream, status=502, headers=JSON, asked=[b"{}"], asked_headers=[{}])),
            stream=stream,
            headers=headers,
        )
        for client in ALL
        for upstream in ALL
        for stream in (True, False)
    ]


def _good(upstream: Dialect, stream: bool) -> Script:
    return Script([(0.0, b"".join(STREAMS[upstream]) if stream else WHOLES[upstream])])


def _no_header_of_the_client_goes_up(seen: Seen) -> None:
    assert seen.asked_headers, "the upstream was never called"
    for headers in seen.asked_headers:
        names = {name.lower() for name in headers}
        assert names <= ALLOWED, names - ALLOWED
        text = json.dumps(dict(headers))
        for value in (SECRET, "10.9.8.7", "inside.example", "org-client"):
            assert value not in text, headers


test_F156_no_credential_of_a_client_reaches_a_provider = fault(
    *_cases(
        _good,
        _no_header_of_the_client_goes_up,
        lambda seen: [
            replace(seen, asked_headers=[{"authorization": "Bearer sk-up", name: value}])
            for name, value in {**CREDENTIALS, **PRIVATE}.items()
        ],
        CREDENTIALS | PRIVATE,
    )
)

_LEAK = "Incorrect API key provided: sk-proj-abc123DEF456. You can find your key at https://platform.internal.test/keys."


def _error(message: str, code: str, kind: str = "invalid_request_error") -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "code": code}}).encode()


def _our_key_is_our_business(seen: Seen) -> None:
    refused(seen, 502, "provider_auth")
    for leak in ("sk-", "abc123DEF456", "internal.test", "Incorrect API key"):
        assert leak.encode() not in seen.body


def _refused_key(status: int) -> list[Case[Seen]]:
    def says(upstream: Dialect, stream: bool) -> Script:
        return Script([(0.0, _error(_LEAK, "invalid_api_key"))], status=status, headers=JSON)

    def wrong(seen: Seen) -> list[Seen]:
        verbatim = replace(seen, status=status, body=_error(_LEAK, "invalid_api_key"))
        return [verbatim, replace(seen, body=_error(_LEAK, "provider_auth"))]

    return _cases(says, _our_key_is_our_business, wrong)


test_F157_a_refused_key_of_the_gateway_is_no_matter_of_the_client = fault(*_refused_key(401), *_refused_key(403))

_INTERNAL = {
    "location": "http://10.0.0.1:8000/internal/login",
    "set-cookie": "session=1",
    "x-forwarded-for": "10.0.0.1",
    "via": "1.1 inside.example",
    "server": "inside.example",
}


def _redirect(upstream: Dialect, stream: bool) -> Script:
    return Script([(0.0, b"<a href='http://10.0.0.1:8000/internal/login'>moved</a>")], status=302, headers=_INTERNAL)


def _nothing_private_either_way(seen: Seen) -> None:
    _no_header_of_the_client_goes_up(seen)
    assert not _INTERNAL.keys() & {name.lower() for name in seen.headers}
    assert b"10.0.0.1" not in seen.body + json.dumps(dict(seen.headers)).encode()
    assert len(seen.asked) == 1, "the redirect was followed"
    refused(seen, 502, "provider_unavailable")


test_F158_redirects_cookies_and_forwarding_headers_stay_where_they_are = fault(
    *_cases(
        _redirect,
        _nothing_private_either_way,
        lambda seen: [
            replace(told, **change)
            for told in [replace(seen, body=_error("moved", "provider_unavailable"))]
            for change in (
                {"status": 302, "headers": _INTERNAL},
                {"headers": {"location": _INTERNAL["location"]}},
                {"asked_headers": [{"cookie": CREDENTIALS["cookie"]}]},
                {"asked_headers": [{"x-forwarded-for": "10.9.8.7"}]},
                {"body": _error("moved to http://10.0.0.1:8000/internal/login", "provider_unavailable")},
                {"asked": [b"{}", b"{}"]},
            )
        ],
        CREDENTIALS | PRIVATE,
    )
)
