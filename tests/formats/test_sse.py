"""SSE framing: frames are those of the specification, however the bytes were cut."""

from __future__ import annotations

import itertools
import re
import time
import tracemalloc
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.formats.errors import PeerError
from hyperinfer.formats.sse import Frame, SSEDecoder
from tests.support.chunks import byte_by_byte, two_way_splits

BOM = b"\xef\xbb\xbf"


def frames(pieces: Iterable[bytes], *, eof: bool = True, max_frame: int = 1 << 20) -> list[Frame | str]:
    """All frames of the pieces, drained after every piece; the error as a string."""
    decoder = SSEDecoder(max_frame)
    out: list[Frame | str] = []

    def drain() -> None:
        while (frame := decoder.next_frame()) is not None:
            out.append(frame)

    try:
        for piece in pieces:
            decoder.receive_data(piece)
            drain()
        if eof:
            decoder.receive_eof()
            drain()
    except PeerError as error:
        out.append(error.reason)
    return out


def by_the_book(data: bytes) -> list[Frame | str]:
    """The specification read line by line (WHATWG HTML 9.2.6), with our two liberties: no dispatch of an event without
    data, and a last event without its blank line counts."""
    lines = re.split(rb"\r\n|\r|\n", data.removeprefix(BOM))
    out: list[Frame | str] = []
    event, parts = b"", list[bytes]()
    for line in [*lines, b""]:
        if not line:
            if parts:
                out.append(Frame(event, b"\n".join(parts)))
            event, parts = b"", []
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                parts.append(value)
            elif field == b"event":
                event = value
    return out


CASES: dict[str, tuple[bytes, Sequence[tuple[bytes, bytes]]]] = {
    "one frame": (b"data: a\n\n", [(b"", b"a")]),
    "no space after the colon": (b"data:a\n\n", [(b"", b"a")]),
    "only one space is taken off": (b"data:  a \n\n", [(b"", b" a ")]),
    "named": (b"event: ping\ndata: {}\n\n", [(b"ping", b"{}")]),
    "the name after the data": (b"data: {}\nevent: ping\n\n", [(b"ping", b"{}")]),
    "a name lasts for one frame": (b"event: a\ndata: 1\n\ndata: 2\n\n", [(b"a", b"1"), (b"", b"2")]),
    "the last name counts": (b"event: a\nevent: b\ndata: 1\n\n", [(b"b", b"1")]),
    "a name alone is no frame": (b"event: ping\n\ndata: a\n\n", [(b"", b"a")]),
    "several data lines": (b"data: a\ndata: b\ndata:\n\n", [(b"", b"a\nb\n")]),
    "a field without a colon": (b"data\n\n", [(b"", b"")]),
    "comments": (b": OPENROUTER PROCESSING\n\n:\n\ndata: a\n: b\ndata: c\n\n", [(b"", b"a\nc")]),
    "data that looks like a comment": (b"data: : x\n\n", [(b"", b": x")]),
    "unknown fields, id and retry": (b"id: 7\nretry: 10\nfoo: bar\ndata: a\n\n", [(b"", b"a")]),
    "other case is another field": (b"Data: a\n\n", []),
    "CRLF": (b"event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", [(b"x", b"a"), (b"", b"b")]),
    "CR": (b"event: x\rdata: a\r\rdata: b\r\r", [(b"x", b"a"), (b"", b"b")]),
    "mixed line ends": (b"data: a\r\ndata: b\r\n\ndata: c\n\r\n", [(b"", b"a\nb"), (b"", b"c")]),
    "many blank lines": (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    "byte order mark": (BOM + b"data: a\n\n", [(b"", b"a")]),
    "a byte order mark before a comment": (BOM + b": hi\n\ndata: a\n\n", [(b"", b"a")]),
    "only one byte order mark is dropped": (BOM + BOM + b"data: a\n\n", []),
    "the start of a byte order mark alone": (b"\xef\xbb", []),
    "a byte order mark later is data": (b"data: " + BOM + b"\n\n", [(b"", BOM)]),
    "without the last blank line": (b"data: a\n\ndata: b", [(b"", b"a"), (b"", b"b")]),
    "with half of the last blank line": (b"data: a\n", [(b"", b"a")]),
    "with half of the last CRLF": (b"data: a\r\n\r", [(b"", b"a")]),
    "characters of four bytes": ("data: 😀字\n\n".encode(), [(b"", "😀字".encode())]),
    "bytes that are no UTF-8 are kept": (b"data: \xff\xfe\n\n", [(b"", b"\xff\xfe")]),
    "nothing": (b"", []),
    "nothing but line ends": (b"\r\n\n\r", []),
}


@pytest.mark.parametrize("name", CASES)
def test_frames_are_those_of_the_specification_at_every_cut(name: str) -> None:
    data, expected = CASES[name]
    want = [Frame(*pair) for pair in expected]
    assert frames([data]) == want
    assert by_the_book(data) == want
    assert frames(byte_by_byte(data)) == want
    for pieces in two_way_splits(data):
        assert frames(pieces) == want


LINE = st.one_of(
    st.sampled_from([b"", b"", b":c", b"data", b"event", b"id: 1", b"event: e", b"data:x", b"data: [DONE]", BOM]),
    st.binary(max_size=6).map(lambda raw: b"data: " + raw),
)


@given(
    st.lists(st.tuples(LINE, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=12),
    st.booleans(),
    st.lists(st.integers(0, 120), max_size=6),
)
def test_any_partition_gives_the_frames_of_the_specification(
    lines: list[tuple[bytes, bytes]], mark: bool, cuts: list[int]
) -> None:
    data = BOM * mark + b"".join(line + end for line, end in lines)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    assert frames(pieces) == by_the_book(data)


@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 20))
def test_bytes_of_any_kind_with_a_bound_give_the_same_at_every_cut(data: bytes, cut: int, bound: int) -> None:
    whole = frames([data], max_frame=bound)
    assert frames([data[:cut], data[cut:]], max_frame=bound) == whole
    assert frames(byte_by_byte(data), max_frame=bound) == whole


