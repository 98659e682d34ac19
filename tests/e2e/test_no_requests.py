"""Bytes that never become a request, on the wire of a served gateway: refused as everything else is, with an id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.rawclient import connected

if TYPE_CHECKING:
    from tests.support.rawclient import Answer
    from tests.support.served import Running

POST = b"POST /api/v1/chat/completions HTTP/1.1\r\nhost: a\r\n"
REFUSED: dict[str, tuple[bytes, int]] = {
    "garbage": (b"\x00\xff\x16 garbage\r\n\r\n", 400),
    "no host": (b"GET /api/v1/models HTTP/1.1\r\n\r\n", 400),
    "two lengths": (POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab", 400),
    "a bad chunk": (POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400),
    "an unknown transfer coding": (POST + b"transfer-encoding: gzip\r\n\r\n", 501),
    "a head without end": (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 300_000 + b"\r\n\r\n", 431),
    "a websocket": (
        b"GET /api/v1/responses HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        403,
    ),
}


def refused(server: Running, wire: bytes) -> Answer:
    with connected(server.url) as connection:
        connection.send(wire)
        return connection.answer()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_request_is_refused_with_an_id(server: Running, name: str) -> None:
    wire, status = REFUSED[name]
    answers = [refused(server, wire) for _ in range(2)]
    for answer in answers:
        assert answer.status == status
        assert answer.headers["content-type"] == "application/json"
        assert int(answer.headers["content-length"]) == len(answer.body)
        request_id = answer.headers["x-request-id"]
        assert re.fullmatch("[a-z0-9_-]{1,40}", request_id)
        error = answer.document["error"]
        assert (error["code"], error["param"], error["request_id"]) == ("invalid_request", None, request_id)
        assert error["message"]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 2
