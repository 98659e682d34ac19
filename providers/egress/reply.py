"""What a server of a caller's choosing answered: its head read with suspicion, its body within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from hyperinfer.providers.content_coding import Decoder, decoder_for
from hyperinfer.providers.egress.errors import EgressError
from hyperinfer.providers.transport_errors import GarbledResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

_MEDIA_TYPE: Final = re.compile(r"\s*([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)\s*(?:;|\Z)", re.IGNORECASE)
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([a-z0-9_.:-]{1,40})\"?", re.IGNORECASE)
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_SLICE: Final = 4096
"""Encoded bytes that are decoded between two looks at what came out."""


@dataclass(frozen=True, slots=True)
class ReplyHead:
    """The part of a head that means something here. `media_type` is lower-case, empty where there is no readable one."""

    status: int
    media_type: str
    charset: str | None
    length: int | None
    coding: str
    location: str | None

    @property
    def redirects(self) -> bool:
        return self.status in _REDIRECTS and self.location is not None


def read_head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> ReplyHead:
    """Of headers that are given more than once, the first counts, save that all content codings do."""
    first: dict[str, str] = {}
    codings: list[str] = []
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        first.setdefault(name, value)
        if name == "content-encoding":
            codings.append(value)
    content_type = first.get("content-type", "")
    media_type, charset = _MEDIA_TYPE.match(content_type), _CHARSET.search(content_type)
    length = first.get("content-length", "")
    return ReplyHead(
        status=status,
        media_type=media_type[1].lower() if media_type else "",
        charset=charset[1].lower() if charset else None,
        length=int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None,
        coding=",".join(codings),
        location=first.get("location"),
    )


def check_status(head: ReplyHead) -> None:
    """Raises EgressError for all that is not a success."""
    status = head.status
    if 200 <= status < 300 and status != 206:
        return
    if status in (404, 410):
        raise EgressError("not_found", f"the server says that there is no such page (status {status})")
    if status in (401, 402, 403, 407, 451):
        raise EgressError("refused", f"the server does not give this page to everybody (status {status})")
    raise EgressError("unavailable", f"the server answered with status {status} and no page")


async def read_body(head: ReplyHead, pieces: AsyncIterable[bytes], limit: int) -> bytes:
    """The decoded body. Raises EgressError when it has, or says that it has, more than `limit` bytes, and when its content
    coding is none that we asked for. What it takes to get there is bounded too: encoded bytes count as well as decoded
    ones, and a small piece that decodes to much is not decoded to its end."""
    too_large = EgressError("too_large", f"the file is larger than {limit // 1024} KiB, which is the most that is read")
    if head.length is not None and head.length > limit:
        raise too_large
    decoder = _decoder(head.coding)
    body = bytearray()
    taken = 0
    async for piece in pieces:
        taken += len(piece)
        if taken > limit:
            raise too_large
        if decoder is None:
            body += piece
        else:
            await _decode(decoder, piece, body, limit, too_large)
    if decoder is not None:
        decoder.end()
    return bytes(body)


def _decoder(coding: str) -> Decoder | None:
    try:
        return decoder_for(coding)
    except GarbledResponse as error:
        raise _undecodable(error) from error


async def _decode(decoder: Decoder, piece: bytes, body: bytearray, limit: int, too_large: EgressError) -> None:
    for start in range(0, len(piece), _SLICE):
        decoder.feed(piece[start : start + _SLICE])
        try:
            while decoded := decoder.take():
                body += decoded
                if len(body) > limit:
                    raise too_large
        except GarbledResponse as error:
            raise _undecodable(error) from error
        # Decoding is work on the event loop: others get their turn in between.
        await trio.lowlevel.checkpoint()


def _undecodable(error: GarbledResponse) -> EgressError:
    return EgressError("unsupported", "the server sent something that cannot be decoded", str(error))


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
