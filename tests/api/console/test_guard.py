"""Where requests come from, and what responses have."""

from __future__ import annotations

import pytest

from hyperinfer.api.console.guard import came_by_tls, comes_from_elsewhere, guarded, is_of_api, is_of_console

HOST = (b"host", b"gw.example:8080")


@pytest.mark.parametrize(
    ("headers", "elsewhere"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": ""}, True),
        ({"sec-fetch-site": "SAME-ORIGIN"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "https://elsewhere.example"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://gw.example:8080"}, True),
        ({"origin": "http://gw.example:8080"}, False),
        ({"origin": "https://gw.example:8080"}, False),
        ({"origin": "http://GW.example:8080"}, False),
        ({"origin": "http://gw.example"}, True),
        ({"origin": "http://gw.example:8081"}, True),
        ({"origin": "http://gw.example:8080.evil.example"}, True),
        ({"origin": "http://evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "gw.example:8080"}, True),
        ({"origin": "http://[::1"}, True),
    ],
)
def test_where_a_request_comes_from(headers: dict[str, str], elsewhere: bool) -> None:
    sent = [HOST, *((name.encode(), value.encode()) for name, value in headers.items())]
    assert comes_from_elsewhere(sent) is elsewhere


def test_an_origin_without_a_host_is_elsewhere() -> None:
    for origin in (b"http://gw.example", b"null", b"", b"x"):
        assert comes_from_elsewhere([(b"origin", origin)])


def test_the_page_tells_whether_tls_ends_before_us() -> None:
    assert came_by_tls("https", [])
    assert came_by_tls("http", [(b"Origin", b"https://gw.example")])
    assert not came_by_tls("http", [(b"origin", b"http://gw.example"), (b"x-forwarded-proto", b"https")])
    assert not came_by_tls("http", [])


def test_what_is_of_the_console() -> None:
    for path in ("/", "/console", "/console/", "/console/api/keys", "/console/assets-1/x.js", "/console/nothing"):
        assert is_of_console(path)
    for path in ("/consoles", "/api/v1/models", "/metrics", "//", ""):
        assert not is_of_console(path)
    assert (is_of_api("/console/api/x"), is_of_api("/console/api"), is_of_api("/console/apis")) == (True, True, False)


def test_a_response_says_itself_how_long_it_may_be_kept() -> None:
    assert dict(guarded([]))[b"cache-control"] == b"no-store"
    kept = [value for name, value in guarded([(b"Cache-Control", b"no-cache")]) if name.lower() == b"cache-control"]
    assert kept == [b"no-cache"]
