"""Undoes the content coding of a response that should have had none.

The gateway asks for `identity`; some servers and proxies compress regardless. Their bytes are decoded or refused, never
handed on as if they were the body.
"""

import zlib
from typing import Final, Protocol

from hyperinfer.providers.transport_errors import Disconnected, GarbledResponse

_PIECE: Final = 256 * 1024
"""Most bytes that one step of decoding may make out of few: a bomb comes out in pieces that the reader can stop at."""


class Decoder(Protocol):
    """Decodes a body piece by piece. Raises `GarbledResponse` for bytes that are not of its coding."""

    def feed(self, data: bytes) -> None:
        """Takes encoded bytes; call `take` until it gives nothing before the next ones."""
        ...

    def take(self) -> bytes:
        """Some decoded bytes, at most 256 KiB; empty when more have to be fed."""
        ...

    def end(self) -> None:
        """The body has ended. Raises `Disconnected` when its coding has not."""
        ...


def decoder_for(content_encoding: str) -> Decoder | None:
    """The decoder for a `Content-Encoding` header, None where there is nothing to undo.

    Raises `GarbledResponse` for a coding that we did not ask for and do not know (br, zstd, several in a row).
    """
    codings = [coding for part in content_encoding.split(",") if (coding := part.strip().lower()) not in ("", "identity")]
    match codings:
        case []:
            return None
        case ["gzip" | "x-gzip"]:
            return _ZlibDecoder(_GZIP)
        case ["deflate"]:
            return _ZlibDecoder(_UNKNOWN_DEFLATE)
        case _:
            raise GarbledResponse(f"the response has the content coding {content_encoding[:100]!r}")


_GZIP: Final = 16 + zlib.MAX_WBITS
_UNKNOWN_DEFLATE: Final = 0
"""`deflate` means zlib (RFC 9110, 8.4.1.2), and raw deflate with some servers. The first byte tells."""


class _ZlibDecoder:
    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._inflater = None if window_bits == _UNKNOWN_DEFLATE else zlib.decompressobj(window_bits)
        self._waiting = b""
        self._started = False

    def feed(self, data: bytes) -> None:
        self._started = self._started or bool(data)
        if self._inflater is None and data:
            # The low half of a zlib header's first byte is 8. Raw, that would be a stored block with a bit set in the
            # padding behind its three bits of header, which no compressor writes.
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS)
        self._waiting += data

    def take(self) -> bytes:
        while self._waiting and self._inflater is not None:
            inflater = self._inflater
            if inflater.eof:
                if self._window_bits != _GZIP:
                    raise GarbledResponse("bytes after the end of a deflated body")
                inflater = self._inflater = zlib.decompressobj(_GZIP)  # the next member of a gzip file
            try:
                decoded = inflater.decompress(self._waiting, _PIECE)
            except zlib.error as error:
                raise GarbledResponse(f"the response is not what its content coding says: {error}") from error
            self._waiting = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if decoded:
                return decoded
        return b""

    def end(self) -> None:
        if self._started and (self._inflater is None or not self._inflater.eof):
            raise Disconnected("the compressed body of the response is cut off")
