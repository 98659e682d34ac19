"""The response parser: what comes out is a function of the bytes alone."""

import itertools
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.providers.transport_errors import Disconnected, GarbledResponse
from hyperinfer.providers.transport_parser import ResponseParser

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 11\r\n\r\nhello world"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + LENGTH
EOF_DELIMITED = b"HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nhello world"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"
BAD_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"
EXTRA = LENGTH + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
CLOSE = b"HTTP/1.1 429 Too Many\r\nConnection: close\r\nContent-Length: 2\r\n\r\nnoand more"
BIG_TRAILER = CHUNKED[:-2] + b"X-U: " + b"a" * 500 + b"\r\n\r\n"
CASES = {name: value for name, value in globals().items() if name.isupper() and isinstance(value, bytes)}


class Outcome(NamedTuple):
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    end: str


def outcome(pieces: list[bytes], *, method: str = "POST", head_limit: int = 400) -> Outcome:
    parser = ResponseParser(method, head_limit=head_limit)
    body = b""
    for piece in pieces:
        parser.feed(piece)
        body += parser.take()
    parser.feed_eof()
    body += parser.take()
    end = type(parser.failure).__name__ if parser.failure else "complete" if parser.complete else "nothing"
    return Outcome(parser.status, tuple(parser.headers) if parser.has_head else (), body, end)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LENGTH, (200, b"hello world", "complete")),
        (CHUNKED, (200, b"hello world", "complete")),
        (INTERIM, (200, b"hello world", "complete")),
        (EOF_DELIMITED, (200, b"hello world", "complete")),
        (NO_CONTENT, (204, b"", "complete")),
        (BAD_CHUNK, (200, b"hello", "GarbledResponse")),
        (EXTRA, (200, b"hello world", "complete")),
        (CLOSE, (429, b"no", "complete")),
        (BIG_TRAILER, (200, b"hello world", "GarbledResponse")),
    ],
)
def test_whole(data: bytes, expected: tuple[int, bytes, str]) -> None:
    result = outcome([data])
    assert (result.status, result.body, result.end) == expected


@pytest.mark.parametrize("data", CASES.values(), ids=CASES.keys())
def test_every_two_way_split_and_byte_by_byte(data: bytes) -> None:
    whole = outcome([data])
    assert outcome([data[i : i + 1] for i in range(len(data))]) == whole
    for cut in range(1, len(data)):
        assert outcome([data[:cut], data[cut:]]) == whole, cut


@given(st.sampled_from(sorted(CASES.values())), st.lists(st.integers(1, 60)))
def test_any_split(data: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    assert outcome([data[a:b] for a, b in itertools.pairwise(places)]) == outcome([data])


@pytest.mark.parametrize("data", [LENGTH, CHUNKED, INTERIM, NO_CONTENT])
def test_every_prefix_is_cut_off(data: bytes) -> None:
    whole = outcome([data])
    for cut in range(1, len(data)):
        result = outcome([data[:cut]])
        assert result.end == "Disconnected", cut
        assert whole.body.startswith(result.body)


def test_every_prefix_that_has_a_head_is_complete_where_the_end_delimits() -> None:
    head = EOF_DELIMITED.index(b"\r\n\r\n") + 4
    for cut in range(1, len(EOF_DELIMITED)):
        assert outcome([EOF_DELIMITED[:cut]]).end == ("complete" if cut >= head else "Disconnected")


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_a_response_or_an_error(data: bytes) -> None:
    assert outcome([data]).end in ("complete", "Disconnected", "GarbledResponse")


@given(st.sampled_from([LENGTH, CHUNKED]), st.integers(0, 200), st.integers(0, 255), st.integers(1, 50))
def test_a_corrupt_byte_splits_like_any_other(data: bytes, place: int, value: int, cut: int) -> None:
    place %= len(data)
    corrupt = data[:place] + bytes([value]) + data[place + 1 :]
    assert outcome([corrupt[:cut], corrupt[cut:]]) == outcome([corrupt])


@pytest.mark.parametrize(
    ("data", "reusable"),
    [
        (LENGTH, True),
        (CHUNKED, True),
        (INTERIM, True),
        (NO_CONTENT, True),
        (EOF_DELIMITED, False),
        (EXTRA, False),
        (CLOSE, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", True),
        (b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", False),
    ],
)
def test_what_may_be_used_again(data: bytes, reusable: bool) -> None:
    parser = ResponseParser("POST")
    parser.feed(data)
    assert parser.reusable is reusable
    parser.feed_eof()
    assert not parser.reusable


def test_bytes_after_the_end_make_it_unusable() -> None:
    parser = ResponseParser("POST")
    parser.feed(LENGTH)
    assert parser.complete
    assert parser.reusable
    parser.feed(b"x")
    assert parser.complete
    assert not parser.reusable


def test_head_requests_have_no_body() -> None:
    parser = ResponseParser("HEAD")
    parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n")
    assert (parser.complete, parser.reusable, parser.take()) == (True, True, b"")
    assert outcome([LENGTH], method="HEAD").body == b""


def test_trailers_set_no_header() -> None:
    parser = ResponseParser("POST")
    parser.feed(CHUNKED)
    assert parser.headers == [(b"Transfer-Encoding", b"chunked")]


@pytest.mark.parametrize("endless", [b"X-A: b\r\n" * 99, b"X-A: " + b"a" * 900, b"X-A:" + b" " * 900])
@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_the_head_is_bounded(endless: bytes, piece: int) -> None:
    data = b"HTTP/1.1 200 OK\r\n" + endless
    parser = ResponseParser("POST", head_limit=400)
    for start in range(0, len(data), piece):
        parser.feed(data[start : start + piece])
    assert isinstance(parser.failure, GarbledResponse)


def test_interim_responses_count_towards_the_head() -> None:
    parser = ResponseParser("POST", head_limit=400)
    for _ in range(100):
        parser.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert isinstance(parser.failure, GarbledResponse)


@pytest.mark.parametrize("endless", [b"5;" + b"x" * 900, b"0\r\nX-T: " + b"x" * 900, b"0\r\n" + b"X-T: x\r\n" * 99])
def test_what_is_not_body_is_bounded(endless: bytes) -> None:
    parser = ResponseParser("POST", head_limit=400)
    parser.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for start in range(0, len(endless), 10):
        parser.feed(endless[start : start + 10])
    assert isinstance(parser.failure, GarbledResponse)


def test_a_long_body_of_short_chunks_is_no_excess() -> None:
    parser = ResponseParser("POST", head_limit=100)
    parser.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1000):
        parser.feed(b"1\r\nx\r\n")
    parser.feed(b"0\r\n\r\n")
    assert parser.complete
    assert parser.take() == b"x" * 1000


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
def test_what_is_refused(head: bytes) -> None:
    assert outcome([head]).end == "GarbledResponse"


def test_nothing_at_all_is_a_disconnection() -> None:
    parser = ResponseParser("POST")
    parser.feed_eof()
    assert isinstance(parser.failure, Disconnected)
    assert not parser.started
