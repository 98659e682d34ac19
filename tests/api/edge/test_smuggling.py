"""Requests whose end two servers may see in two places: none of what lies behind it is ever served."""

from __future__ import annotations

import pytest

from tests.api.edge.recorder import Recorder, asked, statuses

HIDDEN = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST /first HTTP/1.1\r\nhost: a\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"

AMBIGUOUS: dict[str, tuple[bytes, int]] = {
    "a length and chunks": (POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
    "chunks and a length": (POST + b"transfer-encoding: chunked\r\ncontent-length: 39\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
    "two lengths": (POST + b"content-length: 0\r\ncontent-length: 35\r\n\r\n" + HIDDEN, 400),
    "a list of lengths": (POST + b"content-length: 0, 35\r\n\r\n" + HIDDEN, 400),
    "a length with a sign": (POST + b"content-length: +0\r\n\r\n" + HIDDEN, 400),
    "a length in hexadecimal": (POST + b"content-length: 0x0\r\n\r\n" + HIDDEN, 400),
    "an empty length": (POST + b"content-length: \r\n\r\n" + HIDDEN, 400),
    "a length beyond 64 bits": (POST + b"content-length: 18446744073709551616\r\n\r\n" + HIDDEN, 400),
    "a negative length": (POST + b"content-length: -35\r\n\r\n" + HIDDEN, 400),
    "a length with a space within": (POST + b"content-length: 3 5\r\n\r\n" + HIDDEN, 400),
    "an unknown coding": (POST + b"transfer-encoding: xchunked\r\n\r\n" + HIDDEN, 501),
    "a coding before chunks": (POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + HIDDEN, 501),
    "a coding behind chunks": (POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
    "chunks twice": (POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
    "a vertical tab before chunked": (POST + b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
    "a quoted coding": (POST + b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n' + HIDDEN, 501),
    "a space before the colon": (POST + b"content-length : 35\r\n\r\n" + HIDDEN, 400),
    "a NUL in a name": (POST + b"content-length\x00: 35\r\n\r\n" + HIDDEN, 400),
    "a folded field": (POST + b"x: y\r\n content-length: 35\r\n\r\n" + HIDDEN, 400),
    "a space before the first field": (POST + b" content-length: 35\r\n\r\n" + HIDDEN, 400),
    "a bare return in a value": (POST + b"x: y\rcontent-length: 35\r\n\r\n" + HIDDEN, 400),
    "a field without a colon": (POST + b"content-length\r\n\r\n" + HIDDEN, 400),
    "a space in a chunk's size": (CHUNKED + b"0 \r\n\r\n" + HIDDEN, 400),
    "a space before a chunk's size": (CHUNKED + b" 0\r\n\r\n" + HIDDEN, 400),
    "a chunk's size with a prefix": (CHUNKED + b"0x0\r\n\r\n" + HIDDEN, 400),
    "a chunk's size with a sign": (CHUNKED + b"+0\r\n\r\n" + HIDDEN, 400),
    "a negative chunk": (CHUNKED + b"-1\r\n\r\n" + HIDDEN, 400),
    "a chunk beyond 64 bits": (CHUNKED + b"10000000000000000\r\n\r\n" + HIDDEN, 400),
    "a chunk that is longer than its size": (CHUNKED + b"1\r\nabc\r\n0\r\n\r\n" + HIDDEN, 400),
    "an end of line in a chunk's extension": (CHUNKED + b"1;a\nb\r\nx\r\n0\r\n\r\n" + HIDDEN, 400),
    "chunks with HTTP/1.0": (b"POST /first HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
}

READ_BY_STOCK = {"a space in a chunk's size", "a folded field", "a space before the first field"}
"""What h11 takes for white space: there the request behind is one of its own."""


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_an_ambiguous_end(name: str, each_edge: str) -> None:
    wire, status = AMBIGUOUS[name]
    recorder = Recorder()
    received = await asked(wire, recorder=recorder)
    if each_edge == "lean":
        assert statuses(received) == [status]
        assert b"\r\nconnection: close\r\n" in received
        assert b'"invalid_request"' in received
        assert recorder.seen == []
    elif name in READ_BY_STOCK:
        assert recorder.seen == [("POST", "/first", b""), ("GET", "/smuggled", b"")]
    else:
        assert "/smuggled" not in recorder.paths


async def test_what_follows_a_request_that_ends_the_connection_is_not_served(each_edge: str) -> None:
    recorder = Recorder()
    await asked(b"GET /first HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" + HIDDEN, recorder=recorder)
    assert recorder.paths == ["/first"]


async def test_fields_behind_the_body_count_for_nothing(each_edge: str) -> None:
    recorder = Recorder()
    trailers = b"authorization: Bearer hi-1\r\nhost: evil\r\nx: y\r\n"
    wire = CHUNKED + b"2\r\nab\r\n0\r\n" + trailers + b"\r\nGET /second HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n"
    await asked(wire, recorder=recorder)
    assert recorder.seen == [("POST", "/first", b"ab"), ("GET", "/second", b"")]
    first, second = recorder.headers
    assert list(first) == [(b"host", b"a"), (b"transfer-encoding", b"chunked")]
    assert list(second) == [(b"host", b"b"), (b"connection", b"close")]


async def test_a_body_that_looks_like_a_request_is_a_body(each_edge: str) -> None:
    recorder = Recorder()
    await asked(POST + b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(HIDDEN), HIDDEN), recorder=recorder)
    assert recorder.seen == [("POST", "/first", HIDDEN)]


async def test_a_length_of_a_name_with_an_underscore_is_none(each_edge: str) -> None:
    recorder = Recorder()
    await asked(POST + b"content_length: 35\r\nconnection: close\r\n\r\n", recorder=recorder)
    assert recorder.seen == [("POST", "/first", b"")]
