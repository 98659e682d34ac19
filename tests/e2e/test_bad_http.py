"""Sizes, media types, methods, paths and lengths that are wrong, on the wire of a served gateway."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.limited import post, post_json
from tests.support.formats import AUTHORIZED, CHAT, MESSAGES, Route
from tests.support.rawclient import ask, connected, head

if TYPE_CHECKING:
    from tests.support.served import Running

MEGABYTE = 1024 * 1024


def padded(route: Route, size: int) -> bytes:
    body = json.dumps(route.body("test/chat")).encode()
    return body + b" " * (size - len(body))


def test_a_body_of_the_limit(server: Running, route: Route) -> None:
    assert post(server, route, padded(route, MEGABYTE)).status == 200
    assert route.told(post(server, route, padded(route, MEGABYTE + 1))).code == "payload_too_large"


def test_a_length_over_the_limit_is_refused_before_the_body(server: Running, route: Route) -> None:
    for length in (MEGABYTE + 1, 10**15):
        with connected(server.url) as connection:
            connection.send(head("POST", route.path, {**AUTHORIZED, "content-length": str(length)}))
            assert route.told(connection.answer()).code == "payload_too_large"


def test_chunks_over_the_limit(server: Running, route: Route) -> None:
    with connected(server.url) as connection:
        connection.send(head("POST", route.path, {**AUTHORIZED, "transfer-encoding": "chunked"}))
        for _ in range(20):
            connection.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        connection.send(b"0\r\n\r\n")
        assert route.told(connection.answer()).code == "payload_too_large"


def test_chunks_within_the_limit(server: Running, route: Route) -> None:
    body = json.dumps(route.body("test/chat")).encode()
    chunks = b"".join(b"1;name=value\r\n%c\r\n" % byte for byte in body)
    with connected(server.url) as connection:
        connection.send(head("POST", route.path, {**AUTHORIZED, "transfer-encoding": "chunked"}))
        connection.send(chunks + b"0\r\ntrailer: x\r\n\r\n")
        assert connection.answer().status == 200


def test_expect_continue(server: Running, route: Route) -> None:
    body = json.dumps(route.body("test/chat")).encode()
    fields = {**AUTHORIZED, "expect": "100-continue", "content-length": str(len(body))}
    with connected(server.url) as connection:
        connection.send(head("POST", route.path, fields))
        assert connection.socket.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.send(body)
        assert connection.answer().status == 200


# HTTP


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", "a" * 9_000],
)
def test_unsupported_media_types(server: Running, route: Route, media_type: str) -> None:
    body = json.dumps(route.body("test/chat")).encode()
    told = route.told(post(server, route, body, {**AUTHORIZED, "content-type": media_type}))
    assert told.code == "invalid_request"


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json"])
def test_media_types_that_are_json(server: Running, route: Route, media_type: str) -> None:
    assert post_json(server, route, route.body("test/chat"), {**AUTHORIZED, "content-type": media_type}).status == 200


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity"])
def test_compressed_bodies(server: Running, route: Route, coding: str) -> None:
    body = json.dumps(route.body("test/chat")).encode()
    assert route.told(post(server, route, body, {**AUTHORIZED, "content-encoding": coding})).code == "invalid_request"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
def test_wrong_methods(server: Running, route: Route, method: str) -> None:
    answer = ask(server.url, method, route.path, AUTHORIZED)
    assert route.told(answer, 405).code == "invalid_request"
    assert "POST" in answer.headers["allow"]


def test_head_and_options(server: Running, route: Route) -> None:
    """Clients probe with these."""
    for method in ("HEAD", "OPTIONS"):
        answer = ask(server.url, method, route.path, AUTHORIZED)
        assert answer.status in (200, 204, 405)
        assert answer.headers["x-request-id"]
        if method == "HEAD":
            assert answer.body == b""


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/v1",
        "/api/v1/no/such/path",
        "/api/v1/chat/completions/",
        "/api/v1/chat//completions",
        "/API/V1/CHAT/COMPLETIONS",
        "/v1/chat/completions",
        "/api/v1/../../etc/passwd",
        "/%2e%2e/%00",
        "/api/v1/%ff%fe",
        "/" + "x" * 8_000,
    ],
    ids=lambda path: path[:30],
)
def test_unknown_paths(server: Running, path: str) -> None:
    for method in ("GET", "POST"):
        answer = ask(server.url, method, path, AUTHORIZED, b"{}" if method == "POST" else b"")
        assert CHAT.told(answer, 404).code == "invalid_request"


def test_an_unknown_path_in_the_clients_envelope(server: Running) -> None:
    answer = ask(server.url, "POST", "/api/v1/messages/no/such", {**AUTHORIZED, "anthropic-version": "2023-06-01"}, b"{}")
    assert MESSAGES.told(answer, 404).code == "invalid_request"


def test_a_query_is_no_part_of_the_path(server: Running, route: Route) -> None:
    body = json.dumps(route.body("test/chat")).encode()
    assert ask(server.url, "POST", f"{route.path}?beta=true&x=%ff", AUTHORIZED, body).status == 200


def test_the_percent_coded_path(server: Running, route: Route) -> None:
    body = json.dumps(route.body("test/chat")).encode()
    assert ask(server.url, "POST", route.path.replace("v1", "v%31"), AUTHORIZED, body).status == 200


def test_a_clients_request_id_is_not_ours(server: Running, route: Route) -> None:
    answer = post_json(server, route, route.body("test/chat"), {**AUTHORIZED, "x-request-id": "mine"})
    assert answer.headers["x-request-id"] != "mine"
    assert answer.headers["x-request-id"] in answer.document["id"]


# Requests within requests


def test_a_request_in_the_body_of_another_is_not_served(server: Running, route: Route) -> None:
    """RFC 9112, 6.3: with a transfer coding the length is void, and the connection must not go on."""
    body = json.dumps(route.body("test/chat")).encode()
    inner = head("POST", route.path, {**AUTHORIZED, "content-length": str(len(body))}) + body
    fields = {**AUTHORIZED, "content-length": str(5 + len(inner)), "transfer-encoding": "chunked"}
    with connected(server.url) as connection:
        connection.send(head("POST", route.path, fields) + b"0\r\n\r\n" + inner)
        assert route.told(connection.answer()).code == "invalid_request"
        assert connection.until_closed() == b""


@pytest.mark.parametrize(
    "line",
    [
        "content-length: 1\r\ncontent-length: 2",
        "content-length: +5",
        "content-length: 0x10",
        "content-length: -1",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: xchunked",
        "transfer-encoding : chunked",
        "content-length: 2\r\n folded: 1",
        "x: \x00",
    ],
)
def test_lengths_that_are_none(server: Running, route: Route, line: str) -> None:
    wire = head("POST", route.path, AUTHORIZED)[:-2] + line.encode() + b"\r\n\r\n{}"
    with connected(server.url) as connection:
        connection.send(wire)
        connection.socket.shutdown(1)
        assert b" 200 " not in connection.until_closed().partition(b"\r\n")[0]
    assert post_json(server, route, route.body("test/chat")).status == 200


def test_one_connection_goes_on_after_errors(server: Running, route: Route) -> None:
    good = json.dumps(route.body("test/chat")).encode()
    with connected(server.url) as connection:
        for body, status in ((b"{", 400), (good, 200), (b"[]", 400), (good, 200)):
            connection.send(head("POST", route.path, {**AUTHORIZED, "content-length": str(len(body))}) + body)
            assert connection.answer().status == status


def test_a_client_that_leaves_within_its_request(server: Running, route: Route) -> None:
    whole = head("POST", route.path, {**AUTHORIZED, "content-length": "1000"}) + b'{"model": '
    for cut in (1, 20, len(whole) - 15, len(whole)):
        with connected(server.url) as connection:
            connection.send(whole[:cut])
    assert post_json(server, route, route.body("test/chat")).status == 200