def test_a_frame_is_given_out_as_soon_as_it_is_complete() -> None:
    decoder = SSEDecoder()
    decoder.receive_data(b"data: a\r\n\r")
    assert decoder.next_frame() == Frame(b"", b"a")
    assert decoder.next_frame() is None
    decoder.receive_data(b"\ndata: b\n\ndata: c")
    assert decoder.next_frame() == Frame(b"", b"b")
    assert decoder.next_frame() is None


@pytest.mark.parametrize("step", [1, 3, 100])
def test_a_frame_over_the_bound_is_an_error_and_one_at_the_bound_is_not(step: int) -> None:
    fits, outgrown = b"data: " + b"x" * 14, b"data: " + b"x" * 15

    def cut(data: bytes) -> list[bytes]:
        return [data[n : n + step] for n in range(0, len(data), step)]

    error = "a server-sent event is larger than 20 bytes"
    assert frames(cut(b"data: a\n\n" + fits + b"\n\n"), max_frame=20) == [Frame(b"", b"a"), Frame(b"", b"x" * 14)]
    assert frames(cut(fits), max_frame=20) == [Frame(b"", b"x" * 14)]
    assert frames(cut(b"data: a\n\n" + outgrown + b"\n\n"), max_frame=20) == [Frame(b"", b"a"), error]
    assert frames(cut(outgrown), max_frame=20) == [error]


def test_the_bound_is_met_before_the_frame_ends_and_stays_an_error() -> None:
    decoder = SSEDecoder(max_frame=10)
    decoder.receive_data(b"data: " + b"x" * 100)
    for _ in range(2):
        with pytest.raises(PeerError, match="larger than 10 bytes"):
            decoder.next_frame()


def test_small_frames_never_add_up_to_the_bound() -> None:
    assert len(frames([b"data: a\n\n"] * 100, max_frame=10)) == 100


def _seconds(size: int) -> float:
    piece = b"x" * 65_536
    best = 9.0
    for _ in range(3):
        decoder = SSEDecoder()
        decoder.receive_data(b"data: ")
        start = time.process_time()
        for _ in range(size // len(piece)):
            decoder.receive_data(piece)
            assert decoder.next_frame() is None
        best = min(best, time.process_time() - start)
        decoder.receive_data(b"\n\n")
        frame = decoder.next_frame()
        assert frame is not None
        assert len(frame.data) == size
    return best


def test_a_large_frame_in_small_pieces_costs_linear_time() -> None:
    """Eight times the bytes may cost more than eight times the time (allocation, to sixteen times), not sixty-four times."""
    small, large = 5 << 20, 40 << 20
    assert _seconds(large) < 32 * max(_seconds(small), 0.002)


@pytest.mark.parametrize("before", [b"", b"data: the beginning of "])
def test_what_was_taken_is_not_kept(before: bytes) -> None:
    """More may be long in coming, as where the reader of the events is slow."""
    decoder = SSEDecoder()
    decoder.receive_data(before)
    assert decoder.next_frame() is None
    tracemalloc.start()
    try:
        decoder.receive_data(b"data: some words\n\n" * 3000 + b"data: the beginning of ")
        while decoder.next_frame() is not None:
            pass
        assert tracemalloc.get_traced_memory()[0] < 2000
    finally:
        tracemalloc.stop()
