"""A compressed response that nobody asked for is decoded or refused."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.providers.content_coding import decoder_for
from hyperinfer.providers.transport_errors import Disconnected, GarbledResponse


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


def decoded(coding: str, pieces: list[bytes]) -> bytes:
    decoder = decoder_for(coding)
    assert decoder is not None
    body = b""
    for piece in pieces:
        decoder.feed(piece)
        while part := decoder.take():
            assert len(part) <= 256 * 1024
            body += part
    decoder.end()
    return body


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    " GZIP , identity": gzip.compress,
}


@pytest.mark.parametrize("coding", ENCODERS)
@given(data=st.binary(max_size=200), cut=st.integers(0, 300))
def test_any_split(coding: str, data: bytes, cut: int) -> None:
    encoded = ENCODERS[coding](data)
    assert decoded(coding, [encoded[:cut], encoded[cut:]]) == data
    assert decoded(coding, [encoded[i : i + 1] for i in range(len(encoded))]) == data


@given(st.binary(max_size=200))
def test_raw_deflate(data: bytes) -> None:
    assert decoded("deflate", [raw_deflate(data)]) == data


def test_several_gzip_members() -> None:
    both = gzip.compress(b"one") + gzip.compress(b"two")
    assert decoded("gzip", [both[i : i + 1] for i in range(len(both))]) == b"onetwo"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_every_prefix_is_cut_off(coding: str) -> None:
    encoded = ENCODERS[coding](b"hello world")
    for cut in range(1, len(encoded)):
        with pytest.raises(Disconnected):
            decoded(coding, [encoded[:cut]])


def test_an_empty_body_is_empty() -> None:
    assert decoded("gzip", []) == b""


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "x-evil"])
def test_other_codings_are_refused(coding: str) -> None:
    with pytest.raises(GarbledResponse):
        decoder_for(coding)


@pytest.mark.parametrize(
    ("coding", "body"), [("gzip", b"plain text"), ("deflate", b"\x78\x9cplain"), ("deflate", zlib.compress(b"a") + b"b")]
)
def test_bytes_of_no_coding_are_refused(coding: str, body: bytes) -> None:
    with pytest.raises(GarbledResponse):
        decoded(coding, [body])


@pytest.mark.parametrize("coding", ["", "identity", "identity, identity"])
def test_nothing_to_undo(coding: str) -> None:
    assert decoder_for(coding) is None


def test_a_bomb_comes_out_in_bounded_pieces() -> None:
    decoder = decoder_for("gzip")
    assert decoder is not None
    decoder.feed(gzip.compress(b"\0" * 50_000_000))
    assert len(decoder.take()) <= 256 * 1024
